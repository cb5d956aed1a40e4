"""Least-delay paths between all pairs of sites: exact, deterministic, the same in both directions.

The best path of a pair is the least in this order:

1. *compute* class only: fewest links below ``Routing.compute_min_capacity_gbps`` ("narrow" links). Where wide
   links lead all the way this is the constraint of the class; where they do not, traffic crosses as few
   narrow links as it must instead of being refused.
2. least one-way latency, in whole nanoseconds.
3. fewest hops.
4. the links listed first in the scenario: of the links in which two paths differ, the one listed last loses.

Each criterion adds up along a path, so all four become the digits of one integer per link and one Dijkstra
per source (Dijkstra 1959) finds the minimum with exact arithmetic. No two paths have equal keys, because
criterion 4 tells any two sets of links apart; a key does not depend on direction. From both follows what the
rest relies on: a path and its return path cross the same links, and every part of a chosen path is itself the
chosen path of its ends. Hence all paths to one destination form a tree, and a switch needs one entry per
destination and class.

A site with ``carries_transit=False`` is only ever the first or the last of a path. A part of a path has its
inner sites among the inner sites of the whole, so the properties above hold under this constraint too.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping

from topology.network import Link, Network, TrafficClass

NANOSECONDS_PER_MS = 1_000_000

Path = tuple[str, ...]


def link_latency_ns(network: Network, link: Link) -> int:
    """One-way latency of a link in whole nanoseconds: 0.2 mm of fibre, far below what can be measured."""
    return round(network.link_latency_ms(link) * NANOSECONDS_PER_MS)


def is_narrow(network: Network, link: Link) -> bool:
    """Whether *compute* traffic avoids this link."""
    return link.capacity_gbps < network.routing.compute_min_capacity_gbps


def least_delay_paths(
    network: Network,
    *,
    traffic_class: TrafficClass,
    without_links: Collection[str] = frozenset(),
    without_sites: Collection[str] = frozenset(),
) -> Mapping[tuple[str, str], Path]:
    """The path of every ordered pair of different sites, by ``(source, destination)``, as site ids.

    ``without_links`` and ``without_sites`` are left out of the network. A pair that no path joins is absent.
    """
    present = [site for site in network.sites if site not in without_sites]
    keys = _link_keys(network, traffic_class)
    neighbours: dict[str, list[tuple[str, int]]] = {site: [] for site in present}
    for link in network.links.values():
        if link.id not in without_links and link.a in neighbours and link.b in neighbours:
            neighbours[link.a].append((link.b, keys[link.id]))
            neighbours[link.b].append((link.a, keys[link.id]))
    paths: dict[tuple[str, str], Path] = {}
    for source in present:
        tree = _tree(network, neighbours, source)
        for destination in present:
            if destination != source and destination in tree:
                paths[source, destination] = tree[destination]
    return paths


def _link_keys(network: Network, traffic_class: TrafficClass) -> dict[str, int]:
    """One integer per link; their sum along a path orders paths as the module says.

    Digits, most significant first: narrow links, nanoseconds, hops, one bit per link. Each digit has room for
    the sum over all links, so none overflows into the next.
    """
    compute = traffic_class is TrafficClass.COMPUTE
    latency = {link.id: link_latency_ns(network, link) for link in network.links.values()}
    count = len(network.links)
    latency_room, hops_room = sum(latency.values()) + 1, count + 1
    keys = {}
    for position, link in enumerate(network.links.values()):
        narrow = int(compute and is_narrow(network, link))
        digits = (narrow * latency_room + latency[link.id]) * hops_room + 1
        keys[link.id] = (digits << count) + (1 << position)
    return keys


def _tree(network: Network, neighbours: Mapping[str, list[tuple[str, int]]], source: str) -> dict[str, Path]:
    """Dijkstra: the least path from ``source`` to each site it reaches, itself included."""
    paths: dict[str, Path] = {}
    best = {source: 0}
    before: dict[str, str] = {}
    queue = [(0, source)]  # keys are unique to a path, so two sites never tie and the heap order is fixed
    while queue:
        key, site = heapq.heappop(queue)
        if site in paths:
            continue
        paths[site] = (*paths[before[site]], site) if site in before else (site,)
        if site != source and not network.sites[site].carries_transit:
            continue
        for neighbour, link_key in neighbours[site]:
            candidate = key + link_key
            if neighbour not in best or candidate < best[neighbour]:
                best[neighbour] = candidate
                before[neighbour] = site
                heapq.heappush(queue, (candidate, neighbour))
    return paths
