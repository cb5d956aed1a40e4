"""Pairs of disjoint paths: a primary, and the backup that survives what the primary does not.

The primary comes before its backup in the order of paths: packets go the shorter way while they can. Of all
such pairs the one sought has the least total bound; among equals the one whose primary comes first.

``suurballe`` finds it at once where room and disjointness in links or sites are all that matters (Suurballe,
Networks 4, 1974; Suurballe and Tarjan, Networks 14, 1984; in the residual form of Bhandari 1999). What it
cannot see is tested afterwards: limits on delay and hops of each path, bursts that grow, the way back, and
shared-risk groups, with which the problem is NP-hard (Hu, Networks 42, 2003).

If its pair fails that test, ``least_pair`` takes primaries in their order and finds the least backup for
each, until twice the primary is no less than the best total: the pair found is then the least, exactly. Only
if that takes more than ``MAX_PRIMARIES`` primaries does it stop without the proof, with the best pair so far.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import islice

from controller.charges import allowed, charges, fits, turning_back_ns, turning_back_queueing_ns
from controller.constrained import Query, Room, grown, k_shortest
from controller.mesh import Directions, Mesh
from topology.network import Protection

MAX_PRIMARIES = 64

Pair = tuple[Directions, Directions]
_Arcs = dict[int, list[tuple[int, int, int]]]  # node -> (node, cost, direction); inside a site: direction -1


def least_pair(mesh: Mesh, query: Query, room: Room, protection: Protection) -> Pair | None:
    """``(primary, backup)``, or ``None`` if there is none (or none was found: see above)."""
    pair = suurballe(mesh, query, room, protection)
    if pair is None or holds(mesh, query, room, protection, *pair):
        return pair
    least_total = mesh.path_key(pair[0]) + mesh.path_key(pair[1])
    total, best = 2 * mesh.unreached, None
    for primary in islice(k_shortest(mesh, replace(query, turns_back=True), room), MAX_PRIMARIES):
        key = mesh.path_key(primary)
        if 2 * key >= total or total == least_total:
            break
        backup = _backup(mesh, query, room, protection, primary, below=total - key)
        if backup is not None:
            total, best = key + mesh.path_key(backup), (primary, backup)
    return best


def _backup(
    mesh: Mesh, query: Query, room: Room, protection: Protection, primary: Directions, *, below: int
) -> Directions | None:
    """The least backup of a primary, after it in order and ``below`` a key; ``None`` if there is none."""
    limit_ns = None if query.limit_ns is None else query.limit_ns - turning_back_ns(mesh, primary)
    there_and_back = charges(mesh, query.rate_bps, query.burst_bits, primary, (primary[-1],))[:-1]
    if not fits(room, query.rate_bps, there_and_back):
        return None
    links, sites = _risk(mesh, protection, primary)
    search = replace(
        query,
        upstream_ns=turning_back_queueing_ns(mesh, primary),
        limit_ns=limit_ns,
        below=below,
        closed_links=query.closed_links | links,
        closed_sites=query.closed_sites | sites,
    )
    key = mesh.path_key(primary)
    return next((path for path in k_shortest(mesh, search, room) if mesh.path_key(path) > key), None)


def holds(
    mesh: Mesh, query: Query, room: Room, protection: Protection, primary: Directions, backup: Directions
) -> bool:
    """Whether a pair satisfies all that is asked: each path, their disjointness, the room, the way back."""
    if not (allowed(mesh, query, primary) and allowed(mesh, query, backup)):
        return False
    links, sites = _risk(mesh, protection, primary)
    if any(e >> 1 in links for e in backup) or any(mesh.head[e] in sites for e in backup[:-1]):
        return False
    late = turning_back_ns(mesh, primary) + mesh.path_bound_ns(backup)
    if query.limit_ns is not None and late > query.limit_ns:
        return False
    return fits(room, query.rate_bps, charges(mesh, query.rate_bps, query.burst_bits, primary, backup))


def _risk(mesh: Mesh, protection: Protection, path: Directions) -> tuple[frozenset[int], frozenset[int]]:
    """The links and sites that a backup must keep clear of."""
    links = {direction >> 1 for direction in path}
    if mesh.has_groups:
        links.update(*(mesh.groups[direction >> 1] for direction in path))
    inner = (mesh.head[direction] for direction in path[:-1])
    return frozenset(links), frozenset(inner if protection is Protection.SITE else ())


def suurballe(mesh: Mesh, query: Query, room: Room, protection: Protection) -> Pair | None:
    """The pair of least total bound with room for the rate and for the least a burst can have grown to.

    Shorter path first. Heeds the closed links and sites of ``query``, not its limits, and no groups.
    """
    arcs, source, destination = _arcs(mesh, query, room, sites_too=protection is Protection.SITE)
    distance, entered = _distances(arcs, source)
    if destination not in distance:
        return None
    first = _walk_back(entered, source, destination)
    on_first = {(tail, head) for tail, head, _ in first}
    residual: _Arcs = {}
    for tail, leaving in arcs.items():
        if tail in distance:
            residual[tail] = [
                (head, cost + distance[tail] - distance[head], direction)
                for head, cost, direction in leaving
                if (tail, head) not in on_first
            ]
    for tail, head, direction in first:
        residual.setdefault(head, []).append((tail, 0, -2 if direction < 0 else -3 - direction))
    distance, entered = _distances(residual, source)
    if destination not in distance:
        return None
    union = {direction for _, _, direction in first if direction >= 0}
    for _, _, direction in _walk_back(entered, source, destination):
        if direction >= 0:
            union.add(direction)
        elif direction <= -3:
            union.discard(-3 - direction)
    return _parted(mesh, query, union)


def _arcs(mesh: Mesh, query: Query, room: Room, *, sites_too: bool) -> tuple[_Arcs, int, int]:
    """The usable directions as arcs; for site-disjoint pairs each site is split into an entry and an exit."""
    source, destination = query.source, query.destination
    queued_ns = mesh.queueing_from(source)
    arcs: _Arcs = {}
    for direction, (tail, head) in enumerate(zip(mesh.tail, mesh.head, strict=True)):
        if tail == destination or head == source or direction >> 1 in query.closed_links:
            continue
        if room.rate_bps[direction] < query.rate_bps:
            continue
        if room.burst_bits[direction] < grown(query.burst_bits, query.rate_bps, queued_ns[tail]):
            continue
        if tail != source and (tail in query.closed_sites or not mesh.carries_transit[tail]):
            continue
        start, end = (2 * tail + 1, 2 * head) if sites_too else (tail, head)
        arcs.setdefault(start, []).append((end, mesh.key[direction], direction))
    if not sites_too:
        return arcs, source, destination
    for site in range(len(mesh.sites)):
        arcs[2 * site] = [(2 * site + 1, 0, -1)]
    return arcs, 2 * source + 1, 2 * destination


def _distances(arcs: _Arcs, source: int) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """Dijkstra: the distance of each node reached, and the ``(node, direction)`` it was entered from."""
    distance = {source: 0}
    entered: dict[int, tuple[int, int]] = {}
    done: set[int] = set()
    queue = [(0, source)]
    while queue:
        here, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        for head, cost, direction in arcs.get(node, ()):
            there = here + cost
            if head not in distance or there < distance[head]:
                distance[head] = there
                entered[head] = (node, direction)
                heapq.heappush(queue, (there, head))
    return distance, entered


def _walk_back(entered: dict[int, tuple[int, int]], source: int, node: int) -> list[tuple[int, int, int]]:
    walked = []
    while node != source:
        before, direction = entered[node]
        walked.append((before, node, direction))
        node = before
    return walked


def _parted(mesh: Mesh, query: Query, union: set[int]) -> Pair:
    """Two paths from the links of both: the shortest, and the rest. They may cross at sites."""
    arcs: _Arcs = {}
    for direction in sorted(union):
        arcs.setdefault(mesh.tail[direction], []).append(
            (mesh.head[direction], mesh.key[direction], direction)
        )
    _, entered = _distances(arcs, query.source)
    first = tuple(e for _, _, e in reversed(_walk_back(entered, query.source, query.destination)))
    after = {mesh.tail[direction]: direction for direction in union.difference(first)}
    second, site = [], query.source
    while site != query.destination:
        second.append(after[site])
        site = mesh.head[after[site]]
    return first, tuple(second)
