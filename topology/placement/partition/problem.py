"""What is to be cut, and what a cut costs.

Costs compare in order: links that are cut although the network between their machines is slower than they
are; number of links cut; and the longer the cut links, the better. One whole number says all three, so a cut
is an ordinary minimum-weight cut: each link weighs one, less its share of a number larger than all delays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Where = list[int]  # number of the machine by number of the site


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two sites, by their numbers, with its mean and its shortest delay in nanoseconds."""

    a: int
    b: int
    delay_ns: int = 0
    least_delay_ns: int = 0


@dataclass(frozen=True, slots=True)
class Edge:
    """A link as seen from one of its sites: the site ``to`` at its other end, and what cutting it costs."""

    to: int
    weight: int
    least_delay_ns: int


@dataclass(frozen=True)
class Problem:
    """What is to be cut. Sites and machines are numbered from 0.

    Attributes:
        links: at most one between two sites.
        limits: the most sites that each machine may carry; every machine carries at least one.
        fixed: the machine of each site that is pinned to one, else ``None``.
        underlay_ns: one-way delay between each two machines; symmetric.
    """

    links: tuple[Link, ...]
    limits: tuple[int, ...]
    fixed: tuple[int | None, ...]
    underlay_ns: tuple[tuple[int, ...], ...]
    edges: tuple[tuple[Edge, ...], ...] = field(init=False, repr=False, compare=False)
    too_fast: int = field(init=False, repr=False, compare=False)
    """What it costs more to cut a link that is faster than what it would cross."""

    def __post_init__(self) -> None:
        one = 1 + sum(link.delay_ns for link in self.links)
        edges: list[list[Edge]] = [[] for _ in self.fixed]
        for link in self.links:
            edges[link.a].append(Edge(link.b, one - link.delay_ns, link.least_delay_ns))
            edges[link.b].append(Edge(link.a, one - link.delay_ns, link.least_delay_ns))
        object.__setattr__(self, "edges", tuple(map(tuple, edges)))
        object.__setattr__(self, "too_fast", one * (1 + len(self.links)))

    @property
    def sites(self) -> int:
        """How many there are."""
        return len(self.fixed)

    @property
    def machines(self) -> int:
        """How many there are."""
        return len(self.limits)

    def costs_at(self, site: int, where: Sequence[int]) -> list[int]:
        """What the links of ``site`` would cost if it stood on each machine; to unplaced sites nothing."""
        placed = [(edge, there) for edge in self.edges[site] if (there := where[edge.to]) >= 0]
        all_cut = sum(edge.weight for edge, _ in placed)
        costs = [all_cut] * self.machines
        for edge, there in placed:
            costs[there] -= edge.weight
            if edge.least_delay_ns < self._slowest_ns(there):
                for machine, delay_ns in enumerate(self.underlay_ns[there]):
                    if machine != there and edge.least_delay_ns < delay_ns:
                        costs[machine] += self.too_fast
        return costs

    def _slowest_ns(self, machine: int) -> int:
        return max(self.underlay_ns[machine])

    def loads(self, where: Sequence[int]) -> list[int]:
        """How many sites each machine carries."""
        loads = [0] * self.machines
        for machine in where:
            loads[machine] += 1
        return loads

    def allows(self, where: Sequence[int]) -> bool:
        """Whether every machine carries what it may, and every pinned site is where it was pinned."""
        within = all(0 < load <= limit for load, limit in zip(self.loads(where), self.limits, strict=True))
        return within and all(pin in (None, here) for pin, here in zip(self.fixed, where, strict=True))


def cost(problem: Problem, where: Sequence[int]) -> tuple[int, int, int]:
    """Links cut that are faster than what they cross; links cut; minus the sum of their delays in ns."""
    cut = [link for link in problem.links if where[link.a] != where[link.b]]
    too_fast = [
        link for link in cut if link.least_delay_ns < problem.underlay_ns[where[link.a]][where[link.b]]
    ]
    return len(too_fast), len(cut), -sum(link.delay_ns for link in cut)
