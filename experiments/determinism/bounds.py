"""The bounds of the experiment, computed from what the links were read back to do. Pure.

Two for every flow. *Guaranteed*: the sum of the delay budgets of the links it crosses; it holds whoever else
is ever admitted. *Tight*: for exactly the flows that are admitted now, by the best method of
``controller.bounds``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from controller.bounds import Flow, HtbClass, RateLatency, Server, TokenBucket, analyse
from controller.link_service import LinkService, service_of
from controller.meters import Meter
from controller.reservations import FRAME_BITS, Reservation
from topology.emulation.links.classes import ClassName
from topology.emulation.readback import LinkReading
from topology.errors import EmulationError, InputError
from topology.network import Network

_SECOND_NS = 10**9
Direction = tuple[str, str]  # from site, to site


@dataclass(frozen=True, slots=True)
class FlowBound:
    """Bounds on the delay of a flow from host to host, the emulator's own processing left out.

    Attributes:
        propagation_ns: of the empty path, contained in both bounds.
        tight_ns, method: ``None`` and the reason where no method has an answer.
    """

    propagation_ns: int
    guaranteed_ns: int
    tight_ns: int | None
    method: str


def read_back_services(network: Network, readings: Iterable[LinkReading]) -> dict[Direction, LinkService]:
    """What every direction of every link offers, from the rates and bursts that the kernel says it has set.

    Raises ``EmulationError`` if a link has no classes, ``InputError`` if they cannot keep the promises.
    """
    services = {}
    for reading in readings:
        said = {each.declared.name: each.said for each in reading.classes}
        ours = said.get(ClassName.RESERVED)
        if ours is None:
            raise EmulationError("the link has no class for reserved traffic", where=reading.link)
        classes = {
            name: HtbClass(each.rate_bps, 8 * each.burst_bytes, priority)
            for priority, (name, each) in enumerate(said.items())
            if each is not None
        }
        link = network.links[reading.link]
        services[reading.source, reading.destination] = service_of(network, link, ours.ceil_bps, classes)
    return services


def flow_bounds(
    reservations: Sequence[Reservation], services: Mapping[Direction, LinkService], lying: Sequence[str] = ()
) -> dict[str, FlowBound]:
    """By the demand's id. Flows named in ``lying`` send whatever their meter lets pass."""
    buckets = {one.id: _bucket(one, lies=one.id in lying) for one in reservations}
    services = _with_all_bursts(reservations, buckets, services)
    delays, method = _tight(reservations, buckets, services)
    bounds = {}
    for one in reservations:
        crossed = [services[direction] for direction in one.primary.directions]
        propagation_ns = sum(service.propagation_ns for service in crossed)
        delay = delays.get(one.id)
        bounds[one.id] = FlowBound(
            propagation_ns=propagation_ns,
            guaranteed_ns=propagation_ns + sum(service.queueing_ns for service in crossed),
            tight_ns=None if delay is None else propagation_ns + math.ceil(delay * _SECOND_NS),
            method=method,
        )
    return bounds


def _bucket(one: Reservation, *, lies: bool) -> TokenBucket:
    if not lies:
        return TokenBucket(one.rate_bps, one.burst_bits)
    meter = Meter.holding(1, one.rate_bps, one.burst_bits)
    return TokenBucket(meter.enforced_bps, meter.enforced_burst_bits)


def _with_all_bursts(
    reservations: Sequence[Reservation],
    buckets: Mapping[str, TokenBucket],
    services: Mapping[Direction, LinkService],
) -> dict[Direction, LinkService]:
    """Admission keeps bursts within a link's limit; a meter lets a little more pass. Where that goes beyond
    the limit, the budget of the link grows with it.
    """
    total: dict[Direction, int] = {}
    for one in reservations:
        bucket, queued_ns = buckets[one.id], 0
        for direction in one.primary.directions:
            grown = math.ceil(bucket.burst + Fraction(bucket.rate) * queued_ns / _SECOND_NS)
            total[direction] = total.get(direction, 0) + grown
            queued_ns += services[direction].queueing_ns
    return {
        direction: replace(service, burst_limit_bits=max(service.burst_limit_bits, total.get(direction, 0)))
        for direction, service in services.items()
    }


def _tight(
    reservations: Sequence[Reservation],
    buckets: Mapping[str, TokenBucket],
    services: Mapping[Direction, LinkService],
) -> tuple[dict[str, Fraction], str]:
    """The least delay in seconds that any method proves, by flow, and the methods that were asked."""
    used = dict.fromkeys(direction for one in reservations for direction in one.primary.directions)
    servers = [
        Server(
            id=_name(direction),
            service=RateLatency(
                services[direction].drain_bps, Fraction(services[direction].latency_ns, _SECOND_NS)
            ),
        )
        for direction in used
    ]
    flows = [
        Flow(one.id, buckets[one.id], tuple(map(_name, one.primary.directions)), max_packet=FRAME_BITS)
        for one in reservations
    ]
    try:
        analysis = analyse(servers, flows)
    except InputError as error:
        return {}, str(error)
    least: dict[str, Fraction] = {}
    for result in analysis.results:
        for name, bounds in result.flows.items():
            if bounds.delay.value is not None:
                least[name] = min(least.get(name, bounds.delay.value), bounds.delay.value)
    return least, ", ".join(str(result.method) for result in analysis.results if not result.refused)


def _name(direction: Direction) -> str:
    return " > ".join(direction)
