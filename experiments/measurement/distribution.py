"""What is told of many measured values: percentiles and delay variation. Pure.

A percentile here is the smallest measured value that at least this share of all values does not exceed (the
inverse of the empirical distribution function, RFC 2330 section 11.3; numpy calls it ``inverted_cdf``). It is
always a value that really occurred, never an interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Distribution:
    """``count`` values summed up; the unit is that of the field which holds this."""

    count: int
    minimum: float
    mean: float
    median: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Distribution | None:
        """Sum up ``values`` in any order; ``None`` if there are none."""
        if not values:
            return None
        ordered = sorted(values)
        return cls(
            count=len(ordered),
            minimum=ordered[0],
            mean=sum(ordered) / len(ordered),
            median=percentile(ordered, 50),
            p95=percentile(ordered, 95),
            p99=percentile(ordered, 99),
            maximum=ordered[-1],
        )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The ``percent``-th percentile (1 to 100) of values in ascending order; there must be one at least."""
    rank = -(-percent * len(ordered) // 100)  # ceiling, in whole numbers: no rounding error
    return ordered[rank - 1]


@dataclass(frozen=True, slots=True)
class DelayVariation:
    """Delay variation in ms, in both forms that RFC 5481 compares.

    Attributes:
        pdv_p95_ms, pdv_p99_ms: packet delay variation, a percentile minus the minimum (RFC 5481 section 4.2).
        ipdv_mean_ms: mean absolute difference of packets sent one after the other (RFC 3393); pairs with a
            lost packet are left out. ``None`` if no such pair arrived.
    """

    pdv_p95_ms: float
    pdv_p99_ms: float
    ipdv_mean_ms: float | None

    @classmethod
    def of(cls, delays_ms: Sequence[float | None]) -> DelayVariation | None:
        """From delays in the order of sending, lost ones ``None``; ``None`` if nothing arrived."""
        total = Distribution.of([delay for delay in delays_ms if delay is not None])
        if total is None:
            return None
        steps = [
            abs(later - earlier)
            for earlier, later in pairwise(delays_ms)
            if earlier is not None and later is not None
        ]
        return cls(
            pdv_p95_ms=total.p95 - total.minimum,
            pdv_p99_ms=total.p99 - total.minimum,
            ipdv_mean_ms=sum(steps) / len(steps) if steps else None,
        )
