"""Delays of pairs on the controller's own paths, with empty queues: what the lab would measure.

All traffic is taken as *compute*, as in the lab: it keeps off narrow links where wide ones lead all the way
(``controller.paths``). Equal to ``least_delay_paths`` on the network with the portfolio, which tests hold;
here a path costs one tree, and knows which of two parallel links it takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.paths import NANOSECONDS_PER_MS
from experiments.proposals.findings import PairEffect, TargetState
from experiments.proposals.flow import Built, Flows
from experiments.proposals.flow.shortest import Paths, Tree
from experiments.proposals.model import Target
from experiments.proposals.pairs import pairs_of


@dataclass(frozen=True, slots=True)
class Way:
    """The path of a pair: its sites, its links by number, its one-way latency."""

    sites: tuple[str, ...]
    links: tuple[int, ...]
    one_way_ms: float


class Delays:
    """Paths over the base network and what is built."""

    def __init__(self, flows: Flows, built: Built) -> None:
        self._arcs, base = flows.arcs, flows.study.base
        self._unserved_ms = flows.unserved_ms
        self._site = {site: number for number, site in enumerate(self._arcs.sites)}
        capacity = self._arcs.capacities_gbps(built)
        self._in_service = [bool(there) for there in capacity > 0]
        least = base.routing.compute_min_capacity_gbps
        self._paths = Paths(self._arcs, frozenset(n for n, gbps in enumerate(capacity) if gbps < least))
        self._trees: dict[int, Tree] = {}

    def way(self, source: str, destination: str) -> Way | None:
        """The path of a pair; ``None`` if none joins it."""
        return self._way(self._tree(self._site[source]), self._site[destination])

    def slowest_ms(self, target: Target) -> float:
        """The slowest pair of a target, one way; one that no path joins counts as unserved."""
        ways = (self.way(target.source, destination) for destination in _others(target))
        return max((self._unserved_ms if way is None else way.one_way_ms for way in ways), default=0.0)

    def slowest_with_a_cut_ms(self, target: Target) -> float | None:
        """The same with the worst cut of one link; ``None``: a cut, or no cut at all, separates a pair."""
        ways = [self.way(target.source, destination) for destination in _others(target)]
        slowest = self.slowest_ms(target)
        used = dict.fromkeys(link for way in ways if way is not None for link in way.links)
        if None in ways:
            return None
        for link in used:  # a cut elsewhere changes none of its paths
            cut = [here and number != link for number, here in enumerate(self._in_service)]
            tree = self._paths.tree(self._site[target.source], cut)
            for destination in _others(target):
                latency_ns = tree.latency_ns[self._site[destination]]
                if latency_ns is None:
                    return None
                slowest = max(slowest, latency_ns / NANOSECONDS_PER_MS)
        return slowest

    def _tree(self, root: int) -> Tree:
        if root not in self._trees:
            self._trees[root] = self._paths.tree(root, self._in_service)
        return self._trees[root]

    def _way(self, tree: Tree, leaf: int) -> Way | None:
        latency_ns = tree.latency_ns[leaf]
        if latency_ns is None:
            return None
        sites, links = [leaf], []
        while sites[-1] != tree.root:
            arc = tree.arc[sites[-1]]
            links.append(arc // 2)
            sites.append(int(self._arcs.tail[arc]))
        named = tuple(self._arcs.sites[site] for site in reversed(sites))
        return Way(named, tuple(reversed(links)), latency_ns / NANOSECONDS_PER_MS)


def _others(target: Target) -> Iterable[str]:
    return (destination for destination in target.destinations if destination != target.source)


def pair_effects(flows: Flows, before: Delays, after: Delays) -> tuple[PairEffect, ...]:
    """The pairs of targets and demands whose path changes, in the order of ``pairs_of``.

    A pair that the base does not join has nothing to compare with, and is none of them.
    """
    found = []
    for source, destination in pairs_of(flows.study):
        old, new = before.way(source, destination), after.way(source, destination)
        if old is not None and new is not None and old.links != new.links:
            floor_ms = flows.study.base.floor_one_way_ms(source, destination)
            found.append(
                PairEffect(
                    source, destination, old.sites, new.sites, old.one_way_ms, new.one_way_ms, floor_ms
                )
            )
    return tuple(found)


def target_states(flows: Flows, before: Delays, after: Delays) -> tuple[TargetState, ...]:
    """Every target. One that is to survive cuts is met if it is kept with the worst of them too."""
    found = []
    for target in flows.study.targets:
        cut_before, cut_after = before.slowest_with_a_cut_ms(target), after.slowest_with_a_cut_ms(target)
        found.append(
            TargetState(
                target=target.id,
                max_one_way_ms=target.max_one_way_ms,
                before_ms=before.slowest_ms(target),
                after_ms=after.slowest_ms(target),
                worst_cut_after_ms=cut_after,
                met_before=_met(target, before.slowest_ms(target), cut_before),
                met_after=_met(target, after.slowest_ms(target), cut_after),
            )
        )
    return tuple(found)


def _met(target: Target, slowest_ms: float, with_a_cut_ms: float | None) -> bool:
    if target.survives_single_cut:
        return with_a_cut_ms is not None and with_a_cut_ms <= target.max_one_way_ms
    return slowest_ms <= target.max_one_way_ms
