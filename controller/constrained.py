"""Constrained shortest paths: least bound among the paths that have room, obey the policies and are in time.

On every direction a path crosses there must be room for the flow's rate and for its burst as it has grown on
the way: ``burst + rate x (sum of the queueing budgets upstream)``. So whether a link can be used depends on
how it was reached, and the least path to a site need not be part of the least path beyond it. The search
therefore keeps, per site, every label that no other beats in all of order, queueing and hops at once
(label setting for resource-constrained shortest paths; Desrochers and Soumis, INFOR 26, 1988). It is exact:
removing a loop from a path only lowers all three.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from controller.mesh import Directions, Mesh

NANOSECONDS = 10**9
NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Query:
    """What a path must satisfy. Sites and links by their number in the mesh.

    Attributes:
        rate_bps, burst_bits: the flow's token bucket; both 0: room does not matter.
        upstream_ns: queueing budgets the flow has passed before the source, where its burst has grown.
        limit_ns: most its bound may be, or ``None``.
        max_hops: most links, or ``None``.
        below: the path's key must be less, or ``None``.
        closed_sites: not to be crossed; they may be ends.
        closed_links: not to be used.
        turns_back: the way back over all links but the last must have room too (see ``controller.charges``).
    """

    source: int
    destination: int
    rate_bps: int = 0
    burst_bits: int = 0
    upstream_ns: int = 0
    limit_ns: int | None = None
    max_hops: int | None = None
    below: int | None = None
    closed_sites: frozenset[int] = NOTHING
    closed_links: frozenset[int] = NOTHING
    turns_back: bool = False


@dataclass(slots=True)
class Room:
    """What is left on each direction: rates in bit/s, bursts in bits."""

    rate_bps: list[int]
    burst_bits: list[int]

    @classmethod
    def whole(cls, mesh: Mesh) -> Room:
        """A mesh with nothing reserved."""
        return cls(list(mesh.rate_bps), list(mesh.burst_limit_bits))


def grown(burst_bits: int, rate_bps: int, queueing_ns: int) -> int:
    """A burst after queues that delay between 0 and ``queueing_ns`` (Le Boudec and Thiran 2001, ch. 1.4)."""
    return burst_bits + -(-rate_bps * queueing_ns // NANOSECONDS)


def least_path(mesh: Mesh, query: Query, room: Room) -> Directions | None:
    """The first path, in the mesh's order, that satisfies ``query``; ``None`` if there is none."""
    start = (0, query.upstream_ns, 0)
    return _search(mesh, query, room, mesh.to_go(query.destination), query.source, start, NOTHING, NOTHING)


def k_shortest(mesh: Mesh, query: Query, room: Room) -> Iterator[Directions]:
    """All simple paths that satisfy ``query``, in the mesh's order, each found when it is asked for.

    Yen, Management Science 17, 1971, with Lawler's saving (18, 1972): a path is only varied from where it
    left its parent.
    """
    first = least_path(mesh, query, room)
    waiting = [] if first is None else [(mesh.path_key(first), first, 0)]
    found: list[Directions] = []
    to_go: list[int] = []
    while waiting:
        _, path, parted = heapq.heappop(waiting)
        yield path
        found.append(path)
        to_go = to_go or _to_go_with_room(mesh, query, room)
        for position in range(parted, len(path)):
            root = path[:position]
            taken = frozenset(
                other[position] for other in found if len(other) > position and other[:position] == root
            )
            start = mesh.tail[path[position]]
            passed = frozenset(mesh.tail[direction] for direction in root)
            spent = (
                mesh.path_key(root),
                query.upstream_ns + sum(mesh.queueing_ns[direction] for direction in root),
                position,
            )
            spur = _search(mesh, query, room, to_go, start, spent, passed, taken)
            if spur is not None:
                other = root + spur
                heapq.heappush(waiting, (mesh.path_key(other), other, position))


def _to_go_with_room(mesh: Mesh, query: Query, room: Room) -> list[int]:
    """For each site the least key to the destination past links that are full or closed: Dijkstra backwards.

    Nearer the truth than ``Mesh.to_go``, so that many searches with one question are worth its cost.
    """
    queued_ns = mesh.queueing_from(query.source)
    least = [mesh.unreached] * len(mesh.sites)
    least[query.destination] = 0
    queue = [(0, query.destination)]
    while queue:
        here, site = heapq.heappop(queue)
        inner = site != query.destination
        if here > least[site] or (inner and (site in query.closed_sites or not mesh.carries_transit[site])):
            continue
        for neighbour, away, _ in mesh.leaving[site]:
            direction = away ^ 1
            there = here + mesh.key[direction]
            if there >= least[neighbour] or direction >> 1 in query.closed_links:
                continue
            if room.rate_bps[direction] < query.rate_bps:
                continue
            if inner and query.turns_back and room.rate_bps[away] < query.rate_bps:
                continue
            queued = query.upstream_ns + queued_ns[neighbour]
            if room.burst_bits[direction] < grown(query.burst_bits, query.rate_bps, queued):
                continue
            least[neighbour] = there
            heapq.heappush(queue, (there, neighbour))
    return least


def _search(
    mesh: Mesh,
    query: Query,
    room: Room,
    to_go: list[int],
    start: int,
    spent: tuple[int, int, int],
    passed: frozenset[int],
    not_first: frozenset[int],
) -> Directions | None:
    """The rest of a path from ``start``, which key, queueing and hops ``spent`` have led to.

    ``to_go`` is a lower bound on the key that is left from each site. ``passed`` sites are not entered again;
    the first direction is none of ``not_first``.
    """
    destination, rate_bps, turns_back = query.destination, query.rate_bps, query.turns_back
    room_rate, room_burst, queueing_ns, leaving = (
        room.rate_bps,
        room.burst_bits,
        mesh.queueing_ns,
        mesh.leaving,
    )
    most = mesh.unreached if query.limit_ns is None else (query.limit_ns + 1) * mesh.unit
    if query.below is not None:
        most = min(most, query.below)
    if spent[0] + to_go[start] >= most:
        return None
    max_hops = query.max_hops
    hops_to_go = None if max_hops is None else mesh.hops_to_go(destination)
    closed_links = query.closed_links
    barred = query.closed_sites | passed if passed else query.closed_sites
    carries_transit = mesh.carries_transit
    fronts: dict[int, list[tuple[int, int]]] = {}
    key, queued, hops = spent
    if max_hops is None:
        hops = 0
    if not rate_bps:
        queued = 0  # bursts do not grow: the first label of a site beats all others
    labels: list[tuple[int, int, int, int, int, int, object]] = [
        (key + to_go[start], start, key, queued, hops, -1, None)
    ]
    while labels:
        label = heapq.heappop(labels)
        _, site, key, queued, hops, entered, _ = label
        if site == destination:
            return _unwound(label)
        front = fronts.get(site)
        if front is None:
            fronts[site] = [(queued, hops)]
        elif _beaten(front, queued, hops):
            continue
        else:
            front.append((queued, hops))
        burst_bits = query.burst_bits + -(-rate_bps * queued // NANOSECONDS)
        for neighbour, direction, link_key in leaving[site]:
            if room_rate[direction] < rate_bps or room_burst[direction] < burst_bits:
                continue
            there = key + link_key
            estimate = there + to_go[neighbour]
            if estimate >= most or (direction >> 1) in closed_links or direction == entered ^ 1:
                continue
            if neighbour != destination:
                if neighbour in barred or not carries_transit[neighbour]:
                    continue
                if turns_back:
                    back = direction ^ 1
                    if room_rate[back] < rate_bps or room_burst[back] < burst_bits:
                        continue
            if (
                hops_to_go is not None
                and max_hops is not None
                and hops + 1 + hops_to_go[neighbour] > max_hops
            ):
                continue
            if site == start and entered == -1 and direction in not_first:
                continue
            then = queued + queueing_ns[direction] if rate_bps else 0
            front = fronts.get(neighbour)
            counted = hops + 1 if max_hops is not None else 0
            if front is not None and _beaten(front, then, counted):
                continue
            heapq.heappush(labels, (estimate, neighbour, there, then, counted, direction, label))
    return None


def _beaten(front: list[tuple[int, int]], queued: int, hops: int) -> bool:
    """Whether an earlier, hence better placed, label of the site is no worse in the rest either."""
    for other_queued, other_hops in front:  # noqa: SIM110 - the hot loop: any() is twice as slow
        if other_queued <= queued and other_hops <= hops:
            return True
    return False


def _unwound(label: tuple[int, int, int, int, int, int, object]) -> Directions:
    path = []
    step: object = label
    while isinstance(step, tuple) and step[5] != -1:
        path.append(step[5])
        step = step[6]
    return tuple(reversed(path))
