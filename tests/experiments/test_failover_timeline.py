"""Figures of one fault, from packets made up for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from experiments.failover.record import packets
from experiments.failover.timeline import Observation, timeline
from experiments.measurement.stream import ARRIVED, EXPIRED, LEFT, Seen

MS = 1_000_000
BEGAN = 5_000 * MS
PATH, ROUND = (44, 61), (45, 59)


def observation(
    fate: Callable[[int], tuple[float, tuple[int, int]] | None], extra: list[Seen] | None = None
) -> Observation:
    """A packet each ms from 100 ms before to 400 ms after the fault, mended after 300; ``fate`` by ms."""
    scheduled = {number: BEGAN + (number - 100) * MS for number in range(500)}
    seen = []
    for number, sent_ns in scheduled.items():
        known = fate(number - 100)
        if known is not None:
            delay_ms, (dscp, ttl) = known
            seen.append(Seen(ARRIVED, 0, number, sent_ns, sent_ns + round(delay_ms * MS), ttl, dscp))
    return Observation(
        began_ns=BEGAN,
        mended_ns=BEGAN + 300 * MS,
        scheduled_ns=scheduled,
        seen=[*seen, *(extra or [])],
        upstream_ns=0,
        noticed_ns=BEGAN + 25 * MS,
        barrier_ns=BEGAN + 60 * MS,
    )


def cut(at_ms: int) -> tuple[float, tuple[int, int]] | None:
    """Seven under way, 30 lost at the fault, then round until 310."""
    if -7 <= at_ms < 30:
        return None
    return (14.0, ROUND) if 30 <= at_ms < 310 else (7.5, PATH)


def test_a_cut_is_taken_apart() -> None:
    found = timeline(observation(cut), MS)
    assert (found.sent, found.lost, found.under_way) == (500, 37, 7)
    assert found.interruption_ms == 30.0
    assert (found.last_ms, found.first_ms) == (-0.5, 44.0)
    assert found.pause_ms == 44.5
    assert (found.detected_ms, found.barrier_ms) == (25.0, 60.0)
    assert found.worst_ms == 14.0
    assert found.duplicated == found.expired == 0
    assert found.reordered == 6  # the last on the way round, overtaken by the first by the path again
    assert found.restored_ms == 23.5


def test_what_the_fault_did_not_touch_has_no_events() -> None:
    found = timeline(observation(lambda _ms: (7.5, PATH)), MS)
    assert (found.lost, found.interruption_ms) == (0, 0.0)
    assert found.first_ms is None
    assert found.switched_ms is None
    assert found.restored_ms == pytest.approx(0, abs=1)


def test_packets_that_reach_the_fault_after_it_began_count_though_sent_before() -> None:
    far = observation(cut)
    moved = Observation(
        far.began_ns, far.mended_ns, far.scheduled_ns, far.seen, 5 * MS, far.noticed_ns, far.barrier_ns
    )
    found = timeline(moved, MS)
    assert (found.under_way, found.interruption_ms) == (2, 35.0)


def test_copies_and_loops_are_seen() -> None:
    sent_ns = BEGAN + 200 * MS
    copy = Seen(ARRIVED, 0, 300, sent_ns, sent_ns + 20 * MS, 59, 45)
    loop = Seen(EXPIRED, 0, 0, 0, BEGAN + 90 * MS, 0, 44)
    gone = [Seen(LEFT, 0, 140, BEGAN + 40 * MS, BEGAN + 41 * MS, 62, 45)]
    found = timeline(observation(cut, [copy, loop, *gone]), MS)
    assert (found.duplicated, found.expired, found.switched_ms) == (1, 1, 41.0)


def test_everything_lost_is_told_too() -> None:
    found = timeline(observation(lambda _ms: None), MS)
    assert (found.lost, found.worst_ms, found.restored_ms) == (500, None, None)
    assert found.pause_ms == 0.0


def test_the_record_keeps_the_packets_around_the_fault_and_the_first_of_copies() -> None:
    sent_ns = BEGAN + 50 * MS
    copy = Seen(ARRIVED, 0, 150, sent_ns, sent_ns + 99 * MS, 1, 1)
    kept = packets(observation(cut, [copy]))
    assert (kept[0][0], kept[-1][0], len(kept)) == (-30.0, 150.0, 181)
    assert kept[30 + 10] == (10.0, None, 0, 0)
    assert kept[30 + 50] == (50.0, 64.0, 45, 59)
