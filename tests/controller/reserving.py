"""Networks with reservations for tests, and answers found the long way round: every path, every cut."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import networkx as nx
from hypothesis import strategies as st

from controller.link_service import link_services
from controller.reservations import Reservation
from tests.controller.strategies import networks
from topology.network import Demand, Network, Protection, ReservedClass, TrafficClass

Sites = tuple[str, ...]
Order = tuple[int, int, list[int]]


def reserving(network: Network, **figures: float) -> Network:
    """The same network, its links setting something aside."""
    return replace(network, routing=replace(network.routing, reserved=ReservedClass(**figures)))  # type: ignore[arg-type]


def demand(name: str, source: str, destination: str, rate_gbps: float = 1.0, **more: Any) -> Demand:
    """A *reserved* demand with a burst of 0.1 Mbit."""
    figures = {"burst_mbit": 0.1, **more}
    return Demand(name, source, destination, rate_gbps, TrafficClass.RESERVED, **figures)


def with_groups(network: Network, groups: Mapping[str, tuple[str, ...]]) -> Network:
    """The same network with shared-risk groups, by link."""
    links = {
        name: replace(link, shared_risk_groups=groups.get(name, ())) for name, link in network.links.items()
    }
    return replace(network, links=links)


def all_paths(network: Network, source: str, destination: str) -> list[Sites]:
    """Every simple path that crosses only sites with transit."""
    found = nx.all_simple_paths(network.graph, source, destination)
    return [tuple(path) for path in found if all(network.sites[site].carries_transit for site in path[1:-1])]


def order(network: Network, *paths: Sites) -> Order:
    """What paths (together) are ordered by: bound, hops, the links listed last."""
    services = link_services(network)
    position = {link: number for number, link in enumerate(network.links)}
    hops = [hop for path in paths for hop in pairwise(path)]
    return (
        sum(services[hop].propagation_ns + services[hop].queueing_ns for hop in hops),
        len(hops),
        sorted((position[network.link_between(*hop).id] for hop in hops), reverse=True),
    )


def bound_ns(network: Network, path: Sites) -> int:
    """Sum of latency and queueing budget over the links of a walk."""
    return order(network, path)[0]


def walks(primary: Sites, backup: Sites | None) -> Iterator[Sites]:
    """The ways packets may take: the primary, and for the cut of each of its links there, back and round."""
    yield primary
    for cut in range(len(primary) - 1 if backup else 0):
        there = primary[: cut + 1]
        yield there + there[-2::-1] + (backup or ())[1:]


def bursts(
    network: Network, rate_bps: int, burst_bits: int, primary: Sites, backup: Sites | None
) -> dict[tuple[str, str], int]:
    """The largest burst on each direction over all walks, each followed packet by packet of the way."""
    services = link_services(network)
    largest: dict[tuple[str, str], int] = {}
    for walk in walks(primary, backup):
        queued_ns = 0
        for hop in pairwise(walk):
            burst = burst_bits + math.ceil(rate_bps * queued_ns / 10**9)
            largest[hop] = max(largest.get(hop, 0), burst)
            queued_ns += services[hop].queueing_ns
    return largest


def used(network: Network, reservations: Mapping[str, Reservation]) -> dict[tuple[str, str], tuple[int, int]]:
    """Rate and burst on every direction, by adding up all reservations anew."""
    total = dict.fromkeys(link_services(network), (0, 0))
    for each in reservations.values():
        backup = each.backup.sites if each.backup else None
        taken = bursts(network, each.rate_bps, each.burst_bits, each.primary.sites, backup)
        for hop, burst in taken.items():
            total[hop] = (total[hop][0] + each.rate_bps, total[hop][1] + burst)
    return total


@st.composite
def reserving_networks(draw: st.DrawFn, *, max_sites: int = 6) -> Network:
    """Random networks that set something aside; some have shared-risk groups."""
    network = reserving(
        draw(networks(max_sites=max_sites)), share=0.5, burst_ms=draw(st.sampled_from([0.1, 1.0]))
    )
    groups = st.sampled_from([(), (), (), ("duct",), ("bridge",)])
    if draw(st.booleans()):
        network = with_groups(network, {link: draw(groups) for link in network.links})
    return network


@st.composite
def demands(draw: st.DrawFn, network: Network, name: str = "d") -> Demand:
    """A demand between two sites of a network, with constraints that bind now and then."""
    source, destination = draw(st.permutations(sorted(network.sites)))[:2]
    return demand(
        name,
        source,
        destination,
        draw(st.sampled_from([0.5, 1.0, 2.0, 4.0, 20.0])),
        burst_mbit=draw(st.sampled_from([0.01, 0.2, 0.4])),
        max_one_way_ms=draw(st.sampled_from([None, 0.5, 1.0, 3.0, 20.0])),
        max_hops=draw(st.sampled_from([None, None, 1, 2, 3])),
        avoid_sites=tuple(draw(st.sets(st.sampled_from(sorted(network.sites)), max_size=1))),
        protection=draw(st.sampled_from(Protection)),
    )
