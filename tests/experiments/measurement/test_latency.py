"""When test packets are sent, and what is refused before any is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.endpoint import Endpoint
from experiments.measurement.latency import measure_latency, schedule
from topology.errors import InputError

A, B = Endpoint("a", "10.0.0.1", "/nowhere/a"), Endpoint("b", "10.0.0.2", "/nowhere/b")


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 1000), st.integers(0, 2**32))
def test_each_pair_has_its_turn(pairs: int, samples: int, interval_ms: float, seed: int) -> None:
    plan = list(schedule(pairs, samples, interval_ms, seed))
    assert len(plan) == pairs * samples
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(plan)), "in order of time"
    turns: dict[int, set[int]] = {}
    for number, (due_ms, pair, sequence) in enumerate(plan):
        assert sequence == number // pairs
        turns.setdefault(pair, set()).add(number % pairs)
        assert sequence * interval_ms <= due_ms <= (sequence + 1) * interval_ms * (1 + 1e-9)
    assert all(len(turn) == 1 for turn in turns.values()), "always the same turn"
    assert set(turns) == set(range(pairs))


def test_the_seed_decides() -> None:
    assert list(schedule(3, 50, 20, seed=1)) == list(schedule(3, 50, 20, seed=1))
    assert list(schedule(3, 50, 20, seed=1)) != list(schedule(3, 50, 20, seed=2))


@pytest.mark.parametrize(
    ("pairs", "change", "words"),
    [
        ([], {}, "1 to 1000 pairs"),
        ([(A, B), (A, B)], {}, "each named once"),
        ([(A, B)], {"samples": 0}, "must be positive"),
        ([(A, B)], {"interval_ms": 0}, "must be positive"),
        ([(A, B)], {"wait_ms": -1}, "must be positive"),
        ([(A, B)], {"dscp": 64}, "64 is no DSCP"),
        ([(A, B)], {"payload_bytes": 45}, "cannot have 45 bytes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, pairs: list[tuple[Endpoint, Endpoint]], change: dict[str, float], words: str
) -> None:
    settings = {"samples": 1, "interval_ms": 1, "dscp": 0, "seed": 1, **change}
    with pytest.raises(InputError, match=words):
        measure_latency(pairs, samples_file=tmp_path / "s.jsonl", **settings)
    assert list(tmp_path.iterdir()) == []
