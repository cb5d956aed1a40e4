"""Figures as a terminal shows them."""

from __future__ import annotations

import math

from controller.paths import NANOSECONDS_PER_MS


def bound_ms(nanoseconds: int) -> str:
    """Milliseconds, rounded up: a bound must not look smaller than it is."""
    return f"{-(-nanoseconds * 1000 // NANOSECONDS_PER_MS) / 1000:.3f}"


def rate(rate_bps: int) -> str:
    """With the unit that suits it."""
    for step, unit in ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s")):
        if rate_bps >= step:
            return f"{rate_bps / step:.4g} {unit}"
    return f"{rate_bps} bit/s"


def percent(share: float) -> str:
    """Rounded up: what may be missing must not look smaller than it is."""
    return f"{math.ceil(share * 10_000) / 100:g} %"
