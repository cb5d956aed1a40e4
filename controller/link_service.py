"""What a link promises the reserved class: a rate-latency service, and how much may wait for it.

Each direction of each link is a queue with a fixed delay budget. A flow is let in only while the rates of all
its flows stay within the reserved rate and their bursts, as large as they have grown on the way, within the
burst limit; then no packet waits longer than the budget, whoever is admitted later. So a promise once given
needs no second look (the threshold-based model of Guck, Van Bemten, Kellerer, "DetServ", IEEE TNSM 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.paths import link_latency_ns
from controller.reservations import FRAME_BITS
from topology.errors import InputError
from topology.network import Network

LEAST_BURST_FRAMES = 8  # frames do not shrink with the scale of an emulation
CONTROL_SHARE = 0.02  # for what switches say to each other (BFD, DSCP 48)
LEAST_CONTROL_BPS = 200_000
_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class LinkService:
    """What one direction of a link offers the reserved class.

    Attributes:
        rate_bps: rate of the class; the service curve is rate-latency (Le Boudec and Thiran, 2001, ch. 1.3).
        latency_ns: its latency: the frame that is being sent, and what goes before the class.
        burst_limit_bits: most that the bursts of all its flows may add up to.
        propagation_ns: latency of the empty link.
    """

    link: str
    rate_bps: int
    latency_ns: int
    burst_limit_bits: int
    propagation_ns: int

    @property
    def queueing_ns(self) -> int:
        """The budget: longest wait while the limits hold, rounded up to the nanosecond."""
        return self.latency_ns + -(-self.burst_limit_bits * _NANOSECONDS // self.rate_bps)


def control_bps(link_bps: int) -> int:
    """The rate that a link keeps for the network's own packets."""
    return max(round(CONTROL_SHARE * link_bps), LEAST_CONTROL_BPS)


def link_services(network: Network, *, rate_scale: float = 1.0) -> Mapping[tuple[str, str], LinkService]:
    """The service of every link direction, by ``(from site, to site)``.

    Raises ``InputError`` if the scenario sets nothing aside for reserved traffic.
    """
    reserved = network.routing.reserved
    if reserved is None:
        raise InputError(
            "the scenario sets nothing aside for reserved traffic",
            where=network.id,
            hint="add 'reserved: {}' under routing (docs/scenarios.md)",
        )
    services = {}
    for link in network.links.values():
        link_bps = round(link.capacity_gbps * 1e9 / rate_scale)
        rate_bps = round(link_bps * reserved.share)
        before_bits = 2 * FRAME_BITS  # one being sent, one of the network's own
        service = LinkService(
            link=link.id,
            rate_bps=rate_bps,
            latency_ns=-(-before_bits * _NANOSECONDS // link_bps),
            burst_limit_bits=max(round(rate_bps * reserved.burst_ms / 1000), LEAST_BURST_FRAMES * FRAME_BITS),
            propagation_ns=link_latency_ns(network, link),
        )
        services[link.a, link.b] = services[link.b, link.a] = service
    return services
