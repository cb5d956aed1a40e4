"""Moving sites one by one while that makes a cut cheaper.

Fiduccia and Mattheyses, "A linear-time heuristic for improving network partitions", DAC 1982, for several
machines at once: in a pass every site moves at most once, the best move first even if it makes the cut
dearer, and the pass ends at the cheapest cut it came through. So it climbs out of what single moves cannot.
A machine may be one site over its limit, or empty, for a moment: the next move must mend that. Two sites of
full machines change places so.
"""

from __future__ import annotations

from heapq import heappop, heappush

from topology.placement.partition.problem import Problem, Where


def refine(problem: Problem, start: Where) -> Where:
    """A cut no dearer than ``start``, which ``problem`` must allow, and which no pass makes cheaper."""
    where = list(start)
    while (moves := _Pass(problem, where).run()) is not None:
        for site, machine in moves:
            where[site] = machine
    return where


class _Pass:
    """One pass from a cut. Moves wait in a heap for each pair of machines, from and to.

    An entry is ``(change of cost, site, age)``; it counts only if the site has not changed since.
    """

    def __init__(self, problem: Problem, where: Where) -> None:
        self._problem = problem
        self._where = list(where)
        self._loads = problem.loads(where)
        self._age = [0] * problem.sites
        self._locked = [pin is not None for pin in problem.fixed]
        machines = range(problem.machines)
        self._heaps: list[list[list[tuple[int, int, int]]]] = [[[] for _ in machines] for _ in machines]
        self._patience = 50 + problem.sites // 4  # moves without a cheaper cut; further ones rarely find one

    def run(self) -> list[tuple[int, int]] | None:
        """The moves ``(site, to machine)`` to the cheapest cut on the way; ``None`` if none is cheaper."""
        for site in range(self._problem.sites):
            self._offer(site)
        moves: list[tuple[int, int]] = []
        change = cheapest = best = 0
        while len(moves) - best < self._patience and (found := self._next()) is not None:
            delta, site, machine = found
            self._move(site, machine)
            moves.append((site, machine))
            change += delta
            if change < cheapest and self._mended():
                cheapest, best = change, len(moves)
        return moves[:best] if best else None

    def _offer(self, site: int) -> None:
        if self._locked[site]:
            return
        self._age[site] += 1
        here = self._where[site]
        costs = self._problem.costs_at(site, self._where)
        for machine, cost in enumerate(costs):
            if machine != here:
                heappush(self._heaps[here][machine], (cost - costs[here], site, self._age[site]))

    def _move(self, site: int, machine: int) -> None:
        self._loads[self._where[site]] -= 1
        self._loads[machine] += 1
        self._where[site] = machine
        self._locked[site] = True
        for edge in self._problem.edges[site]:
            self._offer(edge.to)

    def _next(self) -> tuple[int, int, int] | None:
        """The best move that may be made now, ``(change of cost, site, to machine)``."""
        machines = range(self._problem.machines)
        over = [machine for machine in machines if self._loads[machine] > self._problem.limits[machine]]
        empty = [machine for machine in machines if self._loads[machine] == 0]
        best: tuple[int, int, int] | None = None
        for source in over or machines:
            for target in machines if over or not empty else empty:
                top = self._top(source, target)
                if top is not None and (best is None or (*top, target) < best):
                    best = (*top, target)
        return best

    def _top(self, source: int, target: int) -> tuple[int, int] | None:
        heap = self._heaps[source][target]
        while heap:
            delta, site, age = heap[0]
            if not self._locked[site] and age == self._age[site] and self._where[site] == source:
                return delta, site
            heappop(heap)
        return None

    def _mended(self) -> bool:
        return all(0 < load <= limit for load, limit in zip(self._loads, self._problem.limits, strict=True))
