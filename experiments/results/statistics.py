"""Delay samples condensed: one-way delay (RFC 7679), round trip (RFC 2681), delay variation (RFC 5481)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from experiments.measurement.distribution import Distribution
from experiments.results.model import ResultModel


class DelayStatistics(ResultModel):
    """Delay of one stream of probes, in milliseconds. Lost probes count in ``sent`` and ``lost`` only.

    All delays are ``None`` if every probe was lost. A percentile is a delay that was really measured, see
    ``experiments.measurement.distribution``.
    """

    sent: int
    lost: int
    min: float | None
    median: float | None
    mean: float | None
    p95: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, delays_ms: Sequence[float], sent: int) -> Self:
        """Condense the delays of the probes that returned, ``sent`` of which were sent. Rounded to 1 ns."""
        return cls(sent=sent, lost=sent - len(delays_ms), **_figures(delays_ms))

    @property
    def variation_ms(self) -> float | None:
        """Packet delay variation as in RFC 5481, section 4.2: 99th percentile minus minimum."""
        if self.p99 is None or self.min is None:
            return None
        return round(self.p99 - self.min, 6)


class OneWayStatistics(DelayStatistics):
    """One-way delay from source to destination, and ``backward`` from destination to source.

    Both ends of an emulated path share one clock, so no clock offset enters.
    """

    backward: DelayStatistics | None = None

    @classmethod
    def of_both(
        cls, forward_ms: Sequence[float], backward_ms: Sequence[float], sent: int
    ) -> OneWayStatistics:
        """Condense both directions of the same probes."""
        backward = DelayStatistics.of(backward_ms, sent)
        return cls(sent=sent, lost=sent - len(forward_ms), backward=backward, **_figures(forward_ms))


def _figures(delays_ms: Sequence[float]) -> dict[str, float | None]:
    found = Distribution.of(delays_ms)
    if found is None:
        return dict.fromkeys(("min", "median", "mean", "p95", "p99", "max"))
    figures = {
        "min": found.minimum,
        "median": found.median,
        "mean": found.mean,
        "p95": found.p95,
        "p99": found.p99,
        "max": found.maximum,
    }
    return {name: round(value, 6) for name, value in figures.items()}
