"""A demand in whole numbers: the token bucket it is held to and the limit it is promised.

Figures of a demand are read as the decimal numbers that were written, and rounded once: up where they take
room (rate, burst), down where they limit (delay).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from controller.reservations import FRAME_BITS
from topology.network import Demand


@lru_cache(maxsize=65536)
def _scaled_up(figure: float, factor: int, rate_scale: float) -> int:
    return math.ceil(Fraction(repr(figure)) * factor / Fraction(repr(rate_scale)))


@lru_cache(maxsize=65536)
def _nanoseconds(figure_ms: float) -> int:
    return math.floor(Fraction(repr(figure_ms)) * 10**6)


def contract(demand: Demand, rate_scale: float = 1.0) -> tuple[int, int]:
    """The token bucket ``(rate_bps, burst_bits)`` of a demand, in bits of Ethernet frames (RFC 2212, TSpec).

    In an emulation both are divided by ``rate_scale``; a burst is at least one frame, since frames are not.
    """
    rate_bps = _scaled_up(float(demand.rate_gbps), 10**9, float(rate_scale))
    burst_bits = _scaled_up(float(demand.burst_mbit), 10**6, float(rate_scale))
    return rate_bps, max(burst_bits, FRAME_BITS)


def limit_ns(demand: Demand) -> int | None:
    """The delay that must never be exceeded, or ``None``. Delays are never scaled."""
    return None if demand.max_one_way_ms is None else _nanoseconds(float(demand.max_one_way_ms))
