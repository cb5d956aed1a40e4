"""Least-delay paths over the arcs in service: the controller's own, for one source or destination at a time.

The same order as ``controller.paths``: nanoseconds, then hops, then the links listed first, as digits of one
whole number per link, so that no two paths tie. If no link is filled by them, least-delay paths are a flow of
minimum cost: every unit takes a cheapest path, and none could take a cheaper one.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from experiments.proposals.flow.arcs import Arcs

_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """All least-delay paths that begin at ``root``, which are those that end there, backwards.

    Attributes:
        order: the sites that can be reached, nearest first; ``root`` is the first.
        arc: by which each site is entered, coming from ``root``; -1 for ``root`` and what cannot be reached.
        latency_ns: from ``root`` to each site; ``None`` where there is no path.
    """

    root: int
    order: tuple[int, ...]
    arc: tuple[int, ...]
    latency_ns: tuple[int | None, ...]


class Paths:
    """Finds trees; knows the neighbours of each site over all links, and skips those not in service."""

    def __init__(self, arcs: Arcs, narrow: Collection[int] = ()) -> None:
        """``narrow``: links that are crossed only where there is no other way, as *compute* traffic does."""
        self._arcs = arcs
        count = len(arcs.links)
        latency_room, hops_room = sum(arcs.latency_ns) + 1, count + 1
        keys = [
            ((((link in narrow) * latency_room + latency) * hops_room + 1) << count) + (1 << link)
            for link, latency in enumerate(arcs.latency_ns)
        ]
        self._leaving: list[list[tuple[int, int, int]]] = [[] for _ in arcs.sites]
        self._tail: list[int] = arcs.tail.tolist()
        for arc, (tail, head) in enumerate(zip(self._tail, arcs.head.tolist(), strict=True)):
            self._leaving[tail].append((head, arc, keys[arc // 2]))

    def tree(self, root: int, in_service: Sequence[bool]) -> Tree:
        """Dijkstra's algorithm from ``root`` over the links that are ``in_service`` (one entry per link).

        A site without transit is only the first or the last of a path.
        """
        arcs, leaving = self._arcs, self._leaving
        best: list[int | None] = [None] * len(arcs.sites)
        entered = [_NOWHERE] * len(arcs.sites)
        latency: list[int | None] = [None] * len(arcs.sites)
        order: list[int] = []
        best[root] = 0
        queue = [(0, root)]
        while queue:
            key, site = heapq.heappop(queue)
            if latency[site] is not None:
                continue
            order.append(site)
            if site == root:
                latency[site] = 0
            else:
                before = latency[self._tail[entered[site]]]
                assert before is not None
                latency[site] = before + arcs.latency_ns[entered[site] // 2]
                if not arcs.carries_transit[site]:
                    continue
            for head, arc, step in leaving[site]:
                if in_service[arc // 2]:
                    through, known = key + step, best[head]
                    if known is None or through < known:
                        best[head] = through
                        entered[head] = arc
                        heapq.heappush(queue, (through, head))
        return Tree(root, tuple(order), tuple(entered), tuple(latency))
