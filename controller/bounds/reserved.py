"""Bounds for the reservations there are now, beside the promises that hold whoever is admitted later."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from controller.bounds.analysis import analyse
from controller.bounds.curves import RateLatency, TokenBucket
from controller.bounds.results import Analysis
from controller.bounds.system import Flow, Multiplexing, Server
from controller.link_service import LinkService
from controller.reservations import Reservation
from topology.errors import InputError

_NANOSECONDS = 10**9


def analysis_of(
    services: Mapping[tuple[str, str], LinkService], reservations: Iterable[Reservation]
) -> Analysis:
    """TFA and SFA of reservations on their primary paths, in bits and seconds of queueing.

    Every link direction is a FIFO server for the reserved class, called ``from>to``. Raises ``InputError`` if
    paths feed each other in a circle that no method can solve.
    """
    admitted = list(reservations)
    crossed = dict.fromkeys(direction for each in admitted for direction in each.primary.directions)
    servers = [Server(_name(direction), _service(services[direction])) for direction in crossed]
    flows = [
        Flow(
            each.id,
            TokenBucket(each.rate_bps, each.burst_bits),
            tuple(_name(direction) for direction in each.primary.directions),
        )
        for each in admitted
    ]
    return analyse(servers, flows, Multiplexing.FIFO)


def bounds_now_ns(
    services: Mapping[tuple[str, str], LinkService], reservations: Iterable[Reservation]
) -> dict[str, int]:
    """By reservation: no packet takes longer while just these are admitted and all use their primary paths.

    The smallest of the bounds by TFA and SFA, with propagation, rounded up to the nanosecond; where no method
    has one, the promise.
    """
    admitted = list(reservations)
    promised = {each.id: each.primary.bound_ns for each in admitted}
    try:
        analysis = analysis_of(services, admitted)
    except InputError:
        return promised
    result = {}
    for each in admitted:
        queueing_s = analysis.best_delay(each.id, Multiplexing.FIFO)
        if queueing_s is None:
            result[each.id] = promised[each.id]
        else:
            now_ns = each.primary.propagation_ns + math.ceil(queueing_s * _NANOSECONDS)
            result[each.id] = min(now_ns, promised[each.id])
    return result


def _name(direction: tuple[str, str]) -> str:
    return ">".join(direction)


def _service(link: LinkService) -> RateLatency:
    return RateLatency(link.drain_bps, Fraction(link.latency_ns, _NANOSECONDS))
