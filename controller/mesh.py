"""A network as arrays of whole numbers: what path search with reservations runs on.

Sites are numbered in the order of the scenario, and so are link directions: link number ``n`` has the
directions ``2n`` (from its end ``a``) and ``2n + 1``; ``e ^ 1`` turns a direction round, ``e >> 1`` is its
link. A path is the tuple of the directions it crosses.

Paths are ordered as in ``controller.paths``, with the guaranteed bound in place of the empty latency: least
bound in nanoseconds, then fewest hops, then of the links in which two paths differ the one listed last loses.
The three are the digits of one integer per link, so that keys add up along a path and no two paths tie.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import pairwise

from controller.link_service import link_services
from controller.paths import Path
from topology.network import Network

Directions = tuple[int, ...]


class Mesh:
    """A network made ready for search. Everything is fixed once built, but for what is remembered.

    Attributes:
        sites, links: ids, by number.
        tail, head: the sites each direction leaves and enters.
        leaving: for each site, ``(head, direction, key)`` of the directions that leave it.
        key, bound_ns, queueing_ns, propagation_ns: of each direction; ``bound_ns`` is the sum of the others.
        rate_bps, burst_limit_bits: what each direction offers the reserved class.
        unit: a key divided by it gives the bound in nanoseconds.
        unreached: above every key.
        carries_transit: of each site.
        groups: for each link, the links that fail with it (shared-risk groups), itself not included.
    """

    def __init__(self, network: Network, *, rate_scale: float = 1.0) -> None:
        """Raises ``InputError`` if the scenario sets nothing aside for reserved traffic."""
        services = link_services(network, rate_scale=rate_scale)
        self.sites = tuple(network.sites)
        self.number = {site: number for number, site in enumerate(self.sites)}
        self.links = tuple(network.links)
        self.link_number = {link: number for number, link in enumerate(self.links)}
        self.carries_transit = [site.carries_transit for site in network.sites.values()]
        self.tail: list[int] = []
        self.head: list[int] = []
        self.bound_ns: list[int] = []
        self.queueing_ns: list[int] = []
        self.propagation_ns: list[int] = []
        self.rate_bps: list[int] = []
        self.burst_limit_bits: list[int] = []
        for link in network.links.values():
            for tail, head in ((link.a, link.b), (link.b, link.a)):
                service = services[tail, head]
                self.tail.append(self.number[tail])
                self.head.append(self.number[head])
                self.queueing_ns.append(service.queueing_ns)
                self.propagation_ns.append(service.propagation_ns)
                self.bound_ns.append(service.propagation_ns + service.queueing_ns)
                self.rate_bps.append(service.rate_bps)
                self.burst_limit_bits.append(service.burst_limit_bits)
        count = len(self.links)
        self.unit = (count + 1) << count
        self.unreached = (sum(self.bound_ns) + 2) * self.unit * 4
        self.key = [
            bound * self.unit + (1 << count) + (1 << (direction >> 1))
            for direction, bound in enumerate(self.bound_ns)
        ]
        self.leaving: list[list[tuple[int, int, int]]] = [[] for _ in self.sites]
        self.between: dict[tuple[int, int], int] = {}
        for direction, (tail_, head_) in enumerate(zip(self.tail, self.head, strict=True)):
            self.leaving[tail_].append((head_, direction, self.key[direction]))
            self.between[tail_, head_] = direction
        self.groups = _groups(network, self.link_number)
        self.has_groups = any(self.groups)
        self._to_go: dict[int, list[int]] = {}
        self._hops_to_go: dict[int, list[int]] = {}
        self._queueing_from: dict[int, list[int]] = {}

    def to_go(self, destination: int) -> list[int]:
        """For each site the least key to ``destination`` while nothing is reserved; ``unreached`` if none.

        A lower bound on any path that also obeys constraints: it guides the search (A*, Hart, Nilsson and
        Raphael 1968) without changing its answer.
        """
        if destination not in self._to_go:
            self._to_go[destination] = self._distances(destination, self.key)
        return self._to_go[destination]

    def hops_to_go(self, destination: int) -> list[int]:
        """For each site the fewest hops to ``destination``; ``unreached`` if no path leads there."""
        if destination not in self._hops_to_go:
            self._hops_to_go[destination] = self._distances(destination, [1] * len(self.key))
        return self._hops_to_go[destination]

    def queueing_from(self, source: int) -> list[int]:
        """For each site the least sum of queueing budgets on a path from ``source``: by it bursts grow."""
        if source not in self._queueing_from:
            towards = [self.queueing_ns[direction ^ 1] for direction in range(len(self.queueing_ns))]
            self._queueing_from[source] = self._distances(source, towards)
        return self._queueing_from[source]

    def _distances(self, destination: int, weight: list[int]) -> list[int]:
        """Dijkstra 1959, from the destination against the directions; ``weight`` of each direction."""
        least = [self.unreached] * len(self.sites)
        least[destination] = 0
        queue = [(0, destination)]
        while queue:
            here, site = heapq.heappop(queue)
            if here > least[site] or (site != destination and not self.carries_transit[site]):
                continue
            for neighbour, direction, _ in self.leaving[site]:
                there = here + weight[direction ^ 1]
                if there < least[neighbour]:
                    least[neighbour] = there
                    heapq.heappush(queue, (there, neighbour))
        return least

    def directions(self, sites: Path) -> Directions:
        """A path given as site ids. Raises ``KeyError`` if the network has no such path."""
        numbers = [self.number[site] for site in sites]
        return tuple(self.between[a, b] for a, b in pairwise(numbers))

    def site_ids(self, path: Directions) -> Path:
        """The site ids of a path of at least one link."""
        return (self.sites[self.tail[path[0]]], *(self.sites[self.head[direction]] for direction in path))

    def path_key(self, path: Iterable[int]) -> int:
        """The place of a path in the order of paths."""
        key = self.key
        return sum([key[direction] for direction in path])

    def path_bound_ns(self, path: Iterable[int]) -> int:
        """No packet sent within its contract takes longer."""
        bound_ns = self.bound_ns
        return sum([bound_ns[direction] for direction in path])


def _groups(network: Network, link_number: dict[str, int]) -> list[frozenset[int]]:
    members: dict[str, set[int]] = {}
    for link in network.links.values():
        for group in link.shared_risk_groups:
            members.setdefault(group, set()).add(link_number[link.id])
    return [
        frozenset().union(*(members[group] for group in link.shared_risk_groups)) - {link_number[link.id]}
        for link in network.links.values()
    ]
