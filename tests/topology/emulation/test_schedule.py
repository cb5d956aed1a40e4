"""The delay queue: never early, never out of order, bounded, reproducible."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.burstloss import GilbertElliott
from topology.emulation.links import LinkProperties
from topology.emulation.links.schedule import DelayQueue, ReorderingQueue, limit_bytes, queue_of
from topology.variation import JitterDistribution, kolmogorov_distance, kolmogorov_limit

PROPERTIES = st.builds(
    LinkProperties,
    rate_mbps=st.floats(0.1, 1000),
    delay_ms=st.floats(0, 200),
    jitter_ms=st.floats(0, 50),
    loss_ratio=st.sampled_from([0.0, 0.0, 0.01, 0.5, 1.0]),
    jitter_distribution=st.sampled_from(list(JitterDistribution)),
    burst_loss=st.none() | st.just(GilbertElliott(0.1, 0.3)),
)
ARRIVALS = st.lists(st.tuples(st.integers(0, 10_000_000), st.integers(1, 3000)), max_size=60)


def _drain(queue: DelayQueue) -> list[tuple[int, bytes]]:
    drained = []
    while (due_ns := queue.next_due_ns()) is not None:
        drained.append((due_ns, queue.pop()))
    return drained


def _feed(queue: DelayQueue, arrivals: list[tuple[int, int]]) -> list[int]:
    """Push numbered frames; the arrival time of each, by number."""
    now_ns, times = 1_000_000_000, []
    for number, (gap_ns, size) in enumerate(arrivals):
        now_ns += gap_ns
        times.append(now_ns)
        queue.push(number.to_bytes(2) + bytes(size), now_ns, now_ns)
    return times


@given(
    PROPERTIES.map(lambda properties: replace(properties, loss_ratio=0, burst_loss=None)),
    st.lists(st.integers(0, 9_000_000), min_size=1, max_size=40, unique=True),
)
def test_frames_read_out_of_order_leave_as_they_came(
    properties: LinkProperties, stamps_ns: list[int]
) -> None:
    queue = DelayQueue(replace(properties, rate_mbps=1000), "seed")
    for stamp_ns in stamps_ns:
        queue.push(stamp_ns.to_bytes(4), 1_000_000_000 + stamp_ns, stamp_ns)
    drained = _drain(queue)
    assert [int.from_bytes(frame) for _due, frame in drained] == sorted(stamps_ns)
    assert [due for due, _frame in drained] == sorted(due for due, _frame in drained)
    for due_ns, frame in drained:
        came_ns = 1_000_000_000 + int.from_bytes(frame)
        assert due_ns >= came_ns + properties.least_delay_ms * 1e6 - 2


def test_the_stamp_says_which_came_first() -> None:
    """Times converted from one clock to another are a little off; frames may be closer together than that."""
    queue = DelayQueue(LinkProperties(rate_mbps=1000, delay_ms=50), "seed")
    queue.push(b"first", 1_000_052_000, 100)
    queue.push(b"second", 1_000_000_000, 200)
    assert [frame for _due, frame in _drain(queue)] == [b"first", b"second"]


def test_a_clock_that_was_set_reorders_nothing() -> None:
    queue = DelayQueue(LinkProperties(rate_mbps=1000, delay_ms=50), "seed")
    queue.push(b"first", 2_000_000_000, 2_000_000_000)
    queue.push(b"second", 1_500_000_000, 1_500_000_000)
    assert [frame for _due, frame in _drain(queue)] == [b"first", b"second"]


@given(PROPERTIES, ARRIVALS)
def test_frames_are_never_early_and_never_overtake(
    properties: LinkProperties, arrivals: list[tuple[int, int]]
) -> None:
    queue = DelayQueue(properties, "seed")
    times = _feed(queue, arrivals)
    drained = _drain(queue)
    numbers = [int.from_bytes(frame[:2]) for _due, frame in drained]
    dues = [due for due, _frame in drained]
    assert numbers == sorted(set(numbers))
    assert dues == sorted(dues)
    for (due_ns, _frame), number in zip(drained, numbers, strict=True):
        assert due_ns >= times[number] + properties.least_delay_ms * 1e6 - 2
        assert due_ns >= times[number]
    assert queue.held_bytes == 0
    assert len(drained) + queue.lost + queue.overflow == len(arrivals)


@given(PROPERTIES, ARRIVALS)
def test_what_is_held_is_bounded(properties: LinkProperties, arrivals: list[tuple[int, int]]) -> None:
    queue = DelayQueue(properties, "seed")
    for number, (_gap, size) in enumerate(arrivals):
        queue.push(bytes(size * 100), number, number)
        assert queue.held_bytes <= limit_bytes(properties)


def test_overflow_is_dropped_and_counted() -> None:
    properties = LinkProperties(rate_mbps=1, delay_ms=10)
    queue = DelayQueue(properties, "seed")
    frame = bytes(60_000)
    fitting = limit_bytes(properties) // len(frame)
    for _ in range(fitting + 3):
        queue.push(frame, 0, 0)
    assert queue.overflow == 3
    queue.pop()
    queue.push(frame, 0, 0)
    assert queue.overflow == 3


def test_without_jitter_the_delay_is_exact() -> None:
    queue = DelayQueue(LinkProperties(rate_mbps=100, delay_ms=4.0275), "seed")
    times = _feed(queue, [(1000, 100)] * 20)
    assert [due - time for (due, _), time in zip(_drain(queue), times, strict=True)] == [4_027_500] * 20


def test_jitter_is_uniform_around_the_delay() -> None:
    queue = DelayQueue(LinkProperties(rate_mbps=100, delay_ms=10, jitter_ms=2), "seed")
    times = _feed(queue, [(5_000_000, 100)] * 2000)
    delays_ms = [(due - time) / 1e6 for (due, _), time in zip(_drain(queue), times, strict=True)]
    assert 8 <= min(delays_ms) < 8.1
    assert 11.9 < max(delays_ms) <= 12
    assert sum(delays_ms) / len(delays_ms) == pytest.approx(10, abs=0.1)


def test_losses_have_the_declared_share_and_follow_the_seed() -> None:
    def lost(seed: str, jitter_ms: float = 0.0) -> list[int]:
        queue = DelayQueue(LinkProperties(100, 1, jitter_ms, 0.1), seed)
        result = []
        for number in range(5000):
            before = queue.lost
            queue.push(b"x", number, number)
            if queue.lost > before:
                result.append(number)
        return result

    assert lost("1/a/ab") == lost("1/a/ab")
    assert lost("1/a/ab") == lost("1/a/ab", jitter_ms=0.5)
    assert lost("1/a/ab") != lost("1/a/ba")
    assert len(lost("1/a/ab")) / 5000 == pytest.approx(0.1, abs=0.02)


def test_a_shorter_delay_does_not_let_new_frames_overtake() -> None:
    queue = DelayQueue(LinkProperties(100, 20), "seed")
    queue.push(b"first", 0, 0)
    queue.change(LinkProperties(100, 1))
    queue.push(b"second", 1000, 1000)
    assert [frame for _due, frame in _drain(queue)] == [b"first", b"second"]
    queue.push(b"third", 100_000_000, 100_000_000)
    assert queue.next_due_ns() == 101_000_000


def test_push_tells_the_due_time_of_the_first_waiting_frame_only() -> None:
    queue = DelayQueue(LinkProperties(100, 1), "seed")
    assert queue.push(b"a", 0, 0) == 1_000_000
    assert queue.push(b"b", 1, 1) is None
    assert _drain(queue) == [(1_000_000, b"a"), (1_000_001, b"b")]
    assert queue.push(b"c", 2, 2) == 1_000_002


@pytest.mark.parametrize("distribution", list(JitterDistribution))
@pytest.mark.parametrize("reorders", [False, True])
def test_jitter_has_the_declared_distribution(distribution: JitterDistribution, reorders: bool) -> None:
    """With order kept, of frames further apart than the variation is wide; without, of frames all at once."""
    properties = LinkProperties(100, 10, 2, jitter_distribution=distribution, reorders=reorders)
    queue = queue_of(properties, "seed")
    delays_ms = []
    for number in range(3000):
        now_ns = number * (1000 if reorders else 20_000_000)
        due_ns = queue.push(b"frame", now_ns, now_ns)
        assert due_ns is not None
        delays_ms.append((due_ns - now_ns) / 1e6)
        if not reorders:
            queue.pop()
    variations = [(each - 10) / 2 for each in delays_ms]
    limit = kolmogorov_limit(3000, 1e-6)
    for other in JitterDistribution:
        assert (kolmogorov_distance(other, variations) < limit) is (other is distribution)


def test_a_link_that_reorders_sends_each_frame_at_its_own_time() -> None:
    queue = queue_of(LinkProperties(100, 10, 5, reorders=True), "seed")
    assert isinstance(queue, ReorderingQueue)
    dues = {}
    for number in range(200):
        due_ns = queue.push(number.to_bytes(2), number * 10_000, number)
        assert due_ns is not None
        assert queue.next_due_ns() is None  # whoever drains it has a reminder of each
        dues[number] = due_ns
    left = [int.from_bytes(queue.pop()) for _ in range(200)]
    assert left == sorted(dues, key=lambda number: (dues[number], number))
    assert left != sorted(left)
    assert queue.held_bytes == 0


def test_losses_in_bursts_follow_the_seed_and_outlast_a_change_of_delay() -> None:
    bursts = GilbertElliott(0.02, 0.2)
    properties = LinkProperties(100, 1, loss_ratio=bursts.loss_ratio, burst_loss=bursts)

    def lost(changed: bool) -> list[bool]:
        queue, result = DelayQueue(properties, "seed"), []
        for number in range(2000):
            if changed and number % 3 == 0:
                queue.change(LinkProperties(100, 2 + number % 2, loss_ratio=0.09, burst_loss=bursts))
            before = queue.lost
            queue.push(b"x", number * 1_000_000, number)
            result.append(queue.lost > before)
            if queue.next_due_ns() is not None:
                queue.pop()
        return result

    assert lost(changed=False) == lost(changed=True)
    assert 0.04 < sum(lost(changed=False)) / 2000 < 0.16


def test_bursts_may_give_way_to_single_losses() -> None:
    queue = DelayQueue(LinkProperties(100, 1, burst_loss=GilbertElliott(1.0, 0.001)), "seed")
    queue.push(b"x", 0, 0)
    queue.push(b"x", 1, 1)
    assert queue.lost == 1  # the first meets the good state
    queue.change(LinkProperties(100, 1))
    assert queue.push(b"x", 2, 2) is None
    assert queue.lost == 1
