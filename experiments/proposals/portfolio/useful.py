"""Which arcs a pair of sites could use at all, in any best flow of any portfolio.

Most demands never need most of the network. Let a pair have a *fallback*: its least-delay path in the base
network, if no link of that path can ever be full, whatever is built and however all others are routed;
otherwise not being served. An arc helps a pair only if, with every candidate there, some way over it is
faster than the fallback. Everything else can be left out.

Why nothing is lost: take a best flow and move every pair with a path as fallback off all ways that are slower
than it, onto it, all at once. No pair is later than before. Each arc of a fallback then carries no more than
all pairs to which it is useful, or whose fallback it is, and by definition that fits. All other arcs carry no
more than before. So this is a best flow too.

Which pairs have a path to fall back on depends on which arcs can be full, and that on the pairs. Begin with
all pairs that have a path, strike those whose path can be full, and repeat until none is left to strike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from controller.paths import NANOSECONDS_PER_MS
from experiments.proposals.flow import Flows
from experiments.proposals.flow.arcs import Indices
from experiments.proposals.flow.shortest import Paths, Tree

_ROUNDING = 1e-9  # of a capacity


@dataclass(frozen=True)
class Useful:
    """What matters in one year.

    Attributes:
        fallback_ms: of each pair: what it has if it uses none of its useful arcs.
        arcs: useful ones of each pair, ascending.
        most_gbps: no more than this could want each arc.
        may_fill: whether that is more than the arc's capacity; candidates: their smallest.
    """

    fallback_ms: tuple[float, ...]
    arcs: tuple[Indices, ...]
    most_gbps: tuple[float, ...]
    may_fill: tuple[bool, ...]


class Finder:
    """Finds what is useful, year by year."""

    def __init__(self, flows: Flows) -> None:
        arcs, self._pairs, self._rates = flows.arcs, flows.rates.pairs, flows.rates.gbps
        self._arcs = arcs
        self._unserved_ns = round(flows.unserved_ms * NANOSECONDS_PER_MS)
        self._unserved_ms = flows.unserved_ms
        smallest = {one.id: min(one.capacity_steps_gbps) for one in flows.study.candidates.values()}
        self._capacity = np.repeat(arcs.capacities_gbps(smallest), 2) * (1 + _ROUNDING)
        paths, ends = Paths(arcs), sorted({end for pair in self._pairs for end in pair})
        everything = [True] * len(arcs.links)
        base = [number < arcs.count_of_base for number in range(len(arcs.links))]
        self._all = {root: paths.tree(root, everything) for root in ends}
        trees = {root: paths.tree(root, base) for root in sorted({source for source, _ in self._pairs})}
        self._base_ns = [trees[source].latency_ns[destination] for source, destination in self._pairs]
        self._base_path = [
            self._path(trees[source], destination) if latency is not None else ()
            for (source, destination), latency in zip(self._pairs, self._base_ns, strict=True)
        ]
        self._faster: dict[tuple[int, int], Indices] = {}

    def year(self, year: int) -> Useful:
        """What is useful in a year, from 0."""
        has_path = [latency is not None and latency < self._unserved_ns for latency in self._base_ns]
        while True:
            fallback_ns = [
                latency if has and latency is not None else self._unserved_ns
                for has, latency in zip(has_path, self._base_ns, strict=True)
            ]
            useful = [self._faster_than(pair, limit) for pair, limit in enumerate(fallback_ns)]
            most = self._most(useful, has_path, year)
            may_fill = most > self._capacity
            filling = [has and bool(may_fill[list(path)].any()) for has, path in self._fallbacks(has_path)]
            if not any(filling):
                break
            has_path = [has and not full for has, full in zip(has_path, filling, strict=True)]
        return Useful(
            tuple(
                ns / NANOSECONDS_PER_MS if has else self._unserved_ms
                for ns, has in zip(fallback_ns, has_path, strict=True)
            ),
            tuple(useful),
            tuple(most.tolist()),
            tuple(may_fill.tolist()),
        )

    def _fallbacks(self, has_path: Sequence[bool]) -> list[tuple[bool, tuple[int, ...]]]:
        return list(zip(has_path, self._base_path, strict=True))

    def _most(self, useful: Sequence[Indices], has_path: Sequence[bool], year: int) -> np.ndarray:
        most = np.zeros(len(self._arcs.tail))
        for pair, (has, path) in enumerate(self._fallbacks(has_path)):
            wanted = np.zeros(len(most), dtype=bool)
            wanted[useful[pair]] = True
            if has:
                wanted[list(path)] = True
            most += wanted * self._rates[year, pair]
        return most

    def _faster_than(self, pair: int, limit_ns: int) -> Indices:
        """The arcs over which a way of a pair is faster than ``limit_ns`` with every candidate there."""
        if (pair, limit_ns) not in self._faster:
            self._faster[pair, limit_ns] = self._find(*self._pairs[pair], limit_ns)
        return self._faster[pair, limit_ns]

    def _find(self, source: int, destination: int, limit_ns: int) -> Indices:
        arcs = self._arcs
        there, back = self._all[source].latency_ns, self._all[destination].latency_ns
        found = []
        for arc, (tail, head) in enumerate(zip(arcs.tail.tolist(), arcs.head.tolist(), strict=True)):
            before, after = there[tail], back[head]
            if before is None or after is None or head == source or tail == destination:
                continue
            if not (
                (tail == source or arcs.carries_transit[tail])
                and (head == destination or arcs.carries_transit[head])
            ):
                continue
            if before + arcs.latency_ns[arc // 2] + after < limit_ns:
                found.append(arc)
        return np.array(found, dtype=np.int32)

    def _path(self, tree: Tree, leaf: int) -> tuple[int, ...]:
        steps = []
        while leaf != tree.root:
            steps.append(tree.arc[leaf])
            leaf = int(self._arcs.tail[tree.arc[leaf]])
        return tuple(steps)
