"""Reservations for tests of tables and updates: random, on paths of their own, without asking admission."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise

import networkx as nx
from hypothesis import strategies as st

from controller.reservations import FIRST_PORT, Reservation, ReservedPath
from controller.reserved_tables import Carried
from tests.controller.strategies import networks
from topology.network import Demand, Network, Protection, ReservedClass, TrafficClass, Transport


def with_reserved_class(network: Network) -> Network:
    return replace(network, routing=replace(network.routing, reserved=ReservedClass()))


def reservation(
    name: str,
    path: tuple[str, ...],
    backup: tuple[str, ...] | None = None,
    *,
    port: int = FIRST_PORT,
    transport: Transport = Transport.UDP,
) -> Reservation:
    protection = Protection.LINK if backup else Protection.NONE
    demand = Demand(
        name,
        path[0],
        path[-1],
        1.0,
        TrafficClass.RESERVED,
        protection=protection,
        transport=transport,
    )
    reserved = None if backup is None else ReservedPath(backup, 0, 0)
    return Reservation(demand, port, 1_000_000, 50_000, ReservedPath(path, 0, 0), reserved)


def carried(held: Reservation, *, on_backup: bool = False) -> Carried:
    backup = None if held.backup is None else held.backup.sites
    return Carried(held, held.primary.sites, backup, on_backup)


def links_of(network: Network, path: tuple[str, ...]) -> set[str]:
    return {network.link_between(a, b).id for a, b in pairwise(path)}


def a_path(
    draw: st.DrawFn, network: Network, source: str, destination: str, without: Collection[str] = ()
) -> tuple[str, ...] | None:
    """Any simple path that avoids the links ``without``; transit rules are admission's business."""
    graph = nx.Graph(network.graph)
    graph.remove_edges_from([(a, b) for a, b, link in network.graph.edges(data="link") if link.id in without])
    paths = sorted(tuple(path) for path in nx.all_simple_paths(graph, source, destination, cutoff=5))
    return draw(st.sampled_from(paths)) if paths else None


@st.composite
def networks_and_reservations(draw: st.DrawFn, most: int = 4) -> tuple[Network, list[Reservation]]:
    """A random network and reservations on random simple paths, with link-disjoint backups where any is."""
    network = with_reserved_class(draw(networks(max_sites=6)))
    sites = sorted(network.sites)
    held: list[Reservation] = []
    for number in range(draw(st.integers(1, most))):
        source, destination = draw(st.permutations(sites))[:2]
        path = a_path(draw, network, source, destination)
        if path is None:
            continue
        backup = None
        if draw(st.booleans()) or draw(st.booleans()):
            backup = a_path(draw, network, source, destination, links_of(network, path))
        transport = draw(st.sampled_from(list(Transport)))
        held.append(reservation(f"r{number}", path, backup, port=FIRST_PORT + number, transport=transport))
    return network, held
