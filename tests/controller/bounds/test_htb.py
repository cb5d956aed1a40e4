"""HTB's three bounds against HTB itself, as ``net/sched/sch_htb.c`` keeps its accounts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.bounds import (
    HtbClass,
    RateLatency,
    TokenBucket,
    assured_htb,
    conforming_htb,
    delay,
    residual_htb,
)
from topology.errors import InputError

LINK = Fraction(20)
FRAME = Fraction(1)


@dataclass
class Leaf:
    """A class with its accounts. ``tokens`` are those of its rate."""

    described: HtbClass
    arrivals: list[Fraction]
    tokens: Fraction
    sent: int = 0

    def waiting(self, now: Fraction) -> int:
        return sum(1 for time in self.arrivals if time <= now) - self.sent

    def next_arrival(self, now: Fraction) -> Fraction | None:
        return next((time for time in self.arrivals[self.sent :] if time > now), None)


def simulate(leaves: list[Leaf], device: Fraction | None, link_burst: Fraction) -> list[list[Fraction]]:
    """When each class's frames have left, by class. ``device``: its speed; ``None``: at once.

    Green classes (tokens of their own) go first, by prio; else the class of best prio that waits is lent the
    link's tokens. A green frame is charged to its class and to the link, a lent one to the link alone.
    """
    left: list[list[Fraction]] = [[] for _ in leaves]
    link_tokens, now = link_burst, Fraction(0)
    while any(leaf.sent < len(leaf.arrivals) for leaf in leaves):
        waiting = [leaf for leaf in leaves if leaf.waiting(now) > 0]
        green = [leaf for leaf in waiting if leaf.tokens >= 0]
        chosen = min(green or (waiting if link_tokens >= 0 else []), key=_prio, default=None)
        if chosen is None:
            later = [time for leaf in leaves if (time := leaf.next_arrival(now)) is not None]
            later += [now - leaf.tokens / leaf.described.rate for leaf in waiting]
            later += [now - link_tokens / LINK] if waiting else []
            after = min(later)
        else:
            if green:
                chosen.tokens -= FRAME
            link_tokens -= FRAME
            chosen.sent += 1
            after = now if device is None else now + FRAME / device
            left[leaves.index(chosen)].append(after)
        for leaf in leaves:
            leaf.tokens = min(
                Fraction(leaf.described.burst), leaf.tokens + leaf.described.rate * (after - now)
            )
        link_tokens = min(link_burst, link_tokens + LINK * (after - now))
        now = after
    return left


def _prio(leaf: Leaf) -> int:
    return leaf.described.prio


def served(service: RateLatency, arrivals: list[Fraction], left: list[Fraction]) -> bool:
    """Whether every frame left in time: by some ``s``, ``frames before s`` and the service since were enough.

    The service curve of whole frames: the n-th is out when ``min over k of (k-th arrival; service of frames
    k..n since)`` says so.
    """
    for n, out in enumerate(left):
        promised = max(
            arrivals[k] + service.latency + (n - k + 1) * FRAME / service.rate for k in range(n + 1)
        )
        if out > promised:
            return False
    return True


@st.composite
def classes(draw: st.DrawFn) -> tuple[HtbClass, list[HtbClass], list[list[Fraction]]]:
    """A class, others of better and worse prio, and when frames come to each, in bursts."""
    own = HtbClass(Fraction(draw(st.integers(2, 8))), Fraction(draw(st.integers(2, 8))), prio=1)
    others = [
        HtbClass(Fraction(draw(st.integers(1, 4))), Fraction(draw(st.integers(1, 6))), prio=draw(prio))
        for prio in [st.just(0), st.just(2), st.sampled_from([0, 2])][: draw(st.integers(1, 3))]
    ]
    times = []
    for _ in range(len(others) + 1):
        arrivals: list[Fraction] = []
        for _ in range(draw(st.integers(1, 3))):
            start = Fraction(draw(st.integers(0, 30)), 10)
            arrivals += [start] * draw(st.integers(1, 12))
        times.append(sorted(arrivals))
    return own, others, times


DEVICES = st.sampled_from([None, LINK, 3 * LINK])


@settings(max_examples=150)
@given(classes(), DEVICES)
def test_a_class_gets_its_rate_whatever_it_sends(
    system: tuple[HtbClass, list[HtbClass], list[list[Fraction]]], device: Fraction | None
) -> None:
    own, others, times = system
    try:
        service = assured_htb(LINK, own, others, FRAME)
    except InputError:
        assume(False)
        raise
    left = simulate(_leaves(own, others, times), device, FRAME)
    assert served(service, times[0], left[0])


@settings(max_examples=150)
@given(classes(), DEVICES)
def test_the_best_borrower_gets_what_the_others_are_not_promised(
    system: tuple[HtbClass, list[HtbClass], list[list[Fraction]]], device: Fraction | None
) -> None:
    own, others, times = system
    others = [HtbClass(other.rate, other.burst, 2) for other in others]
    service = residual_htb(LINK, own, others, FRAME)
    left = simulate(_leaves(own, others, times), device, FRAME)
    assert served(service, times[0], left[0])


@settings(max_examples=150)
@given(classes(), DEVICES, st.integers(1, 4))
def test_a_class_within_its_tokens_waits_for_better_ones_only(
    system: tuple[HtbClass, list[HtbClass], list[list[Fraction]]], device: Fraction | None, burst: int
) -> None:
    own, others, times = system
    arrivals = TokenBucket(own.rate, burst)
    front = conforming_htb(LINK, HtbClass(own.rate, 10**6, 1), others, FRAME, arrivals)
    own = HtbClass(own.rate, burst + own.rate * front.latency, 1)  # just enough
    assert conforming_htb(LINK, own, others, FRAME, arrivals) == front
    times[0] = [max(Fraction(0), (n + 1 - burst) * FRAME / own.rate) for n in range(12)]
    left = simulate(_leaves(own, others, times), device, FRAME)
    longest = max(out - came for out, came in zip(left[0], times[0], strict=True))
    assert longest <= delay(arrivals, RateLatency(front.rate, front.latency)) + (
        FRAME / device if device else 0
    )


def _leaves(own: HtbClass, others: list[HtbClass], times: list[list[Fraction]]) -> list[Leaf]:
    described = [own, *others]
    return [Leaf(one, arrivals, Fraction(one.burst)) for one, arrivals in zip(described, times, strict=True)]


def test_lower_classes_keep_their_rates() -> None:
    """Strict priority would leave the top class the whole link; HTB leaves what is not promised to others."""
    own, bulk = HtbClass(12, 4, prio=0), HtbClass(8, 6, prio=7)
    service = residual_htb(20, own, [bulk], 1)
    assert service == RateLatency(12, Fraction(4 + 6 + 4, 12))


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (HtbClass(12, 4), [HtbClass(9, 6, prio=7)]),  # more promised than there is
        (HtbClass(12, 4, prio=1), [HtbClass(1, 1, prio=0)]),  # may borrow it all first
        (HtbClass(0, 4), [HtbClass(1, 1, prio=1)]),
    ],
)
def test_what_leaves_nothing_is_refused(own: HtbClass, others: list[HtbClass]) -> None:
    with pytest.raises(InputError):
        residual_htb(20, own, others, 1)


def test_a_bucket_that_would_overflow_is_refused() -> None:
    small = HtbClass(12, 4)
    with pytest.raises(InputError, match="burst of 4"):
        conforming_htb(20, small, [], 1, TokenBucket(12, 4))
    with pytest.raises(InputError, match="flows need 13"):
        conforming_htb(20, HtbClass(12, 100), [], 1, TokenBucket(13, 4))
