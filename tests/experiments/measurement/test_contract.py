"""Contract traffic: the schedule keeps to the bucket and takes all of it; what was sent is checked; files."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.measurement.contract import Behaviour, ContractFlow, conformance, outcomes
from experiments.measurement.contract.flooder import DUTY, switching_ns
from experiments.measurement.contract.flows import Pace, episodes
from experiments.measurement.contract.outcome import FORMATS
from experiments.measurement.endpoint import Endpoint
from topology.errors import InputError

A, B = Endpoint("a", "10.0.1.2", "/proc/1/ns/net"), Endpoint("b", "10.0.2.2", "/proc/2/ns/net")
FLOW = ContractFlow("f", A, B, 50_000, 2_000_000, 12_112)


def _schedule(flow: ContractFlow, count: int, late_ns: int = 0) -> list[tuple[int, int]]:
    """Packets as the sender would send them; it wakes up late by ``late_ns`` whenever it has slept."""
    pace, sent, now_ns = Pace(flow, 0, 1, 20_000_000), [], -1
    for _ in range(count):
        now_ns = pace.due_ns + late_ns if pace.due_ns > now_ns else now_ns
        at_ns, size = now_ns, pace.frame_bytes
        sent.append((at_ns, size))
        pace.sent(at_ns)
    return sent


@given(st.integers(200_000, 50_000_000), st.integers(6_000, 400_000), st.integers(0, 3_000_000))
@settings(max_examples=40)
def test_greedy_takes_all_the_contract_allows_and_no_more(
    rate_bps: int, burst_bits: int, late_ns: int
) -> None:
    flow = replace(FLOW, rate_bps=rate_bps, burst_bits=burst_bits)
    found = conformance(_schedule(flow, 400, late_ns), rate_bps, burst_bits)
    assert found.conforming
    assert found.deepest_bits > flow.usable_bits - 8 * 1514


def test_greedy_sends_at_exactly_the_rate_within_an_episode() -> None:
    first = next(episodes(FLOW, 0, 1))
    within = [(at, size) for at, size in _schedule(FLOW, 2000) if first.begin_ns <= at < first.end_ns]
    sent_bits = sum(8 * size for _at, size in within)
    lasting_ns = within[-1][0] - within[0][0]
    assert sent_bits == pytest.approx(FLOW.usable_bits + lasting_ns * FLOW.rate_bps / 1e9, rel=0.02)


def test_pauses_refill_the_bucket_and_all_begin_together_sometimes() -> None:
    refill_ns = FLOW.burst_bits * 10**9 // FLOW.rate_bps
    ours, theirs = (list(islice(episodes(FLOW, number, 7), 40)) for number in (0, 1))
    for before, after in pairwise(ours):
        assert after.begin_ns - before.end_ns >= refill_ns
    together = [one.begin_ns == other.begin_ns for one, other in zip(ours, theirs, strict=True)]
    assert 5 < sum(together) < 35
    assert ours == list(islice(episodes(FLOW, 0, 7), 40))


def test_sparse_packets_are_far_apart_and_steady_ones_at_the_rate() -> None:
    sparse = _schedule(replace(FLOW, behaviour=Behaviour.SPARSE), 100)
    assert min(b[0] - a[0] for a, b in pairwise(sparse)) >= 10_000_000
    steady = _schedule(replace(FLOW, behaviour=Behaviour.STEADY), 500)
    rate = sum(8 * size for _at, size in steady[1:]) / (steady[-1][0] - steady[0][0]) * 1e9
    assert rate == pytest.approx(FLOW.rate_bps, rel=0.01)


def test_conformance_against_hand_counted_values() -> None:
    # 1000 bits at once at 1 bit per ns would be conforming; the third packet comes 100 ns too early.
    sent = [(0, 125), (1000, 125), (1900, 125), (5000, 125)]
    found = conformance(sent, 10**9, 1000)
    assert (found.packets, found.bits, found.deepest_bits, found.excess_bits, found.beyond) == (
        4,
        4000,
        1100,
        100,
        1,
    )
    assert not found.conforming
    assert conformance([], 1, 1).conforming


@given(st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(64, 1514)), min_size=1, max_size=60))
def test_conformance_is_the_definition(gaps: list[tuple[int, int]]) -> None:
    """For every stretch of packets: bits <= b + r * time, by the definition of an arrival curve."""
    sent, at_ns = [], 0
    for gap_ns, size in gaps:
        at_ns += gap_ns
        sent.append((at_ns, size))
    rate = 2_000_000
    worst = max(
        sum(8 * size for _at, size in sent[first : last + 1])
        - Fraction((sent[last][0] - sent[first][0]) * rate, 10**9)
        for first in range(len(sent))
        for last in range(first, len(sent))
    )
    assert conformance(sent, rate, 1).deepest_bits == -(-worst.numerator // worst.denominator)


def _files(folder: Path, sent: str, received: str) -> tuple[Path, Path]:
    paths = folder / "x.sent.jsonl", folder / "x.received.jsonl"
    for path, kind, lines in zip(paths, FORMATS, (sent, received), strict=True):
        header = {"format": FORMATS[kind], "version": 1, "flows": [FLOW.to_dict()]}
        path.write_text(json.dumps(header) + "\n" + lines)
    return paths


def test_outcomes_are_read_from_the_files_alone(tmp_path: Path) -> None:
    sent = "[0,0,1000,200,1]\n[0,1,2000,200,1]\n[0,2,3000,200,0]\n[0,3,4000,200,1]\n[0,4,50"
    received = "[0,0,1500,44]\n[0,2,3600,44]\n[0,1,3700,45]\n[0,1,3800,44]\n"
    found = outcomes(*_files(tmp_path, sent, received))["f"]
    assert (found.sent, found.lost, found.duplicated, found.reordered) == (4, 1, 1, 1)
    assert found.delays_ns == [500, 1700, 600]
    assert (found.dscp, found.user_stamps, found.received_bits) == ((44, 45), 1, 4800)
    assert found.flow == FLOW


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    paths = _files(tmp_path, "[0,0,1000\n", "")
    with pytest.raises(InputError, match="damaged"):
        outcomes(*paths)


def test_floods_are_on_for_the_share_of_time_that_rates_count_on() -> None:
    lasts = list(islice(switching_ns("1/0"), 4000))
    assert sum(lasts[::2]) / sum(lasts) == pytest.approx(DUTY, rel=0.02)
