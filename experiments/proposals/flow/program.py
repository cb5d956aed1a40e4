"""The linear programme, prepared once and solved for many portfolios and years.

Years and portfolios change only the right-hand sides and whether a candidate's columns may be above 0. So the
optimal basis with every candidate in service stays dual feasible for all of them, and the dual simplex method
needs few steps from there. Each solve starts from that same basis with a solver of its own: an answer does
not depend on what was asked before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from controller.highs import library, solver
from experiments.proposals.flow.arcs import Arcs, Floats, Rates
from experiments.proposals.flow.layout import Layout
from topology.errors import OneHopError

_PURPOSE = "routing demands over links that fill up"
_TIE_MS = 1e-7  # HiGHS's tolerance, a tenth of the nanosecond in which latencies differ
_NEW = 1 / 16  # of a hop: what crossing a candidate counts more than another link, among equals


@dataclass(frozen=True)
class Solution:
    """An optimal flow, in floating point, with the shadow prices that prove it.

    Attributes:
        flows_gbps: of each root's traffic on each arc, shape ``(roots, arcs)``.
        unserved_gbps: of each pair.
        cost: Gbit/s x ms.
        prices_ms: of each arc's capacity, 0 or more. No flow with other capacities costs less than
            ``cost - Σ price x what the capacity grew by`` (linear programming duality); candidates that are
            not in service have prices too.
    """

    flows_gbps: Floats
    unserved_gbps: Floats
    cost: float
    prices_ms: Floats


class Program:
    """The programme of a study."""

    def __init__(self, arcs: Arcs, rates: Rates, unserved_ms: float) -> None:
        self.layout = Layout.of(arcs, rates, unserved_ms)
        self._arcs, self._rates = arcs, rates
        # HiGHS's tolerances are absolute, so rates are divided by their mean.
        self._rate_unit = float(rates.gbps.sum()) / max(rates.gbps.size, 1) or 1.0

    def cost(self, rates_gbps: Floats, capacity_gbps: Floats) -> float:
        """What the optimum costs, Gbit/s x ms, and nothing else of it."""
        solved = self._run(rates_gbps, capacity_gbps, self._basis)
        return self._cost_of(self._values(solved))

    def _values(self, solved: Any) -> Floats:
        values: Floats = np.maximum(0.0, np.array(solved.getSolution().col_value)) * self._rate_unit
        return values

    def _cost_of(self, values_gbps: Floats) -> float:
        return math.fsum((values_gbps * self.layout.cost_ms).tolist())

    def solve(self, rates_gbps: Floats, capacity_gbps: Floats, *, settle_ties: bool = False) -> Solution:
        """The optimum for the rates of all pairs and the capacities of all links; 0: not in service.

        ``settle_ties``: of all flows of least cost the one with fewest hops, then least on candidates.
        """
        layout = self.layout
        solved = self._run(rates_gbps, capacity_gbps, self._basis)
        prices = self._prices(solved.getSolution(), capacity_gbps)
        values = self._values(solved)
        if settle_ties and self._settle_ties(solved):
            values = self._values(solved)
        count = len(layout.arc_of_column)
        flows = np.zeros((len(layout.roots), len(self._arcs.tail)))
        flows[layout.root_of_column, layout.arc_of_column] = values[:count]
        return Solution(flows, values[count:], self._cost_of(values), prices)

    def _settle_ties(self, solved: Any) -> bool:
        """Optimise once more, among all optima; ``False`` if tolerances leave none.

        By complementary slackness these are the flows in which what has a reduced cost, or a price, stays
        at its bound.
        """
        layout, columns, found = self.layout, len(self.layout.cost_ms), solved.getSolution()
        fixed = np.flatnonzero(np.abs(np.array(found.col_dual)) > _TIE_MS).astype(np.int32)
        bound = np.array(found.col_value)[fixed]
        solved.changeColsBounds(len(fixed), fixed, bound, bound)
        rows = np.arange(len(found.row_dual), dtype=np.int32)
        full = rows[(rows >= layout.first_limit) & (np.abs(np.array(found.row_dual)) > _TIE_MS)]
        limit = np.array(found.row_value)[full]
        solved.changeRowsBounds(len(full), full, limit, limit)
        hops = np.zeros(columns)
        hops[: len(layout.arc_of_column)] = 1 + _NEW * (layout.arc_of_column >= 2 * self._arcs.count_of_base)
        solved.changeColsCost(columns, np.arange(columns, dtype=np.int32), hops)
        solved.run()
        return _is_solved(solved)

    def _prices(self, found: Any, capacity_gbps: Floats) -> Floats:
        layout = self.layout
        prices = np.zeros(len(self._arcs.tail))
        prices[layout.limited_arcs] = np.maximum(0.0, -np.array(found.row_dual)[layout.first_limit :])
        # A column held at 0 hides the price of its arc in its reduced cost.
        held = np.zeros(len(prices))
        reduced_cost = np.array(found.col_dual)[: len(layout.arc_of_column)]
        np.maximum.at(held, layout.arc_of_column, np.maximum(0.0, -reduced_cost))
        held[np.repeat(capacity_gbps, 2) > 0] = 0.0
        return prices + held

    @cached_property
    def _basis(self) -> Any:
        """The optimal basis of the last year with every candidate in service at its first capacity."""
        everything = np.array([link.capacity_gbps for link in self._arcs.links])
        return self._run(self._rates.gbps[-1], everything, None).getBasis()

    def _run(self, rates_gbps: Floats, capacity_gbps: Floats, basis: Any) -> Any:
        made = solver(_PURPOSE, presolve="off", solver="simplex")
        capacity = np.repeat(capacity_gbps, 2) / self._rate_unit
        made.passModel(self._model(rates_gbps / self._rate_unit, capacity))
        if basis is not None:
            made.setBasis(basis)
        return _solved(made)

    def _model(self, rates: Floats, capacity: Floats) -> Any:
        highs, layout = library(_PURPOSE), self.layout
        balance = np.zeros(layout.first_limit)
        np.add.at(balance, layout.row_of_pair, rates)
        limits = capacity[layout.limited_arcs]
        most = np.where(capacity[layout.arc_of_column] > 0, highs.kHighsInf, 0.0)
        model = highs.HighsLp()
        model.num_col_, model.num_row_ = len(layout.cost_ms), layout.first_limit + len(limits)
        model.col_cost_ = layout.cost_ms
        model.col_lower_, model.col_upper_ = np.zeros(model.num_col_), np.concatenate((most, rates))
        model.row_lower_ = np.concatenate((balance, np.full(len(limits), -highs.kHighsInf)))
        model.row_upper_ = np.concatenate((balance, limits))
        model.a_matrix_.format_ = highs.MatrixFormat.kColwise
        model.a_matrix_.start_ = layout.start
        model.a_matrix_.index_ = layout.index
        model.a_matrix_.value_ = layout.value
        return model


def _solved(model: Any) -> Any:
    model.run()
    if not _is_solved(model):
        what = model.modelStatusToString(model.getModelStatus())
        raise OneHopError(f"HiGHS could not route the demands: {what}")
    return model


def _is_solved(model: Any) -> bool:
    status = library(_PURPOSE).HighsModelStatus
    return model.getModelStatus() in (status.kOptimal, status.kModelEmpty)
