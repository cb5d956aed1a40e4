"""What a sceptic asks of frames seen on a link: shapes, shares and models, each with a limit. Pure.

A limit of probability is such that a link that does exactly what it declares exceeds it once in a million.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from topology.burstloss import GilbertElliott
from topology.emulation.injection import Sightings
from topology.emulation.links import LinkProperties
from topology.emulation.reading import loss_credible
from topology.variation import JitterDistribution, kolmogorov_distance, kolmogorov_limit

PROBABILITY = 1e-6
LONGEST_BURST = 6  # lengths are told apart up to here


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a link.

    Attributes:
        what: the question, with the link's kind.
        measured, limit: in ``unit``; how the two are compared is ``rule``: ``at most`` or ``is``.
        holds: whether the link does what it declares.
    """

    what: str
    measured: float
    limit: float
    unit: str
    rule: str
    holds: bool

    def prefixed(self, prefix: str) -> Check:
        """The same about a link that is made by ``prefix``."""
        return replace(self, what=f"{prefix}: {self.what}")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A question that this machine cannot answer, and why."""

    what: str
    reason: str

    def prefixed(self, prefix: str) -> Skipped:
        """The same about a link that is made by ``prefix``."""
        return replace(self, what=f"{prefix}: {self.what}")


def at_most(what: str, measured: float, limit: float, unit: str) -> Check:
    """A figure that must not exceed a limit."""
    return Check(what, measured, limit, unit, "at most", measured <= limit)


def within(what: str, measured: float, declared: float, ratio: float, unit: str) -> Check:
    """A figure that must be as declared, give or take a share of it."""
    return Check(
        what, measured, declared, unit, f"± {ratio:.0%}", abs(measured - declared) <= ratio * declared
    )


def within_factor(what: str, measured: float, expected: float, factor: float, unit: str) -> Check:
    """A figure that must be at most so many times what is expected, and at least that part of it."""
    holds = expected / factor <= measured <= expected * factor
    return Check(what, measured, expected, unit, f"÷ or x {factor:g}", holds)


def delays_ms(seen: Sightings) -> list[float]:
    """One-way delay of every frame that was seen at both ends, in the order of arrival."""
    left = dict(seen.left)
    return [(at - left[number]) / 1e6 for number, at in seen.arrived if number in left]


def jitter_checks(
    declared: LinkProperties, seen: Sequence[Sightings], slack_ms: float, what: str
) -> list[Check]:
    """Whether delays have the declared distribution, and no other one would fit them better.

    Kolmogorov's distance, with ``slack_ms`` for what the machine adds.
    """
    jitter_ms = declared.achievable_jitter_ms
    variations = [(delay_ms - declared.delay_ms) / jitter_ms for each in seen for delay_ms in delays_ms(each)]
    distance = {
        each: kolmogorov_distance(each, variations, slack_ms / jitter_ms) for each in JitterDistribution
    }
    own = declared.jitter_distribution
    others = min(distance[each] for each in JitterDistribution if each is not own)
    limit = kolmogorov_limit(max(1, len(variations)), PROBABILITY)
    shown = f"{what}: distance of {len(variations)} delays from {own}"
    return [
        at_most(shown, round(distance[own], 4), round(limit, 4), "of all frames"),
        Check(
            f"{what}: distance from the next distribution",
            *(round(others, 4), round(distance[own], 4), "of all frames", "at least", others > distance[own]),
        ),
    ]


def loss_checks(bursts: GilbertElliott, seen: Sightings, what: str) -> list[Check]:
    """Whether frames are lost as often, and in bursts as many and as long, as declared.

    For bursts that lose all and gaps that lose nothing, which includes losses each by itself: there every
    frame that arrives begins a burst behind it with one probability, and every one that does not ends it with
    another, whatever came before. So all counts are binomial.
    """
    arrived = set(dict(seen.arrived))
    lost = [number not in arrived for number, _at in seen.left]
    runs = [len(list(run)) for is_lost, run in itertools.groupby(lost) if is_lost]
    inner = runs[:-1] if lost and lost[-1] else runs  # the last burst may not have ended
    sent, gone = len(lost), sum(lost)
    counts = [
        (f"bursts among {sent - gone} that arrived", len(runs), sent - gone, bursts.good_to_bad),
        (f"ends of bursts among {gone} lost", len(inner), gone, bursts.bad_to_good),
        *(
            (
                f"bursts of more than {length}",
                sum(run > length for run in inner),
                len(inner),
                (1 - bursts.bad_to_good) ** length,
            )
            for length in range(1, LONGEST_BURST + 1)
        ),
    ]
    return [
        Check(
            f"{what}: {name}",
            round(count / of, 5) if of else 0.0,
            round(share, 5),
            "of them",
            "binomial",
            loss_credible(count, of, share, PROBABILITY),
        )
        for name, count, of, share in counts
    ] + order_checks(seen, what)


def order_checks(seen: Sightings, what: str, *, reorders: bool = False) -> list[Check]:
    """Whether no frame came twice, and none out of order unless it may."""
    numbers = [number for number, _at in seen.arrived]
    late = sum(later < earlier for earlier, later in itertools.pairwise(numbers))
    twice = len(numbers) - len(set(numbers))
    order = (
        Check(f"{what}: frames that overtook another", late, 1, "frames", "at least", late >= 1)
        if reorders
        else at_most(f"{what}: frames out of order", late, 0, "frames")
    )
    return [order, at_most(f"{what}: frames that came twice", twice, 0, "frames")]


def window_rates_mbps(seen: Sightings, frame_bytes: int, begin_ns: int, window_ns: int) -> list[float]:
    """Rate in each full window after ``begin_ns``, as the receiver sees it."""
    if not seen.arrived:
        return []
    last_ns = seen.arrived[-1][1]
    counts = [0] * max(0, (last_ns - begin_ns) // window_ns)
    for _number, at in seen.arrived:
        window = (at - begin_ns) // window_ns
        if 0 <= window < len(counts):
            counts[window] += 1
    return [count * frame_bytes * 8e3 / window_ns for count in counts]


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of a frame at a queue: when it was put in, and how long it waited; ``None`` if dropped."""

    put_ns: int
    wait_ms: float | None


def fluid_queue(
    put_ns: Sequence[int], frame_bytes: int, rate_mbps: float, burst_bytes: int, queue_bytes: int
) -> list[Queued]:
    """What becomes of frames put into a queue before a token bucket, by the fluid model.

    The backlog drains at the rate; what fits the bucket has left at once; a frame that finds no room for all
    of it is dropped.
    """
    bytes_per_ns = rate_mbps / 8e3
    backlog, before, outcome = 0.0, put_ns[0] if put_ns else 0, []
    for now in put_ns:
        backlog = max(0.0, backlog - (now - before) * bytes_per_ns)
        before = now
        waiting = max(0.0, backlog - burst_bytes)
        if waiting + frame_bytes > queue_bytes:
            outcome.append(Queued(now, None))
            continue
        backlog += frame_bytes
        outcome.append(Queued(now, max(0.0, backlog - burst_bytes) / bytes_per_ns / 1e6))
    return outcome


def queue_checks(
    model: Sequence[Queued], left_ns: dict[int, int], allowed_ms: float, allowed_drops: float
) -> list[Check]:
    """Whether frames waited and were dropped as the fluid model says; frames go by their place in it."""
    waits = [
        (abs((left_ns[number] - frame.put_ns) / 1e6 - frame.wait_ms), frame.wait_ms)
        for number, frame in enumerate(model)
        if frame.wait_ms is not None and number in left_ns
    ]
    apart = sorted(difference for difference, _wait in waits)
    longest = max((wait for _difference, wait in waits), default=0.0)
    drops, expected = len(model) - len(left_ns), sum(frame.wait_ms is None for frame in model)
    return [
        at_most(
            f"queue: wait against the fluid model, up to {longest:.0f} ms, median",
            round(statistics.median(apart), 3) if apart else float("inf"),
            allowed_ms,
            "ms",
        ),
        at_most(
            "queue: the same, 95 % of frames",
            round(apart[int(0.95 * len(apart))], 3) if apart else float("inf"),
            2 * allowed_ms,
            "ms",
        ),
        Check(
            f"queue: frames dropped of {len(model)}",
            drops,
            expected,
            "frames",
            f"± {allowed_drops:.0%}",
            abs(drops - expected) <= max(3, allowed_drops * expected),
        ),
    ]
