"""The programme over the options found so far: its linear relaxation and its whole-number form, by HiGHS.

Rows: each demand takes at most one option; in each link direction the rates, and the bursts, of what is
taken stay within the limit (both as shares of it; a direction that all options together could not fill has
no row); and where the worth of what is admitted is fixed already, no less is admitted. The solver's floating
point decides nothing that is claimed: a choice is checked in whole numbers, and one that breaks a limit
within the solver's tolerance is cut off by a cover inequality (these options, but not all of them) and
solved again.

The same input gives the same answer (``controller.highs``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.highs import library
from controller.highs import solver as new_solver
from controller.mesh import Mesh
from controller.placement.options import Option, Taken, room_left

_PURPOSE = "placing all demands together"
_LARGEST = 1e6  # costs and worths are brought below it; the solver's tolerances are absolute


@dataclass(frozen=True, slots=True)
class Programme:
    """What is to be solved: minimise ``Σ cost``, at least ``least_worth`` admitted.

    Attributes:
        options: what each demand may take.
        costs: of each option, beside ``options``.
        worths: of each demand once admitted.
    """

    mesh: Mesh
    options: Sequence[Sequence[Option]]
    costs: Sequence[Sequence[int]]
    worths: Sequence[int]
    least_worth: int = 0


@dataclass(frozen=True, slots=True)
class Duals:
    """Shadow prices of the limits of each direction, in the unit of the costs per bit/s and per bit."""

    rate: Sequence[float]
    burst: Sequence[float]
    value: float  # of the relaxation


@dataclass(frozen=True, slots=True)
class Choice:
    """The best whole-number solution found; ``finished``: it is the optimum of the programme.

    ``bound``: no solution of the programme costs less, within the solver's tolerance.
    """

    taken: Taken
    finished: bool
    bound: float


@dataclass(slots=True)
class _Rows:
    """Constraint rows in compressed form, all of the kind ``sum <= 1`` unless said otherwise."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    start: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, entries: dict[int, float], *, lower: float, upper: float) -> int:
        self.lower.append(lower)
        self.upper.append(upper)
        self.index += entries
        self.value += entries.values()
        self.start.append(len(self.index))
        return len(self.lower) - 1


class Solver:
    """One programme, given to HiGHS. Raises ``MachineError`` if HiGHS is not installed."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._columns = [(d, o) for d, options in enumerate(programme.options) for o in range(len(options))]
        self._column = {
            (d, programme.options[d][o].paths): column for column, (d, o) in enumerate(self._columns)
        }
        largest = max((abs(cost) for costs in programme.costs for cost in costs), default=0)
        self._unit = max(1.0, largest / _LARGEST)
        self._rows = _Rows()
        self._limit_rows: dict[tuple[int, bool], int] = {}  # (direction, whether of bursts) -> row
        self._build()

    def _build(self) -> None:
        highs = library(_PURPOSE)
        programme, infinity = self._programme, highs.kHighsInf
        by_demand: dict[int, dict[int, float]] = {}
        by_limit: dict[tuple[int, bool], dict[int, float]] = {}
        most: dict[tuple[int, bool], dict[int, int]] = {}
        for column, (demand, number) in enumerate(self._columns):
            by_demand.setdefault(demand, {})[column] = 1.0
            option = programme.options[demand][number]
            for direction, burst_bits in option.bursts:
                for of_burst, asked in ((False, option.rate_bps), (True, burst_bits)):
                    key = (direction, of_burst)
                    by_limit.setdefault(key, {})[column] = asked / self._limit(key)
                    largest = most.setdefault(key, {})
                    largest[demand] = max(largest.get(demand, 0), asked)
        for entries in by_demand.values():
            self._rows.add(entries, lower=-infinity, upper=1.0)
        for key, entries in sorted(by_limit.items()):
            if sum(most[key].values()) > self._limit(key):
                self._limit_rows[key] = self._rows.add(entries, lower=-infinity, upper=1.0)
        if programme.least_worth:
            entries = {
                column: programme.worths[demand] / programme.least_worth
                for column, (demand, _) in enumerate(self._columns)
            }
            self._rows.add(entries, lower=1.0, upper=infinity)

    def relaxation(self) -> Duals | None:
        """Shadow prices of the linear relaxation; ``None`` if it has no solution."""
        count = len(self._programme.mesh.key)
        rate, burst = [0.0] * count, [0.0] * count
        if not self._columns:
            return Duals(rate, burst, 0.0)
        solver = self._loaded(whole=False, seconds=None)
        solver.run()
        if solver.getModelStatus() != library(_PURPOSE).HighsModelStatus.kOptimal:
            return None
        prices = solver.getSolution().row_dual
        for key, row in self._limit_rows.items():
            direction, of_burst = key
            price = max(0.0, -prices[row]) * self._unit / self._limit(key)
            (burst if of_burst else rate)[direction] = price
        return Duals(rate, burst, float(solver.getInfo().objective_function_value) * self._unit)

    def whole(self, start: Taken, seconds: float) -> Choice:
        """The best choice found within ``seconds``, no worse than ``start``, which must be a solution.

        Every option of ``start`` must be among the programme's.
        """
        until = time.monotonic() + seconds
        bound = float("-inf")
        while True:
            solver = self._loaded(whole=True, seconds=max(0.0, until - time.monotonic()))
            solver.setSolution(self._solution(start))
            solver.run()
            status = solver.getModelStatus()
            highs = library(_PURPOSE)
            bound = max(bound, float(solver.getInfo().mip_dual_bound) * self._unit)
            values = solver.getSolution().col_value
            chosen = [column for column, value in enumerate(values) if value > 0.5]
            taken = self._taken(chosen)
            broken = self._broken(taken)
            if broken is not None:
                cover = [c for c in chosen if any(e == broken for e, _ in self._option(c).bursts)]
                self._rows.add(dict.fromkeys(cover, 1.0), lower=-highs.kHighsInf, upper=len(cover) - 1.0)
                continue
            if self._cost(taken) > self._cost(start) or self._worth(taken) < self._programme.least_worth:
                taken = start
            return Choice(taken, status == highs.HighsModelStatus.kOptimal, bound)

    def _limit(self, key: tuple[int, bool]) -> int:
        mesh = self._programme.mesh
        return mesh.burst_limit_bits[key[0]] if key[1] else mesh.rate_bps[key[0]]

    def _broken(self, taken: Taken) -> int | None:
        """The first direction in which what is taken breaks a limit, in whole numbers."""
        room = room_left(self._programme.mesh, taken)
        left = zip(room.rate_bps, room.burst_bits, strict=True)
        return next((e for e, (rate, burst) in enumerate(left) if rate < 0 or burst < 0), None)

    def _loaded(self, *, whole: bool, seconds: float | None) -> Any:
        highs, rows, count = library(_PURPOSE), self._rows, len(self._columns)
        model = highs.HighsLp()
        model.num_col_, model.num_row_ = count, len(rows.lower)
        model.col_cost_ = [self._programme.costs[d][o] / self._unit for d, o in self._columns]
        model.col_lower_, model.col_upper_ = [0.0] * count, [1.0] * count
        model.row_lower_, model.row_upper_ = rows.lower, rows.upper
        model.a_matrix_.format_ = highs.MatrixFormat.kRowwise
        model.a_matrix_.start_ = rows.start
        model.a_matrix_.index_ = rows.index
        model.a_matrix_.value_ = rows.value
        if whole:
            model.integrality_ = [highs.HighsVarType.kInteger] * count
        limit = {} if seconds is None else {"time_limit": seconds}
        solver = new_solver(_PURPOSE, mip_rel_gap=0.0, **limit)
        solver.passModel(model)
        return solver

    def _solution(self, taken: Taken) -> Any:
        values = [0.0] * len(self._columns)
        for column in self._columns_of(taken):
            values[column] = 1.0
        solution = library(_PURPOSE).HighsSolution()
        solution.col_value = values
        return solution

    def _columns_of(self, taken: Taken) -> list[int]:
        return [self._column[d, option.paths] for d, option in enumerate(taken) if option is not None]

    def _option(self, column: int) -> Option:
        demand, number = self._columns[column]
        return self._programme.options[demand][number]

    def _taken(self, columns: Sequence[int]) -> Taken:
        taken: list[Option | None] = [None] * len(self._programme.options)
        for column in columns:
            taken[self._columns[column][0]] = self._option(column)
        return tuple(taken)

    def _cost(self, taken: Taken) -> int:
        columns = (self._columns[column] for column in self._columns_of(taken))
        return sum(self._programme.costs[demand][number] for demand, number in columns)

    def _worth(self, taken: Taken) -> int:
        return sum(self._programme.worths[d] for d, option in enumerate(taken) if option is not None)
