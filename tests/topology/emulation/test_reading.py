"""Whether a link does what it declares: tolerances, losses, rate and order out of what was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.burstloss import GilbertElliott
from topology.emulation.injection import Direction, Sightings, Train
from topology.emulation.layout import LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties
from topology.emulation.links.shaped import Shaped, ShapedClass
from topology.emulation.readback import FRAMES_PER_SECOND, _reading, pipe_faults, shape_faults
from topology.emulation.reading import LinkReading, Tolerance, burst_loss_credible, loss_credible
from topology.emulation.trains import groups_of, train_of
from topology.variation import JitterDistribution

DECLARED = LinkProperties(rate_mbps=100, delay_ms=5, queue_bytes=250_000)
LINK = LinkLayout("a--b", 1, LinkEnd("a", 2, "s1-p2", "w1a"), LinkEnd("b", 2, "s2-p2", "w1b"), DECLARED)
GOOD = LinkReading("a--b", "a", "b", DECLARED, 40, 5.0, 5.01, 5.05, 99.8, 300, 0, 0, 0)


def test_a_good_link_has_no_problems() -> None:
    assert GOOD.problems() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"delay_median_ms": 5.26}, "delay 5.260 ms, declared 5.000 ms (tolerance 0.250 ms)"),
        ({"delay_median_ms": 4.74}, "delay 4.740 ms, declared 5.000 ms (tolerance 0.250 ms)"),
        ({"rate_mbps": 94.9}, "rate 94.900 Mbit/s, declared 100.000 Mbit/s (tolerance 5%)"),
        ({"rate_mbps": None}, "too few frames came through to measure the rate"),
        ({"lost": 1}, "lost 1 of 300 frames, declared 0.0000%"),
        ({"reordered": 2}, "2 of 300 frames came out of order"),
        ({"duplicated": 3}, "3 of 300 frames came twice"),
        ({"delay_median_ms": None}, "none of 300 frames came through"),
        ({"faults": ("s1-p2 has no shaper",)}, "s1-p2 has no shaper"),
    ],
)
def test_each_problem_is_said(change: dict[str, object], said: str) -> None:
    assert replace(GOOD, **change).problems() == [said]


def test_tolerance_grows_with_delay_and_jitter() -> None:
    far = replace(GOOD, declared=replace(DECLARED, delay_ms=100), delay_median_ms=102.9)
    assert far.problems() == []
    shaky = replace(GOOD, declared=replace(DECLARED, jitter_ms=2), delay_median_ms=5.0 + 1.5)
    assert shaky.problems() == []
    assert replace(shaky, delay_median_ms=5.0 + 1.6).problems() != []
    assert GOOD.problems(Tolerance(delay_ratio=0, delay_ms=0.001)) != []


def test_a_skewed_jitter_has_its_own_median() -> None:
    declared = replace(DECLARED, jitter_ms=2, jitter_distribution=JitterDistribution.PARETO)
    assert declared.median_delay_ms == pytest.approx(4.3598, abs=1e-4)
    skewed = replace(GOOD, declared=declared, delay_median_ms=4.36)
    assert skewed.problems() == []
    assert replace(skewed, delay_median_ms=5.6).problems() == [
        "delay 5.600 ms, declared 4.360 ms (tolerance 0.958 ms)"
    ]


def test_a_variation_of_another_shape_is_said() -> None:
    declared = replace(DECLARED, jitter_ms=2)
    far = replace(GOOD, declared=declared, jitter_distance=0.5)
    assert far.problems() == ["the delays are no uniform variation of 2 ms: off by 50% of 40 frames"]
    assert replace(far, jitter_distance=0.3).problems() == []  # so few frames may be so far off


def test_order_is_no_matter_where_links_reorder() -> None:
    declared = replace(DECLARED, jitter_ms=2, reorders=True)
    assert replace(GOOD, declared=declared, reordered=7).problems() == []
    assert replace(GOOD, declared=declared, duplicated=1).problems() == ["1 of 300 frames came twice"]


def test_losses_in_bursts_are_judged_as_such() -> None:
    bursts = GilbertElliott(0.02, 0.2)
    declared = replace(DECLARED, loss_ratio=bursts.loss_ratio, burst_loss=bursts)
    alone = replace(DECLARED, loss_ratio=bursts.loss_ratio)
    many = replace(GOOD, lost=75, declared=declared)
    assert many.problems() == []
    assert replace(many, declared=alone).problems() == ["lost 75 of 300 frames, declared 9.0909%"]
    assert replace(many, lost=200).problems() == ["lost 200 of 300 frames, declared 9.0909% in bursts"]
    assert burst_loss_credible(0, 100, bursts, 1e-6)
    assert not burst_loss_credible(0, 2000, bursts, 1e-6)


def test_the_distance_of_the_jitter_is_taken_from_frames_far_apart_only() -> None:
    declared = replace(DECLARED, jitter_ms=2)
    link = replace(LINK, properties=declared)
    train = Train(frames=200, frame_bytes=1250, ahead_bytes=100_000)

    def distance(gap_ns: int, of: LinkLayout = link) -> float | None:
        return _reading(of, True, _seen(5_100_000, gap_ns, 40), Sightings(), train).jitter_distance

    steady = distance(10_000_000)
    assert steady is not None
    assert steady == pytest.approx(0.4625, abs=0.001)  # all at the mean, but for 0.25 ms of 2
    assert distance(3_000_000) is None
    assert distance(3_000_000, replace(link, properties=replace(declared, reorders=True))) is not None
    assert distance(10_000_000, LINK) is None


def test_credible_losses() -> None:
    assert loss_credible(0, 1000, 0.0, 1e-6)
    assert not loss_credible(1, 1000, 0.0, 1e-6)
    assert loss_credible(10, 1000, 0.01, 1e-6)
    assert not loss_credible(40, 1000, 0.01, 1e-6)
    assert not loss_credible(0, 2000, 0.01, 1e-6)
    assert loss_credible(0, 40, 0.01, 1e-6)
    assert loss_credible(5, 5, 1.0, 1e-6)
    assert loss_credible(0, 0, 0.5, 1e-6)


@given(st.integers(1, 3000), st.floats(1e-5, 0.9))
def test_the_expected_loss_is_always_credible(sent: int, ratio: float) -> None:
    assert loss_credible(round(sent * ratio), sent, ratio, 1e-6)


def _seen(delay_ns: int, gap_ns: int, count: int, missing: tuple[int, ...] = ()) -> Sightings:
    left = [(number, number * gap_ns) for number in range(count)]
    return Sightings(left, [(number, at + delay_ns) for number, at in left if number not in missing])


def test_a_reading_is_computed_from_what_was_seen() -> None:
    train = Train(frames=200, frame_bytes=1250, ahead_bytes=100_000)
    probed = _seen(5_100_000, 1_000_000, 40, missing=(3,))
    trained = _seen(5_100_000, 100_000, 200, missing=(60, 61))  # 1250 bytes in 100 us: 100 Mbit/s
    reading = _reading(LINK, True, probed, trained, train)
    assert (reading.source, reading.destination) == ("a", "b")
    assert (reading.sent, reading.lost, reading.reordered, reading.duplicated) == (240, 3, 0, 0)
    assert reading.delay_median_ms == pytest.approx(5.1)
    assert reading.rate_mbps == pytest.approx(100)
    assert _reading(LINK, False, probed, trained, train).source == "b"


def test_order_and_duplicates_are_counted() -> None:
    probed = Sightings([(n, n) for n in range(4)], [(0, 10), (2, 11), (1, 12), (3, 13), (3, 14)])
    reading = _reading(LINK, True, probed, Sightings(), Train(50, 1250, 1000))
    assert (reading.reordered, reading.duplicated, reading.lost) == (1, 1, 0)


def test_nothing_seen_is_said_and_not_a_crash() -> None:
    reading = _reading(LINK, True, Sightings([(0, 0)], []), Sightings(), Train(50, 1250, 1000))
    assert reading.problems() == ["none of 1 frames came through"]
    assert reading.delay_error_ms == float("inf")


@given(st.floats(0.5, 1000), st.floats(0.005, 0.1))
def test_trains_are_long_enough_and_fit(rate_mbps: float, seconds: float) -> None:
    train = train_of(rate_mbps, DECLARED.queue_bytes, 12_500, seconds)
    assert 200 <= train.frame_bytes <= 1514
    assert train.frames >= 40
    assert train.frames * train.frame_bytes * 8 >= rate_mbps * 1e6 * seconds * 0.99
    assert train.ahead_bytes < DECLARED.queue_bytes


def test_trains_share_the_machine() -> None:
    directions = [Direction(f"x{n}", f"y{n}", 1.0, 100.0) for n in range(10)]
    trains = {n: Train(300, 1250, 1000) for n in range(10)}  # 10,000 frames a second each
    groups = groups_of(directions, [{n: train} for n, train in trains.items()], FRAMES_PER_SECOND)
    assert [number for group in groups for number in group] == list(range(10))
    assert all(len(group) * 10_000 <= FRAMES_PER_SECOND for group in groups)
    assert len(groups_of([Direction("x", "y", 1.0, 900.0)], [{0: Train(300, 1250, 1000)}], 20_000)) == 1


def test_passive_faults() -> None:
    assert pipe_faults(DECLARED, replace(DECLARED, delay_ms=5.004)) == []
    assert pipe_faults(DECLARED, replace(DECLARED, delay_ms=6)) == ["delay set to 6 ms instead of 5 ms"]
    assert pipe_faults(DECLARED, replace(DECLARED, jitter_ms=1)) == ["jitter set to 1 ms instead of 0 ms"]
    assert pipe_faults(DECLARED, replace(DECLARED, loss_ratio=0.1)) == [
        "loss set to 10.0000% instead of 0.0000%"
    ]
    good = Shaped(ShapedClass(100_000_000, 100_000_000, 12_500, 12_500, 250_000), {})
    assert shape_faults(LINK, "s1-p2", good) == []
    bursts = GilbertElliott(0.02, 0.2)
    said = replace(DECLARED, jitter_distribution=JitterDistribution.NORMAL, burst_loss=bursts, reorders=True)
    assert pipe_faults(DECLARED, said) == [
        "jitter is normal instead of uniform",
        "reorders frames",
        "losses in bursts (0.02, 0.2, 1, 0) instead of each by itself",
    ]
    bad = Shaped(ShapedClass(99_000_000, 99_000_000, 12_500, 12_500, 1000), {})
    assert shape_faults(LINK, "s1-p2", bad) == [
        "rate set to 99 Mbit/s instead of 100 Mbit/s",
        "queue set to 1000 bytes instead of 250000 bytes",
    ]
