"""The questions of a sceptic, asked of links that do and of links that do not do what they declare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.fidelity.judging import (
    Check,
    Queued,
    fluid_queue,
    jitter_checks,
    loss_checks,
    order_checks,
    queue_checks,
    window_rates_mbps,
)
from experiments.fidelity.links import BURSTS, KINDS
from topology.burstloss import GilbertElliott
from topology.emulation.injection import Sightings
from topology.emulation.links import LinkProperties
from topology.emulation.links.schedule import queue_of
from topology.variation import JitterDistribution

NORMAL = KINDS["normal jitter"]
GAP_NS = 13_000_000


def _carried(properties: LinkProperties, frames: int, gap_ns: int = GAP_NS, late_ns: int = 0) -> Sightings:
    """What is seen of frames that a link of our own carries, each ``late_ns`` after its time."""
    queue, seen = queue_of(properties, "7/l/ab"), Sightings()
    arrived = []
    for number in range(frames):
        now_ns = number * gap_ns
        seen.left.append((number, now_ns))
        before = queue.lost
        queue.push(number.to_bytes(4), now_ns, now_ns)
        if queue.lost == before and not properties.reorders:
            due_ns = queue.next_due_ns()
            assert due_ns is not None
            arrived.append((due_ns + late_ns, int.from_bytes(queue.pop())))
    seen.arrived = [(number, at) for at, number in sorted(arrived)]
    return seen


def _failing(checks: list[Check]) -> list[str]:
    return [check.what for check in checks if not check.holds]


@pytest.mark.parametrize("distribution", list(JitterDistribution))
def test_a_link_that_varies_as_declared_passes_though_the_machine_adds_a_little(
    distribution: JitterDistribution,
) -> None:
    declared = KINDS[f"{distribution} jitter"]
    for late_ns in (0, 120_000):
        assert _failing(jitter_checks(declared, [_carried(declared, 800, late_ns=late_ns)], 0.15, "x")) == []


@pytest.mark.parametrize(
    "really",
    [
        replace(NORMAL, jitter_distribution=JitterDistribution.UNIFORM),
        replace(NORMAL, jitter_distribution=JitterDistribution.PARETO),
        replace(NORMAL, jitter_ms=0.7),
        replace(NORMAL, jitter_ms=3.0),
        replace(NORMAL, jitter_ms=0.0),
        replace(NORMAL, delay_ms=13.0),
    ],
)
def test_one_that_varies_otherwise_is_found(really: LinkProperties) -> None:
    assert _failing(jitter_checks(NORMAL, [_carried(really, 800)], 0.15, "x")) != []


def test_losses_as_declared_pass() -> None:
    single = KINDS["single losses"]
    bursts = KINDS["losses in bursts"]
    assert _failing(loss_checks(GilbertElliott(0.05, 0.95), _carried(single, 3000), "x")) == []
    assert _failing(loss_checks(BURSTS, _carried(bursts, 3000), "x")) == []


@pytest.mark.parametrize(
    ("declared", "really"),
    [
        (BURSTS, GilbertElliott(BURSTS.loss_ratio, 1 - BURSTS.loss_ratio)),  # as many, but each by itself
        (GilbertElliott(0.05, 0.95), GilbertElliott(0.0125, 0.2375)),  # as many, but in bursts
        (BURSTS, GilbertElliott(0.04, 0.25)),
        (BURSTS, GilbertElliott(0.02, 0.5)),
        (BURSTS, GilbertElliott(0.02, 0.25, 0.5)),
    ],
)
def test_other_losses_are_found(declared: GilbertElliott, really: GilbertElliott) -> None:
    properties = LinkProperties(50, 1, loss_ratio=really.loss_ratio, burst_loss=really)
    assert _failing(loss_checks(declared, _carried(properties, 3000), "x")) != []


def test_bursts_of_one_length_are_no_geometric_ones() -> None:
    """Always four, as many as declared on average."""
    source, seen, number = Random(1), Sightings(), 0
    while number < 6000:
        lost = source.random() < BURSTS.good_to_bad
        for _ in range(4 if lost else 1):
            seen.left.append((number, number))
            if not lost:
                seen.arrived.append((number, number))
            number += 1
    assert any("bursts of more than" in what for what in _failing(loss_checks(BURSTS, seen, "x")))


def test_order_and_copies() -> None:
    def seen(*numbers: int) -> Sightings:
        return Sightings([], [(number, at) for at, number in enumerate(numbers)])

    assert _failing(order_checks(seen(1, 2, 3), "x")) == []
    assert _failing(order_checks(seen(2, 1, 3), "x")) == ["x: frames out of order"]
    assert _failing(order_checks(seen(1, 2, 2, 3), "x")) == ["x: frames that came twice"]
    assert _failing(order_checks(seen(2, 1, 3), "x", reorders=True)) == []
    assert _failing(order_checks(seen(1, 2, 3), "x", reorders=True)) == ["x: frames that overtook another"]


def test_rates_of_windows() -> None:
    second = 1_000_000_000
    seen = Sightings([], [(n, n * 1_000_000 + (second if n >= 1000 else 0)) for n in range(2001)])
    assert window_rates_mbps(seen, 1250, 0, second) == [10.0, 0.0, 10.0]
    assert window_rates_mbps(Sightings(), 1250, 0, second) == []


def _queue(rate_mbps: float, gap_ns: int, frames: int = 1000, queue_bytes: int = 125_000) -> list[Queued]:
    return fluid_queue([n * gap_ns for n in range(frames)], 1250, rate_mbps, 2500, queue_bytes)


def test_the_fluid_queue_grows_by_what_is_too_much_until_it_is_full() -> None:
    model = _queue(20, 400_000)  # 25 Mbit/s into 20
    waits = [frame.wait_ms for frame in model]
    assert waits[0] == 0
    # After 0.1 s, 62,500 bytes too much less what the bucket took, at 20 Mbit/s.
    assert waits[250] == pytest.approx((62_500 - 2500 + 1250) * 8 / 20e3, abs=0.6)
    dropped = sum(wait is None for wait in waits[600:])
    assert dropped == pytest.approx(80, abs=2)  # one in five
    assert max(wait for wait in waits if wait is not None) <= 50.001
    assert all(frame.wait_ms == 0 for frame in _queue(20, 600_000))


@given(st.floats(1, 50), st.integers(100_000, 2_000_000), st.integers(2500, 200_000))
def test_the_fluid_queue_never_holds_more_than_fits(rate_mbps: float, gap_ns: int, queue_bytes: int) -> None:
    longest_ms = queue_bytes * 8e-3 / rate_mbps
    for frame in _queue(rate_mbps, gap_ns, 200, queue_bytes):
        assert frame.wait_ms is None or 0 <= frame.wait_ms <= longest_ms + 1e-6


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        (lambda model: model, False),
        (lambda model: _queue(18, 400_000), True),  # the link is slower
        (lambda model: _queue(20, 400_000, queue_bytes=60_000), True),  # the queue shorter
        (lambda model: _queue(20, 400_000, queue_bytes=1_000_000), True),  # and longer
    ],
)
def test_another_queue_is_found(change: Callable[[list[Queued]], list[Queued]], fails: bool) -> None:
    declared = _queue(20, 400_000)
    really = change(declared)
    left = {
        number: frame.put_ns + round(frame.wait_ms * 1e6)
        for number, frame in enumerate(really)
        if frame.wait_ms is not None
    }
    assert bool(_failing(queue_checks(declared, left, 1.5, 0.1))) is fails
