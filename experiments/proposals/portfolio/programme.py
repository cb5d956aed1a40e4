"""How much delay options save, as a linear programme: the part of the choice that is about flow.

Columns: ``z[o]``, whether option ``o`` is chosen, and ``f[p, a, t]``, the share of the rate of pair ``p``
that crosses arc ``a`` in year ``t``; only arcs that are useful to the pair (``useful``). What of a pair takes
none of them stays on its fallback and saves nothing.

    maximise   Σ rate[p, t] · (fallback[p] · what leaves the source of p  −  Σ latency[a] · f[p, a, t])
    such that  what leaves the source of p ≤ 1, and what enters any other site leaves it
               Σ_p rate[p, t] · f[p, a, t] ≤ capacity[a]                      arcs of the base that may fill
               Σ_p rate[p, t] · f[p, a, t] ≤ Σ capacity[o] · z[o]             candidates, o in service in t
               f[p, a, t] ≤ Σ min(1, capacity[o] / rate[p, t]) · z[o]         candidates, o in service in t

The last row says nothing new for whole ``z``, and is what makes the relaxation tight: without it a hundredth
of a link would carry all of a demand that is a hundredth of its capacity. It is the strong form of facility
location (Krarup and Pruzan, "The simple plant location problem", European Journal of Operational Research 12,
1983) and of network design (Gendron, Crainic and Frangioni, "Multicommodity capacitated network design",
1999).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from controller.paths import NANOSECONDS_PER_MS
from experiments.proposals.flow import Flows
from experiments.proposals.flow.arcs import Floats
from experiments.proposals.portfolio.options import Option, options_of, without_dominated
from experiments.proposals.portfolio.useful import Finder, Useful

_ALL_THAT_CAN_BE_SAVED = 1e4  # in the solver's unit: its tolerances are absolute
_NOTHING = 1e-9  # of the cost of the base network


@dataclass(slots=True)
class Rows:
    """Rows of a matrix in compressed form, with their bounds and the year, from 0, that each is about."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    year: list[int] = field(default_factory=list)
    start: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, entries: Mapping[int, float], lower: float, upper: float, year: int = -1) -> None:
        """Add a row; entries by column."""
        self.lower.append(lower)
        self.upper.append(upper)
        self.year.append(year)
        self.index += entries
        self.value += entries.values()
        self.start.append(len(self.index))


class Programme:
    """The programme of a study, prepared once.

    Attributes:
        options: the columns ``z``, in order; dominated ones are left out.
        years: from 0, in which an option can be in service.
        unit: of delay saved, Gbit/s x ms x year; in it all that can be saved is 10,000.
        cost: of each column, in ``unit``; negative is saved. 0 for options.
        year_of_column: -1 for options.
        fallback_cost: of each of ``years``, Gbit/s x ms, if all pairs take their fallbacks.
    """

    def __init__(self, flows: Flows) -> None:
        self.study, self.flows = flows.study, flows
        finder, every_option = Finder(flows), options_of(flows.study)
        self.years = range(min((o.year for o in every_option), default=flows.study.years), flows.study.years)
        useful = {year: finder.year(year) for year in self.years}
        self.options = without_dominated(every_option, lambda one: self._most_gbps(useful.values(), one))
        self._of_candidate: dict[str, list[int]] = {}
        for column, option in enumerate(self.options):
            self._of_candidate.setdefault(option.candidate, []).append(column)
        self.unit = self._unit()
        self.cost: list[float] = [0.0] * len(self.options)
        self.year_of_column: list[int] = [-1] * len(self.options)
        self.rows = Rows()
        self.fallback_cost = {year: self._add_year(year, found) for year, found in useful.items()}

    @property
    def columns_of_candidates(self) -> Iterable[list[int]]:
        """The options of each candidate; one of them at most is chosen."""
        return self._of_candidate.values()

    @cached_property
    def most_saved(self) -> float:
        """What everything at its largest, as early as possible, saves: no portfolio saves more."""
        built: dict[str, float] = {}
        first: dict[str, int] = {}
        for option in self.options:
            built[option.candidate] = max(option.capacity_gbps, built.get(option.candidate, 0.0))
            first[option.candidate] = min(option.year, first.get(option.candidate, option.year))
        saved = []
        for year in self.years:
            there = {candidate: gbps for candidate, gbps in built.items() if first[candidate] <= year}
            saved.append(self.flows.cost({}, year) - self.flows.cost(there, year))
        return math.fsum(saved)

    @property
    def saves_nothing(self) -> bool:
        """Whether no portfolio saves any delay, however large."""
        return self.most_saved <= _NOTHING * self.flows.base_cost

    def saved_by_year(self, options: Iterable[Option]) -> dict[int, float]:
        """What options save against the fallbacks, in ``unit``, exactly (``flow``)."""
        chosen = sorted(options, key=lambda option: option.order)
        saved = {}
        for year in self.years:
            built = {o.candidate: o.capacity_gbps for o in chosen if o.year <= year}
            saved[year] = (self.fallback_cost[year] - self.flows.cost(built, year)) / self.unit
        return saved

    @cached_property
    def fallback_saved(self) -> float:
        """What the base network itself saves against the fallbacks, in ``unit``."""
        return math.fsum(self.saved_by_year(()).values())

    def _unit(self) -> float:
        return max(self.most_saved, _NOTHING * self.flows.base_cost) / _ALL_THAT_CAN_BE_SAVED or 1.0

    def _most_gbps(self, useful: Iterable[Useful], candidate: str) -> float:
        link = self.flows.arcs.number[candidate]
        return max((max(year.most_gbps[2 * link : 2 * link + 2]) for year in useful), default=0.0)

    def _add_year(self, year: int, useful: Useful) -> float:
        rates = self.flows.rates.gbps[year]
        carried: dict[int, dict[int, float]] = {}
        for pair, arcs in enumerate(useful.arcs):
            if len(arcs) and rates[pair] > 0:
                self._add_pair(pair, year, arcs.tolist(), useful.fallback_ms[pair], carried)
        self._add_capacities(year, useful, carried)
        return math.fsum(rate * ms for rate, ms in zip(rates.tolist(), useful.fallback_ms, strict=True))

    def _add_capacities(self, year: int, useful: Useful, carried: Mapping[int, dict[int, float]]) -> None:
        capacity: Floats = np.repeat(self.flows.arcs.capacities_gbps({}), 2)
        for arc, entries in sorted(carried.items()):
            if useful.may_fill[arc]:
                of_options = {
                    column: -self.options[column].capacity_gbps
                    for column in self._in_service(self.flows.arcs.links[arc // 2].id, year)
                }
                self.rows.add({**entries, **of_options}, -math.inf, float(capacity[arc]), year)

    def _add_pair(
        self, pair: int, year: int, arcs: list[int], fallback_ms: float, carried: dict[int, dict[int, float]]
    ) -> None:
        network, (source, destination) = self.flows.arcs, self.flows.rates.pairs[pair]
        rate = float(self.flows.rates.gbps[year, pair])
        leaving: dict[int, float] = {}
        balance: dict[int, dict[int, float]] = {}
        for arc in arcs:
            tail, head, column = int(network.tail[arc]), int(network.head[arc]), len(self.cost)
            late_ms = network.latency_ns[arc // 2] / NANOSECONDS_PER_MS - fallback_ms * (tail == source)
            self.cost.append(rate * late_ms / self.unit)
            self.year_of_column.append(year)
            carried.setdefault(arc, {})[column] = rate
            if tail == source:
                leaving[column] = 1.0
            else:
                balance.setdefault(tail, {})[column] = -1.0
            if head != destination:
                balance.setdefault(head, {})[column] = 1.0
            if arc // 2 >= network.count_of_base:
                self._link(column, rate, network.links[arc // 2].id, year)
        self.rows.add(leaving, -math.inf, 1.0, year)
        for entries in balance.values():
            self.rows.add(entries, 0.0, 0.0, year)

    def _link(self, column: int, rate: float, candidate: str, year: int) -> None:
        """What crosses a candidate needs it in service."""
        entries = {column: 1.0}
        for option in self._in_service(candidate, year):
            entries[option] = -min(1.0, self.options[option].capacity_gbps / rate)
        self.rows.add(entries, -math.inf, 0.0, year)

    def _in_service(self, candidate: str, year: int) -> list[int]:
        """Columns of the options with which a candidate is in service in a year."""
        return [
            column for column in self._of_candidate.get(candidate, ()) if self.options[column].year <= year
        ]
