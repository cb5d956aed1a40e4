"""What a link promises the reserved class: a rate-latency service, and how much may wait for it.

Each direction of each link is a queue with a fixed delay budget. A flow is let in only while the rates of all
its flows stay within the reserved rate and their bursts, as large as they have grown on the way, within the
burst limit; then no packet waits longer than the budget, whoever is admitted later. So a promise once given
needs no second look (the threshold-based model of Guck, Van Bemten, Kellerer, "DetServ", IEEE TNSM 2017).

The service is that of HTB with the classes of ``topology.emulation.links.classes``: as the class has tokens
for all that is ever admitted, it waits only for the frame being sent and for the network's own packets, never
for tokens or for the rest (``controller.bounds.conforming_htb``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.bounds import HtbClass, TokenBucket, conforming_htb
from controller.paths import NANOSECONDS_PER_MS, link_latency_ns
from controller.reservations import FRAME_BITS
from topology.emulation.links import LinkProperties
from topology.emulation.links.classes import ClassName, burst_limit_bits, link_classes
from topology.errors import InputError
from topology.network import Link, Network, ReservedClass

_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class LinkService:
    """What one direction of a link offers the reserved class.

    Attributes:
        rate_bps: most that the rates of all its flows may add up to.
        drain_bps: rate at which what waits is served; the service curve is rate-latency (Le Boudec and
            Thiran, 2001, ch. 1.3).
        latency_ns: its latency: the frame that is being sent, what goes before the class, and the link's
            jitter, by the whole width of its variation: packets so far apart when they were sent may arrive
            together, and so bursts grow by it.
        burst_limit_bits: most that the bursts of all its flows may add up to.
        propagation_ns: latency of the empty link.
    """

    link: str
    rate_bps: int
    drain_bps: int
    latency_ns: int
    burst_limit_bits: int
    propagation_ns: int

    @property
    def queueing_ns(self) -> int:
        """The budget: longest wait while the limits hold, rounded up to the nanosecond."""
        return self.latency_ns + -(-self.burst_limit_bits * _NANOSECONDS // self.drain_bps)


def link_services(network: Network, *, rate_scale: float = 1.0) -> Mapping[tuple[str, str], LinkService]:
    """The service of every link direction, by ``(from site, to site)``, as the links are meant to be set.

    Raises ``InputError`` if the scenario sets nothing aside for reserved traffic.
    """
    reserved = reserved_class(network)
    services = {}
    for link in network.links.values():
        link_bps = round(link.capacity_gbps * 1e9 / rate_scale)
        classes = {
            each.name: HtbClass(each.rate_bps, 8 * each.burst_bytes, priority)
            for priority, each in enumerate(link_classes(LinkProperties(link_bps / 1e6, 0.0), reserved))
        }
        service = service_of(network, link, link_bps, classes)
        services[link.a, link.b] = services[link.b, link.a] = service
    return services


def service_of(
    network: Network, link: Link, link_bps: int, classes: Mapping[ClassName, HtbClass]
) -> LinkService:
    """The service of a link whose HTB has these ``classes`` (bits, bit/s); whole numbers, rounded for safety.

    Raises ``InputError`` if such classes cannot keep what reservations are promised.
    """
    own = classes[ClassName.RESERVED]
    others = [each for name, each in classes.items() if name is not ClassName.RESERVED]
    limit_bits = burst_limit_bits(int(own.rate), reserved_class(network))
    curve = conforming_htb(link_bps, own, others, FRAME_BITS, TokenBucket(own.rate, limit_bits))
    return LinkService(
        link=link.id,
        rate_bps=int(own.rate),
        drain_bps=int(curve.rate),
        latency_ns=int(-(-curve.latency * _NANOSECONDS // 1))
        + round(link.jitter_span_ms * NANOSECONDS_PER_MS),
        burst_limit_bits=limit_bits,
        propagation_ns=link_latency_ns(network, link),
    )


def reserved_class(network: Network) -> ReservedClass:
    """What the links of ``network`` set aside. Raises ``InputError`` if that is nothing."""
    if network.routing.reserved is None:
        raise InputError(
            "the scenario sets nothing aside for reserved traffic",
            where=network.id,
            hint="add 'reserved: {}' under routing (docs/scenarios.md)",
        )
    return network.routing.reserved
