"""The largest load within a limit, by a few trials. Pure: what measures is given.

Loads go by factors, since what is looked for may lie anywhere over three orders of magnitude: up by doubling
while trials pass, down by halving while they fail, then halving the interval (in logarithms). A trial that
fails narrowly is repeated: other work on the machine makes links look worse, nothing makes them look better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from experiments.results.calibration import Bound, Lateness, Limit

LEAST_SENT_RATIO = 0.95  # of what should be sent; less, and the sender is what is too slow
ATTEMPTS = 3
CLEARLY = 10.0  # a median so many times its limit is no accident


@dataclass(frozen=True, slots=True)
class Trial:
    """What happened under a load.

    Attributes:
        load: frames per second over all links, as asked for.
        sent_ratio: frames that entered the links over those that should have.
        lost_ratio: frames that did not come out of the links over those that entered.
        added: delay of frames beyond the declared one; ``None`` if none came through.
    """

    load: float
    sent_ratio: float
    lost_ratio: float
    added: Lateness | None

    def beyond(self, limit: Limit) -> Bound | None:
        """What is outside ``limit``; ``None`` if nothing is. A sender too slow proves nothing of links, so
        it comes last.
        """
        if self.lost_ratio > limit.loss_ratio:
            return "loss"
        if self.added is None:
            return "loss"
        if self.added.p50_us > limit.delay_ms * 1e3 or self.added.p99_us > limit.delay_p99_ms * 1e3:
            return "delay"
        return "sender" if self.sent_ratio < LEAST_SENT_RATIO else None

    def clearly_beyond(self, limit: Limit) -> bool:
        """Whether a second look could not change it."""
        if self.added is None or self.lost_ratio > CLEARLY * limit.loss_ratio:
            return True
        return self.added.p50_us > CLEARLY * limit.delay_ms * 1e3 or self.beyond(limit) == "sender"


@dataclass(frozen=True, slots=True)
class Found:
    """The largest load that passed (``None``: none did), and what the next larger one failed by."""

    best: Trial | None
    bound: Bound


def largest(
    attempt: Callable[[float], Trial],
    limit: Limit,
    *,
    start: float,
    least: float,
    most: float,
    resolution: float = 1.15,
) -> Found:
    """The largest load between ``least`` and ``most`` within ``limit``, to a factor of ``resolution``."""
    best: Trial | None = None
    bound: Bound = "unbounded"

    def passes(load: float) -> bool:
        nonlocal best, bound
        failed: Bound | None = None
        for _ in range(ATTEMPTS):
            trial = attempt(load)
            failed = trial.beyond(limit)
            if failed is None:
                best = trial
                return True
            if trial.clearly_beyond(limit):
                break
        bound = failed or bound
        return False

    low = high = start
    if passes(start):
        while high < most:
            high = min(2 * high, most)
            if not passes(high):
                break
            low = high
        else:
            return Found(best, "unbounded")
    else:
        while low > least:
            low = max(low / 2, least)
            if passes(low):
                break
            high = low
        else:
            return Found(None, bound)
    while high / low > resolution:
        middle = math.sqrt(low * high)
        if passes(middle):
            low = middle
        else:
            high = middle
    return Found(best, bound)
