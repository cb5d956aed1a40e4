"""A year's flow as paths: which way the demands of each pair go, and what has no place.

A programme's flow says what of a root's traffic crosses each arc. It is taken apart into paths, pair by pair
in the order of the demands, each along the arcs with most of it. Where traffic of several pairs of a root
meets, which of them goes on which way is a matter of that order; loads, delays and totals are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from experiments.proposals.flow.arcs import Arcs, Floats
from experiments.proposals.flow.program import Solution
from experiments.proposals.flow.roots import Root

_NEGLIGIBLE = 1e-9  # of a root's traffic: below it, flow is the solver's tolerance


@dataclass(frozen=True, slots=True)
class Route:
    """What of a pair goes one way; ``arcs`` from source to destination."""

    arcs: tuple[int, ...]
    gbps: float


@dataclass(frozen=True)
class Routed:
    """A year's flow.

    Attributes:
        routes: of each pair; their rates and what is unserved add up to its demand.
        unserved_gbps: of each pair.
        loads_gbps: of each arc.
    """

    routes: tuple[tuple[Route, ...], ...]
    unserved_gbps: Floats
    loads_gbps: Floats


def taken_apart(arcs: Arcs, roots: tuple[Root, ...], rates_gbps: Floats, solution: Solution) -> Routed:
    """The paths of a programme's flow; ``rates_gbps`` of each pair."""
    routes: list[tuple[Route, ...]] = [()] * len(rates_gbps)
    served = np.maximum(0.0, rates_gbps - solution.unserved_gbps)
    unserved = rates_gbps - served
    for root, flow in zip(roots, solution.flows_gbps, strict=True):
        rest = _Rest(arcs, root, flow, float(served[list(root.pairs)].sum()) * _NEGLIGIBLE)
        for pair, leaf in zip(root.pairs, root.leaves, strict=True):
            routes[pair] = rest.take(leaf, float(served[pair]))
            if not routes[pair]:
                unserved[pair] = rates_gbps[pair]
    return Routed(tuple(routes), unserved, solution.flows_gbps.sum(axis=0))


class _Rest:
    """What of a root's flow has not been taken."""

    def __init__(self, arcs: Arcs, root: Root, flow_gbps: Floats, negligible_gbps: float) -> None:
        self._root, self._negligible = root, negligible_gbps
        self._left = {int(arc): float(flow_gbps[arc]) for arc in np.flatnonzero(flow_gbps > negligible_gbps)}
        near, far = (arcs.head, arcs.tail) if root.towards else (arcs.tail, arcs.head)
        self._nearer = {arc: int(near[arc]) for arc in self._left}
        self._into: dict[int, list[int]] = {}
        for arc in self._left:
            self._into.setdefault(int(far[arc]), []).append(arc)

    def take(self, leaf: int, gbps: float) -> tuple[Route, ...]:
        """Paths between root and leaf that carry ``gbps`` together; none if that is negligible."""
        found: dict[tuple[int, ...], float] = {}
        wanted = gbps
        while wanted > self._negligible and (path := self._path(leaf)):
            share = min(wanted, *(self._left[arc] for arc in path))
            self._less(path, share)
            way = tuple(path) if self._root.towards else tuple(reversed(path))
            found[way] = found.get(way, 0.0) + share
            wanted -= share
        if not found:
            return ()
        # What the solver's tolerance left over goes with the largest.
        largest = max(found, key=lambda way: found[way])
        found[largest] += gbps - math.fsum(found.values())
        return tuple(Route(way, share) for way, share in found.items())

    def _path(self, leaf: int) -> list[int]:
        """From leaf to root along the arcs that carry most; empty if nothing arrives."""
        path: list[int] = []
        seen = {leaf: 0}
        site = leaf
        while site != self._root.site:
            into = [arc for arc in self._into.get(site, ()) if arc in self._left]
            if not into:
                return []
            arc = max(into, key=lambda arc: (self._left[arc], -arc))
            path.append(arc)
            site = self._nearer[arc]
            if site in seen:  # a circle of links without delay costs nothing, and brings nothing
                circle = path[seen[site] :]
                self._less(circle, min(self._left[arc] for arc in circle))
                return self._path(leaf)
            seen[site] = len(path)
        return path

    def _less(self, path: list[int], share: float) -> None:
        for arc in path:
            self._left[arc] -= share
            if self._left[arc] <= self._negligible:
                del self._left[arc]
