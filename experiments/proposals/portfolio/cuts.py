"""Bounds on what options can save, from shadow prices of the flow: the cuts of Benders' decomposition.

For any prices ``y ≥ 0`` of a year's rows, duality says of every choice ``z``, whole or not,

    saved in the year  ≤  y · limits  +  Σ max(0, what a column gains beyond its price)  +  Σ gain[o] · z[o]

where ``gain[o]`` is what option ``o`` adds to the limits, at their prices. At the ``z`` whose optimal prices
they are, both sides are equal. The second term is 0 for optimal prices; it keeps the bound valid whatever the
solver's tolerances (no column is ever above 1).

Prices are asked for slightly away from a whole choice, towards the relaxation's, where they are better for
all other choices (Benders, Numerische Mathematik 4, 1962; Magnanti and Wong, "Accelerating Benders
decomposition", Operations Research 29, 1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from controller.highs import library, solver
from experiments.proposals.flow.arcs import Floats
from experiments.proposals.portfolio.limits import MONEY_UNIT_YUAN, Limits, add_limits, bounds
from experiments.proposals.portfolio.programme import Programme, Rows
from topology.errors import OneHopError

PURPOSE = "choosing a portfolio"


@dataclass(frozen=True)
class Cut:
    """What is saved in ``year`` against the fallbacks is at most ``constant + gains · z``, in the unit."""

    year: int
    constant: float
    gains: Floats


@dataclass(frozen=True)
class Relaxed:
    """The relaxation within limits: fractions of links.

    Attributes:
        saved: Gbit/s x ms x year, against the base network.
        per_yuan: what one yuan more would add: the shadow price of the budget.
        shares: of each option.
    """

    saved: float
    per_yuan: float
    shares: Floats
    cuts: tuple[Cut, ...]


class Relaxation:
    """The linear programme of a study, solved for its prices."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        rows = programme.rows
        self._upper = np.array(rows.upper)
        self._index = np.array(rows.index, dtype=np.int64)
        self._value = np.array(rows.value)
        self._row = np.repeat(np.arange(len(rows.upper)), np.diff(rows.start))
        self._year_of_row = np.array(rows.year, dtype=np.int64)
        self._year_of_column = np.array(programme.year_of_column, dtype=np.int64)
        self._cost = np.array(programme.cost)

    def within(self, limits: Limits) -> Relaxed | None:
        """The best within limits; ``None`` if nothing keeps them."""
        programme, rows = self._programme, self._own_rows()
        budget_row = add_limits(rows, programme, limits)
        lower, upper = bounds(programme, limits)
        solved = self._run(rows, lower, upper)
        if solved is None:
            return None
        found = solved.getSolution()
        prices = np.array(found.row_dual)
        saved = -float(solved.getInfo().objective_function_value) - programme.fallback_saved
        per_money = 0.0 if budget_row is None else max(0.0, -float(prices[budget_row]))
        return Relaxed(
            saved * programme.unit,
            per_money * programme.unit / MONEY_UNIT_YUAN,
            np.clip(np.array(found.col_value)[: len(programme.options)], 0.0, 1.0),
            self._cuts(prices[: len(self._upper)]),
        )

    def at(self, shares: Floats) -> tuple[Cut, ...]:
        """Cuts that are equalities at a choice, whole or not."""
        solved = self._run(self._programme.rows, shares.tolist(), shares.tolist())
        if solved is None:
            raise OneHopError("HiGHS found no flow for a portfolio", where=self._programme.study.id)
        return self._cuts(np.array(solved.getSolution().row_dual))

    def _own_rows(self) -> Rows:
        own = self._programme.rows
        return Rows(
            own.lower.copy(),
            own.upper.copy(),
            own.year.copy(),
            own.start.copy(),
            own.index.copy(),
            own.value.copy(),
        )

    def _cuts(self, duals: Floats) -> tuple[Cut, ...]:
        equal = np.array(self._programme.rows.lower) == self._upper
        prices = np.where(equal, -duals, np.maximum(0.0, -duals))
        count, total = len(self._programme.options), len(self._cost)
        priced = self._value * prices[self._row]
        beyond = np.maximum(0.0, -self._cost - np.bincount(self._index, weights=priced, minlength=total))
        of_option = self._index < count
        cuts = []
        for year in self._programme.years:
            rows = self._year_of_row == year
            entries = of_option & rows[self._row]
            index, weights = self._index[entries], priced[entries]
            gains = -np.bincount(index, weights=weights, minlength=count).astype(np.float64)
            constant = prices[rows] @ self._upper[rows] + beyond[self._year_of_column == year].sum()
            cuts.append(Cut(year, float(constant), gains))
        return tuple(cuts)

    def _run(self, rows: Rows, lower: list[float], upper: list[float]) -> Any | None:
        highs, free = library(PURPOSE), len(self._cost) - len(lower)
        made = solver(PURPOSE)
        made.passModel(
            model_of(
                rows, self._cost.tolist(), [*lower, *([0.0] * free)], [*upper, *([highs.kHighsInf] * free)]
            )
        )
        made.run()
        states, status = highs.HighsModelStatus, made.getModelStatus()
        if status in (states.kInfeasible, states.kUnboundedOrInfeasible):
            return None
        if status != states.kOptimal:
            raise OneHopError(f"HiGHS could not relax the choice: {made.modelStatusToString(status)}")
        return made


def model_of(rows: Rows, cost: list[float], lower: list[float], upper: list[float]) -> Any:
    """Rows and columns in HiGHS's form."""
    highs = library(PURPOSE)
    model = highs.HighsLp()
    model.num_col_, model.num_row_ = len(cost), len(rows.lower)
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_, model.row_upper_ = rows.lower, rows.upper
    model.a_matrix_.format_ = highs.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = (
        rows.start,
        rows.index,
        rows.value,
    )
    return model
