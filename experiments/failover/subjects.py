"""What the faults hit: protected reservations, and the links and switches of their paths. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations

from controller.paths import Path
from controller.reservations import FRAME_BITS, Reservation
from experiments.failover.kinds import Kind
from experiments.protection import asked, protected
from topology.errors import InputError
from topology.network import Demand, Network, Protection, TrafficClass

TRANSIT_DEMAND = "failover-transit"
_TRANSIT_BPS = 2_000_000  # at the emulated scale


@dataclass(frozen=True, slots=True)
class Target:
    """One place to hurt one flow at.

    Attributes:
        reservation: its id.
        position: on its primary, the number of the link cut, or of the site whose switch dies.
        links: the links that fail.
        site: the switch that dies; empty if none does.
        guard: the site whose switch has to act, and its neighbour in whose direction the fault lies.
    """

    reservation: str
    position: int
    links: tuple[str, ...]
    site: str
    guard: tuple[str, str]


def with_transit(network: Network) -> Network:
    """``network`` with one more demand if no protected reservation crosses a switch on its way.

    The first pair of sites, in the scenario's order, that gets a path of two or more links and a backup
    around its switches; unchanged if there is none. Raises ``InputError`` if nothing at all is protected.
    """
    admission = asked(network)
    found = protected(admission.reservations)
    if any(len(one.primary.sites) > 2 for one in found.values()):
        return network
    for source, destination in permutations(network.sites, 2):
        demand = Demand(
            id=TRANSIT_DEMAND,
            source=source,
            destination=destination,
            rate_gbps=_TRANSIT_BPS * network.rate_scale / 1e9,
            traffic_class=TrafficClass.RESERVED,
            burst_mbit=FRAME_BITS * network.rate_scale / 1e6,
            protection=Protection.SITE,
        )
        answer = admission.ask(demand)
        if isinstance(answer, Reservation):
            if len(answer.primary.sites) > 2:
                return replace(network, demands={**network.demands, demand.id: demand})
            admission.withdraw(demand.id)
    if not found:
        raise InputError(
            "no demand of the scenario is protected",
            where=network.id,
            hint="give one 'class: reserved' and 'protection: link' (docs/scenarios.md)",
        )
    return network


def targets(kind: Kind, network: Network, reservations: Mapping[str, Reservation]) -> list[Target]:
    """Where a kind of fault may strike: on the longest paths first, far from the source first, whence packets
    have the longest way back. Empty if it cannot.
    """
    ranked = sorted(protected(reservations).values(), key=lambda one: -len(one.primary.sites))
    found = []
    for one in ranked:
        sites = one.primary.sites
        match kind:
            case Kind.SWITCH_DEATH:
                found += [_death(network, one, position) for position in range(1, len(sites) - 1)]
            case Kind.TWO_CUTS:
                found += _double(network, one)
            case _:
                found += reversed(
                    [
                        Target(one.id, position, (_link(network, pair),), "", pair)
                        for position, pair in enumerate(pairwise(sites))
                    ]
                )
    return found


def latency_ns(network: Network, sites: Path) -> int:
    """One-way latency of an empty path, ns."""
    return round(sum(network.link_latency_ms(link) for link in network.path_links(sites)) * 1e6)


def _death(network: Network, one: Reservation, position: int) -> Target:
    sites = one.primary.sites
    dead = sites[position]
    links = tuple(link.id for link in network.links.values() if dead in (link.a, link.b))
    return Target(one.id, position, links, dead, (sites[position - 1], dead))


def _double(network: Network, one: Reservation) -> list[Target]:
    """A link of the path and one of the backup, such that a third way is left."""
    assert one.backup is not None
    found = []
    for position, pair in enumerate(pairwise(one.primary.sites)):
        for other in pairwise(one.backup.sites):
            links = (_link(network, pair), _link(network, other))
            if links[0] != links[1] and _connected(network, one, links):
                found.append(Target(one.id, position, links, "", pair))
    return found


def _connected(network: Network, one: Reservation, without: Sequence[str]) -> bool:
    reached, waiting = {one.demand.source}, [one.demand.source]
    while waiting:
        here = waiting.pop()
        for link in network.links.values():
            if link.id not in without and here in (link.a, link.b):
                there = link.b if link.a == here else link.a
                if there not in reached:
                    reached.add(there)
                    waiting.append(there)
    return one.demand.destination in reached


def _link(network: Network, pair: tuple[str, str]) -> str:
    return next(iter(network.path_links(pair))).id
