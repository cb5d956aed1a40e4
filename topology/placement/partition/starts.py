"""Cuts to begin from: regions that grow together, and sites strewn at random."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random

from topology.placement.partition.problem import Problem, Where

UNPLACED = -1


def starts(problem: Problem, count: int, random: Random) -> Iterator[Where]:
    """``count`` cuts that ``problem`` allows: half grown, from places all over, half strewn."""
    grown = max(1, count // 2)
    for number in range(grown):
        yield _grown(problem, number * problem.sites // grown)
    for _ in range(count - grown):
        yield _strewn(problem, random)


def _pinned(problem: Problem) -> tuple[Where, list[int]]:
    """Only the pinned sites placed, and how many each machine has."""
    where = [UNPLACED if pin is None else pin for pin in problem.fixed]
    return where, problem.loads([machine for machine in where if machine != UNPLACED])


def _strewn(problem: Problem, random: Random) -> Where:
    where, loads = _pinned(problem)
    # By keys, not by ``shuffle``: only ``random()`` promises the same numbers in every version of Python.
    order = sorted((random.random(), site) for site, machine in enumerate(where) if machine == UNPLACED)
    for _, site in order:
        machine = _emptiest(problem, loads)
        where[site] = machine
        loads[machine] += 1
    return where


def _grown(problem: Problem, first: int) -> Where:
    """A region for each machine, around its pinned sites, or around a seed far from all others."""
    where, loads = _pinned(problem)
    near: list[list[tuple[int, int]]] = [[] for _ in loads]  # by machine: (minus what binds it, site)

    def put(site: int, machine: int) -> None:
        where[site] = machine
        loads[machine] += 1
        spread(site, machine)

    def spread(site: int, machine: int) -> None:
        for edge in problem.edges[site]:
            if where[edge.to] == UNPLACED:
                bound = sum(other.weight for other in problem.edges[edge.to] if where[other.to] == machine)
                heappush(near[machine], (-bound, edge.to))

    for site, machine in enumerate(where):
        if machine != UNPLACED:
            spread(site, machine)
    for machine, load in enumerate(loads):
        if load == 0:
            put(_farthest(problem, where, first), machine)
    rest = [(0, site) for site, machine in enumerate(where) if machine == UNPLACED]
    for _ in range(len(rest)):
        machine = _emptiest(problem, loads)
        if not _has_free(near[machine], where):
            near[machine] = list(rest)  # nothing beside the region is free: anywhere
            _has_free(near[machine], where)
        put(heappop(near[machine])[1], machine)
    return where


def _has_free(heap: list[tuple[int, int]], where: Where) -> bool:
    """Whether there is an unplaced site in ``heap``; then it is the first."""
    while heap and where[heap[0][1]] != UNPLACED:
        heappop(heap)
    return bool(heap)


def _emptiest(problem: Problem, loads: list[int]) -> int:
    """The machine that has the least of what it may have; one without any site before all others."""
    return min(
        (machine for machine, load in enumerate(loads) if load < problem.limits[machine]),
        key=lambda machine: (loads[machine] > 0, loads[machine] / problem.limits[machine], machine),
    )


def _farthest(problem: Problem, where: Where, first: int) -> int:
    """The unplaced site most links away from all that are placed, or, without any, from ``first``."""
    placed = [site for site, machine in enumerate(where) if machine != UNPLACED] or [first]
    hops = dict.fromkeys(placed, 0)
    queue = deque(placed)
    while queue:
        site = queue.popleft()
        for edge in problem.edges[site]:
            if edge.to not in hops:
                hops[edge.to] = hops[site] + 1
                queue.append(edge.to)
    free = [site for site, machine in enumerate(where) if machine == UNPLACED]
    return max(free, key=lambda site: (hops.get(site, problem.sites), -site))
