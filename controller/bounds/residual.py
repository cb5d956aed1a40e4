"""What other flows leave of a server: residual service curves.

Each is a rate-latency curve again, for token-bucket cross traffic ("cross") at a rate-latency server.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from controller.bounds.curves import Exact, RateLatency, TokenBucket
from controller.bounds.system import Multiplexing
from topology.errors import InputError


def residual_fifo(service: RateLatency, cross: TokenBucket) -> RateLatency:
    """What a flow gets of a FIFO server: ``rate - cross.rate`` after ``latency + cross.burst / rate``.

    One of the family that a free parameter theta describes (LBT, section 6.2.2; Cruz, "SCED+", INFOCOM 1998):
    ``[service(t) - cross(t - theta)]+`` for t > theta. With theta = latency + cross.burst / rate it is a
    rate-latency curve without a jump. Raises ``InputError`` if nothing is left.
    """
    latency = residual_latency(Multiplexing.FIFO, service, cross.rate, Fraction(cross.burst))
    return RateLatency(_left(service, cross), latency)


def residual_arbitrary(service: RateLatency, cross: TokenBucket) -> RateLatency:
    """What a flow gets whatever the order: ``[service - cross]+`` (LBT, theorem 6.2.1; strict service).

    Raises ``InputError`` if nothing is left.
    """
    _left(service, cross)
    latency = residual_latency(Multiplexing.ARBITRARY, service, cross.rate, Fraction(cross.burst))
    return RateLatency(_left(service, cross), latency)


def residual_priority(service: RateLatency, higher: TokenBucket, max_lower_packet: Exact = 0) -> RateLatency:
    """What a class gets under non-preemptive strict priority: ``[service - higher - max_lower_packet]+``.

    Every packet waits for the higher classes and for at most one packet of a lower class, begun before
    (LBT, section 6.2.1, corollary on non-preemptive priority; strict service). Raises ``InputError`` if
    nothing is left.
    """
    return residual_arbitrary(service, TokenBucket(higher.rate, higher.burst + max_lower_packet))


def residual_latency(
    multiplexing: Multiplexing, service: RateLatency, cross_rate: Exact, cross_burst: Any
) -> Any:
    """The latency of the above as a number of the kind of ``cross_burst`` (a fraction, or a float)."""
    if multiplexing is Multiplexing.ARBITRARY:
        return (cross_burst + service.rate * service.latency) / (service.rate - cross_rate)
    return service.latency + cross_burst / service.rate


def _left(service: RateLatency, cross: TokenBucket) -> Exact:
    left = service.rate - cross.rate
    if left <= 0:
        raise InputError(f"cross traffic of rate {cross.rate} leaves nothing of a rate of {service.rate}")
    return left
