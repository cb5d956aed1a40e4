"""Concave arrival curves of links: what comes over a link is no burst, it comes at the link's rate.

The sum over links of ``min(what its flows may send, what the link can carry)``, each a token bucket: concave
and piecewise linear. Its largest distances from a rate-latency curve lie at its corners.

Source: LBT, section 1.5 (shaping) and theorem 1.7.1 (a packet more, for whole packets are handed on).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from controller.bounds.curves import RateLatency

Number: TypeAlias = Any
"""``Fraction`` where it is to be exact, ``float`` while a fixed point is sought."""


@dataclass(frozen=True, slots=True)
class Line:
    """``burst + rate * t``."""

    rate: Number
    burst: Number


@dataclass(frozen=True, slots=True)
class Shaped:
    """What one link brings: the lower of two lines; without a link only ``sent``."""

    sent: Line
    carried: Line | None = None

    def at(self, t: Number) -> Number:
        """The most data in any time ``t``; at 0 the limit from the right."""
        value = self.sent.burst + self.sent.rate * t
        return value if self.carried is None else min(value, self.carried.burst + self.carried.rate * t)

    def corner(self) -> Number | None:
        """Where the flows' own curve becomes the lower one."""
        if self.carried is None or self.carried.rate <= self.sent.rate:
            return None
        excess = self.sent.burst - self.carried.burst
        return excess / (self.carried.rate - self.sent.rate) if excess > 0 else None


def value(parts: Sequence[Shaped], t: Number) -> Number:
    """The sum of all parts at ``t``."""
    return sum(part.at(t) for part in parts)


def longest_wait(parts: Sequence[Shaped], service: RateLatency) -> Number:
    """The horizontal deviation; the rates of the parts add up to no more than the service's."""
    return service.latency + max(value(parts, t) / service.rate - t for t in _corners(parts))


def largest_backlog(parts: Sequence[Shaped], service: RateLatency) -> Number:
    """The vertical deviation; rates as above."""
    times = [*_corners(parts), service.latency]
    return max(value(parts, t) - service.rate * max(t - service.latency, 0) for t in times)


def busy_period(parts: Sequence[Shaped], service: RateLatency) -> Number | None:
    """The longest time a strict server is busy: the first at which all that came is served.

    ``None`` if there may be no end, when as much comes as is served.
    """
    corners = sorted(_corners(parts))
    for start, end in zip(corners, [*corners[1:], None], strict=True):
        slope = _slope(parts, start)
        base = value(parts, start) - slope * start
        if slope >= service.rate:
            continue
        meets = (base + service.rate * service.latency) / (service.rate - slope)
        if end is None or meets <= end:
            return meets
    return None


def _corners(parts: Sequence[Shaped]) -> list[Number]:
    return [0, *_inner(parts)]


def _inner(parts: Sequence[Shaped]) -> Iterator[Number]:
    for part in parts:
        if (corner := part.corner()) is not None:
            yield corner


def _slope(parts: Sequence[Shaped], start: Number) -> Number:
    """The slope to the right of ``start``, which is 0 or a corner."""
    return sum(_lower(part, start).rate for part in parts)


def _lower(part: Shaped, start: Number) -> Line:
    """The lower line to the right of ``start``; corners are compared, not computed once more."""
    if part.carried is None or part.sent.burst <= part.carried.burst:
        return part.sent
    corner = part.corner()
    return part.carried if corner is None or corner > start else part.sent
