"""Flows of minimum cost: what every portfolio is worth, by one implementation for all who ask.

The cost of a year is the sum over demands of rate x delay, Gbit/s x ms; what finds no place, or would be
later than ``unserved_ms`` anyway, counts as ``unserved_ms`` late. Flow may be split in any proportion over
any paths whose inner sites carry transit. Classes of traffic, reservations and queueing are left out.

Least-delay paths are tried first: where they fit, they are optimal. Only where a link would be overfull does
the linear programme decide. Both are computed from what is asked alone, never from what was asked before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from controller.paths import NANOSECONDS_PER_MS
from experiments.proposals.findings import Choice
from experiments.proposals.flow.arcs import Arcs, Built, Floats, Rates, built_in
from experiments.proposals.flow.program import Program, Solution
from experiments.proposals.flow.routes import Route, Routed, taken_apart
from experiments.proposals.flow.shortest import Paths, Tree
from experiments.proposals.model import Study

_REMEMBERED = 256  # sets of links with their paths: years ask for the same ones, one after the other
_NOTHING_SAVED = 1e-9  # of the cost of the base: below it, a difference is floating point


@dataclass(frozen=True)
class LeastDelay:
    """Least-delay paths of all pairs over some links: what they cost and load per Gbit/s of each pair.

    Attributes:
        delay_ms: of each pair; ``unserved_ms`` where that is less, or where there is no path.
        routes: the arcs of each pair, from source to destination; empty if it is not served.
    """

    delay_ms: Floats
    routes: tuple[tuple[int, ...], ...]


class Flows:
    """The flows of a study, prepared once. Answers are remembered: they depend on nothing else.

    ``built`` is what is in service: candidates and their capacities (``built_in``); ``year`` counts from 0,
    the study's first year.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.arcs = Arcs.of(study)
        self.rates = Rates.of(study)
        self.unserved_ms = study.figure("unserved_ms")
        self.program = Program(self.arcs, self.rates, self.unserved_ms)
        self._paths = Paths(self.arcs)
        self._least_delay: dict[frozenset[str], LeastDelay] = {}
        self._costs: dict[frozenset[tuple[str, float]], Floats] = {}

    def delay_saved(self, portfolio: Iterable[Choice]) -> float:
        """Cost of the base network less that of the portfolio, over all years: Gbit/s x ms x year."""
        chosen = tuple(portfolio)
        first = self.study.first_year
        saved = []
        for year in range(self.study.years):
            built = built_in(self.study, chosen, first + year)
            if built:
                saved.append(self.cost({}, year) - self.cost(built, year))
        total = math.fsum(saved)
        return 0.0 if total <= _NOTHING_SAVED * self.base_cost else total

    @property
    def base_cost(self) -> float:
        """Of the base network, over all years: Gbit/s x ms x year."""
        return math.fsum(self.cost({}, year) for year in range(self.study.years))

    def cost(self, built: Built, year: int) -> float:
        """Least cost of a year, Gbit/s x ms."""
        costs = self._costs.setdefault(frozenset(built.items()), np.full(self.study.years, np.nan))
        if math.isnan(costs[year]):
            costs[year] = self._cost(built, year)
        return float(costs[year])

    def _cost(self, built: Built, year: int) -> float:
        rates, least = self.rates.gbps[year], self.least_delay(built)
        if self.fits(least, built, year):
            return math.fsum((rates * least.delay_ms).tolist())
        return self.program.cost(rates, self.arcs.capacities_gbps(built))

    def solve(self, built: Built, year: int) -> Solution:
        """The linear programme's answer, whether or not least-delay paths would do."""
        return self.program.solve(self.rates.gbps[year], self.arcs.capacities_gbps(built))

    def routed(self, built: Built, year: int) -> Routed:
        """The flow of least cost as paths; among equals fewest hops, then least on candidates.

        Not remembered.
        """
        rates, least = self.rates.gbps[year], self.least_delay(built)
        if not self.fits(least, built, year):
            capacity = self.arcs.capacities_gbps(built)
            solution = self.program.solve(rates, capacity, settle_ties=True)
            return taken_apart(self.arcs, self.program.layout.roots, rates, solution)
        pairs = list(zip(least.routes, rates.tolist(), strict=True))
        return Routed(
            routes=tuple((Route(route, rate),) if route else () for route, rate in pairs),
            unserved_gbps=np.array([0.0 if route else rate for route, rate in pairs]),
            loads_gbps=self.loads(least, year),
        )

    def fits(self, least: LeastDelay, built: Built, year: int) -> bool:
        """Whether no link is overfull in a year if all pairs take their least-delay paths."""
        return bool((self.loads(least, year) <= np.repeat(self.arcs.capacities_gbps(built), 2)).all())

    def loads(self, least: LeastDelay, year: int) -> Floats:
        """Of each arc, Gbit/s, if all pairs take their least-delay paths."""
        loads = np.zeros(2 * len(self.arcs.links))
        for route, rate in zip(least.routes, self.rates.gbps[year], strict=True):
            for arc in route:
                loads[arc] += rate
        return loads

    def least_delay(self, built: Built) -> LeastDelay:
        """Least-delay paths over the base network and what is built."""
        names = frozenset(built)
        known = self._least_delay.get(names)
        if known is None:
            if len(self._least_delay) >= _REMEMBERED:
                self._least_delay.clear()
            known = self._least_delay[names] = self._find_least_delay(built)
        return known

    def _find_least_delay(self, built: Built) -> LeastDelay:
        in_service = [
            number < self.arcs.count_of_base or link.id in built
            for number, link in enumerate(self.arcs.links)
        ]
        delay = np.full(len(self.rates.pairs), self.unserved_ms)
        routes: list[tuple[int, ...]] = [()] * len(self.rates.pairs)
        for root in self.program.layout.roots:
            tree = self._paths.tree(root.site, in_service)
            for pair, leaf in zip(root.pairs, root.leaves, strict=True):
                latency_ns = tree.latency_ns[leaf]
                if latency_ns is not None and latency_ns / NANOSECONDS_PER_MS < self.unserved_ms:
                    delay[pair] = latency_ns / NANOSECONDS_PER_MS
                    routes[pair] = self._route(tree, leaf, root.towards)
        return LeastDelay(delay, tuple(routes))

    def _route(self, tree: Tree, leaf: int, towards: bool) -> tuple[int, ...]:
        """The arcs between root and leaf, in the direction of the traffic."""
        steps = []
        while leaf != tree.root:
            arc = tree.arc[leaf]
            steps.append(arc ^ 1 if towards else arc)  # the other direction of the same link
            leaf = int(self.arcs.tail[arc])
        return tuple(steps if towards else reversed(steps))


_recent: deque[Flows] = deque(
    maxlen=4
)  # preparing costs more than an answer; studies are compared as objects


def flows_of(study: Study) -> Flows:
    """The prepared flows of a study; the same object for the same study, as long as it is a recent one."""
    for known in tuple(_recent):
        if known.study is study:
            return known
    made = Flows(study)
    _recent.append(made)
    return made


def delay_saved(study: Study, portfolio: Iterable[Choice]) -> float:
    """What demands save against the base network: Gbit/s x ms x year, over all years of the study.

    Raises ``InputError`` if the portfolio names a candidate that the study does not have, or one twice.
    """
    return flows_of(study).delay_saved(portfolio)
