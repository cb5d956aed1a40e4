"""Simple paths in order of cost, under the constraints of a query, at any prices: A* over labels.

A path is extended link by link. What remains from a site to the destination is bounded from below for each
of cost, delay and hops by one backward Dijkstra each (Dijkstra 1959; Hart, Nilsson and Raphael 1968), so a
label that cannot end within the bounds is dropped at once and the first path that arrives is the cheapest.
Nothing is dropped by dominance: asked on, the search gives the second path, the third, and in the end all.
Whole numbers only, so an order or a bound found here is exact.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from controller.constrained import NANOSECONDS, Query, grown
from controller.mesh import Directions, Mesh

NEVER = 1 << 4096  # above any cost

# What a path would cost at least, the least of its key, what it has cost so far, its key, budgets and links
# so far, and the sites it has crossed.
_Label = tuple[int, int, Directions, int, int, int, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Prices:
    """What crossing each direction costs: ``use``, and ``burst`` for every bit of the flow's burst there."""

    use: Sequence[int]
    burst: Sequence[int]


@dataclass(frozen=True, slots=True)
class Found:
    """A path, what it costs, and its key in the mesh's order."""

    path: Directions
    cost: int
    key: int


@dataclass(frozen=True, slots=True)
class Turning:
    """Most that the way there and back over all links but the last may take: in all, and in queues."""

    bound_ns: int
    queueing_ns: int

    def allows(self, mesh: Mesh, path: Directions) -> bool:
        """Whether a primary may begin with ``path``, which does not reach the destination."""
        bound_ns = sum([mesh.bound_ns[e] + mesh.bound_ns[e ^ 1] for e in path])
        queueing_ns = sum([mesh.queueing_ns[e] + mesh.queueing_ns[e ^ 1] for e in path])
        return bound_ns <= self.bound_ns and queueing_ns <= self.queueing_ns


@dataclass(slots=True)
class Patience:
    """How many labels may still be extended, by all searches that share it."""

    left: int


class PathSearch:
    """Gives the feasible paths one by one, in the order of cost, then of their keys.

    ``floor`` bounds the cost of every path not given yet, and is ``NEVER`` once there are no more. When
    patience has run out the search ends early; the floor still holds.
    """

    def __init__(
        self, mesh: Mesh, query: Query, prices: Prices, patience: Patience, turning: Turning | None = None
    ) -> None:
        self._mesh, self._query, self._prices, self._patience = mesh, query, prices, patience
        self._turning = turning
        self._cost = _to_go(mesh, query, prices)
        self._latest = latest(mesh, query)
        self._key = mesh.to_go(query.destination)
        self._hops = mesh.hops_to_go(query.destination)
        self._most_key = NEVER if query.limit_ns is None else (query.limit_ns + 1) * mesh.unit
        self._most_hops = len(mesh.sites) if query.max_hops is None else query.max_hops
        self._queue: list[_Label] = []
        if self._cost[query.source] < NEVER:
            self._push((), query.source, 0, 0, query.upstream_ns, frozenset((query.source,)))

    @property
    def floor(self) -> int:
        """No path still to come costs less."""
        return self._queue[0][0] if self._queue else NEVER

    @property
    def floor_key(self) -> int:
        """Of the paths still to come that cost least, none has a lower key."""
        return self._queue[0][1] if self._queue else NEVER

    def next(self, most: int = NEVER - 1) -> Found | None:
        """The next path; ``None`` if none is left that costs at most ``most``, or patience has run out."""
        mesh, query, prices = self._mesh, self._query, self._prices
        while self._queue and self._queue[0][0] <= most and self._patience.left > 0:
            _, whole_key, path, cost, key, queueing_ns, crossed = heapq.heappop(self._queue)
            site = mesh.head[path[-1]] if path else query.source
            if site == query.destination:
                return Found(path, cost, whole_key)
            self._patience.left -= 1
            if self._turning is not None and not self._turning.allows(mesh, path):
                continue
            burst_bits = grown(query.burst_bits, query.rate_bps, queueing_ns)
            for end, direction, step in mesh.leaving[site]:
                if end in crossed or not _usable(mesh, query, direction) or self._cost[end] >= NEVER:
                    continue
                if burst_bits > mesh.burst_limit_bits[direction]:
                    continue
                self._push(
                    (*path, direction),
                    end,
                    cost + prices.use[direction] + prices.burst[direction] * burst_bits,
                    key + step,
                    queueing_ns + mesh.queueing_ns[direction],
                    crossed | {end},
                )
        return None

    def _push(
        self, path: Directions, end: int, cost: int, key: int, queueing_ns: int, crossed: frozenset[int]
    ) -> None:
        whole_key = key + self._key[end]
        if queueing_ns > self._latest[end]:
            return
        if whole_key < self._most_key and len(path) + self._hops[end] <= self._most_hops:
            whole_cost = cost + self._cost[end]
            heapq.heappush(self._queue, (whole_cost, whole_key, path, cost, key, queueing_ns, crossed))


def _usable(mesh: Mesh, query: Query, direction: int) -> bool:
    """Whether the query's paths may cross a direction at all, the burst aside."""
    end = mesh.head[direction]
    if direction >> 1 in query.closed_links or query.rate_bps > mesh.rate_bps[direction]:
        return False
    return end == query.destination or (mesh.carries_transit[end] and end not in query.closed_sites)


def _to_go(mesh: Mesh, query: Query, prices: Prices) -> list[int]:
    """A lower bound of what is left to pay from each site: as if bursts did not grow on the way."""
    burst_bits = grown(query.burst_bits, query.rate_bps, query.upstream_ns)
    least = [NEVER] * len(mesh.sites)
    least[query.destination] = 0
    queue = [(0, query.destination)]
    while queue:
        here, site = heapq.heappop(queue)
        if here > least[site]:
            continue
        for neighbour, outward, _ in mesh.leaving[site]:
            direction = outward ^ 1
            if not _usable(mesh, query, direction):
                continue
            there = here + prices.use[direction] + prices.burst[direction] * burst_bits
            if there < least[neighbour]:
                least[neighbour] = there
                heapq.heappush(queue, (there, neighbour))
    return least


def latest(mesh: Mesh, query: Query) -> list[int]:
    """From each site, the most that may have been queued before it if the burst is to fit all the way.

    Nanoseconds of budgets; -1 where no usable way leads to the destination. A widest-path Dijkstra.
    """
    most = [-1] * len(mesh.sites)
    most[query.destination] = NEVER
    queue = [(-NEVER, query.destination)]
    while queue:
        here, site = heapq.heappop(queue)
        if -here < most[site]:
            continue
        for neighbour, outward, _ in mesh.leaving[site]:
            direction = outward ^ 1
            if not _usable(mesh, query, direction):
                continue
            spare_bits = mesh.burst_limit_bits[direction] - query.burst_bits
            entering = spare_bits * NANOSECONDS // max(query.rate_bps, 1)
            there = min(entering, most[site] - mesh.queueing_ns[direction])
            if there > most[neighbour]:
                most[neighbour] = there
                heapq.heappush(queue, (-there, neighbour))
    return most
