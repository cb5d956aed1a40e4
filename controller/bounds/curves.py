"""The curves of network calculus that have two parameters, and the three bounds. Exact: fractions throughout.

Units are the caller's: any unit of data, any of time, rates in one per the other.

Source: J.-Y. Le Boudec, P. Thiran, "Network Calculus", Springer LNCS 2050, 2001 ("LBT" from here on),
chapter 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from topology.errors import InputError

Exact: TypeAlias = int | Fraction
"""What a caller may give; inside all are fractions, for a quotient of two ``int`` would be a ``float``."""


def make_exact(value: object, *names: str) -> None:
    """Turn attributes of a frozen dataclass into fractions; ``None`` stays."""
    for name in names:
        if (number := getattr(value, name)) is not None:
            object.__setattr__(value, name, Fraction(number))


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """The arrival curve ``burst + rate * t`` for t > 0 (LBT, section 1.2.2)."""

    rate: Exact
    burst: Exact

    def __post_init__(self) -> None:
        if self.rate < 0 or self.burst < 0:
            raise InputError(f"a token bucket has no negative rate or burst: {self.rate}, {self.burst}")
        make_exact(self, "rate", "burst")

    def __add__(self, other: TokenBucket) -> TokenBucket:
        """The arrival curve of both flows together."""
        return TokenBucket(self.rate + other.rate, self.burst + other.burst)


@dataclass(frozen=True, slots=True)
class RateLatency:
    """The service curve ``rate * max(t - latency, 0)`` (LBT, section 1.3.2)."""

    rate: Exact
    latency: Exact

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.latency < 0:
            raise InputError(
                f"a service has a rate above 0 and no negative latency: {self.rate}, {self.latency}"
            )
        make_exact(self, "rate", "latency")

    def then(self, other: RateLatency) -> RateLatency:
        """What two servers in a row offer: the min-plus convolution (LBT, theorem 1.4.6)."""
        return RateLatency(min(self.rate, other.rate), self.latency + other.latency)


NOTHING = TokenBucket(0, 0)


def total(arrivals: Iterable[TokenBucket]) -> TokenBucket:
    """The arrival curve of an aggregate."""
    return sum(arrivals, start=NOTHING)


def convolve(services: Iterable[RateLatency]) -> RateLatency:
    """What servers in a row offer (LBT, theorem 1.4.6). ``services`` must not be empty."""
    first, *others = services
    for other in others:
        first = first.then(other)
    return first


def stable(arrivals: TokenBucket, service: RateLatency) -> bool:
    """Whether delay and backlog are bounded: no more comes than can be served in the long run."""
    return arrivals.rate <= service.rate


def delay(arrivals: TokenBucket, service: RateLatency) -> Fraction:
    """The horizontal deviation: no bit waits longer if bits leave in order (LBT, theorem 1.4.2).

    Raises ``InputError`` if it is infinite.
    """
    _require_stable(arrivals, service)
    return Fraction(service.latency + arrivals.burst / Fraction(service.rate))


def backlog(arrivals: TokenBucket, service: RateLatency) -> Fraction:
    """The vertical deviation: never is more in the server (LBT, theorem 1.4.1).

    Raises ``InputError`` if it is infinite.
    """
    _require_stable(arrivals, service)
    return Fraction(arrivals.burst + arrivals.rate * service.latency)


def output(arrivals: TokenBucket, service: RateLatency) -> TokenBucket:
    """The arrival curve of what leaves: the min-plus deconvolution (LBT, theorem 1.4.3).

    Raises ``InputError`` if there is none.
    """
    return TokenBucket(arrivals.rate, backlog(arrivals, service))


def _require_stable(arrivals: TokenBucket, service: RateLatency) -> None:
    if not stable(arrivals, service):
        raise InputError(
            f"no bound exists: the arrivals have a rate of {arrivals.rate}, the service of {service.rate}",
            hint="lower the rates of the flows, or raise that of the server",
        )
