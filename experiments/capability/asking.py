"""What a network asks of the machine that emulates it, at the emulated scale. Pure.

Three questions, since three things wear a machine: the fastest link on its own; one flow, which is carried
by every link of its path at the same time; and what is reserved, all of which may be sent at once. That all
links are full both ways at once is asked by no experiment of ours; it is said beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.plan import RoutingPlan
from experiments.protection import admitted
from topology.emulation.layout import Layout
from topology.network import Network, TrafficClass


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic over some links, one after the other: as much as its path's narrowest link lets through."""

    links: tuple[str, ...]
    mbps: float

    @property
    def carried_mbps(self) -> float:
        """Counted on every link it crosses, for that is what the machine carries."""
        return self.mbps * len(self.links)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one network asks, in Mbit/s of Ethernet frames.

    Attributes:
        rates_mbps: of each link.
        flow: the one that is most to carry, of the pairs that are measured; ``None`` if there are none.
        reserved_mbps: all reservations at once, each on every link of its path.
        everything_mbps: every link full, both ways.
    """

    scenario: str
    rate_scale: float
    rates_mbps: dict[str, float]
    flow: Flow | None
    reserved_mbps: float
    everything_mbps: float

    @classmethod
    def by(cls, network: Network, destinations: Iterable[str] = ()) -> Asked:
        """What ``network`` asks when measured to ``destinations`` (to those it names itself, if none)."""
        layout = Layout.of(network)
        rates_mbps = {link: each.properties.rate_mbps for link, each in layout.links.items()}
        wanted = tuple(destinations) or network.comparison.destinations
        flows = _flows(network, wanted, rates_mbps)
        reservations = admitted(network).values()
        return cls(
            scenario=network.id,
            rate_scale=network.rate_scale,
            rates_mbps=rates_mbps,
            flow=max(flows, key=lambda flow: flow.carried_mbps, default=None),
            reserved_mbps=sum(one.rate_bps / 1e6 * (len(one.primary.sites) - 1) for one in reservations),
            everything_mbps=2 * sum(rates_mbps.values()),
        )


def _flows(network: Network, destinations: Iterable[str], rates_mbps: dict[str, float]) -> list[Flow]:
    """One each way between the compared source and every destination; pairs without a path have none."""
    plan = RoutingPlan.of(network)
    source = network.comparison.source
    found = []
    for site in destinations:
        for ends in ((source, site), (site, source)):
            planned = plan.paths.get((*ends, TrafficClass.COMPUTE))
            if planned is not None:
                links = tuple(link.id for link in network.path_links(planned.sites))
                found.append(Flow(links, min(rates_mbps[link] for link in links)))
    return found
