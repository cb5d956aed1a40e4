"""Whole choices: HiGHS over the options alone, with what they save bounded by cuts.

Ask for the best choice as far as the cuts know; compute what it really saves (``flow``); if that is less than
the cuts promised, add cuts that know better, and ask again. Each round's promise bounds every portfolio, and
cuts are exact where they were made, so this ends, at the latest when all choices have been tried; a few
rounds are the rule. Cuts know nothing of budgets: they serve all questions about a study.

Benders, "Partitioning procedures for solving mixed-variables programming problems", Numerische Mathematik 4,
1962.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from controller.highs import library, solver
from experiments.proposals.flow.arcs import Floats
from experiments.proposals.portfolio.cuts import PURPOSE, Cut, Relaxation, Relaxed, model_of
from experiments.proposals.portfolio.limits import MONEY_UNIT_YUAN, Limits, add_limits, bounds
from experiments.proposals.portfolio.options import Option
from experiments.proposals.portfolio.programme import Programme, Rows
from topology.errors import OneHopError

EQUAL = 1e-6  # portfolios whose delay saved differs by less than this share of it are equally good
_PROVEN = 1e-7  # of what is saved: less is left open
_TOWARDS_CORE = 1e-3
_SETTINGS: Mapping[str, float | bool] = {
    "mip_rel_gap": 1e-8,
    "mip_abs_gap": 1e-8,
    "mip_feasibility_tolerance": 1e-9,
    "mip_allow_restart": False,  # a third faster here
}


class Goal(StrEnum):
    """What is looked for."""

    MOST_SAVED = "most delay saved"
    FEWEST = "fewest links"
    CHEAPEST = "cheapest"
    FIRST = "first in order"


@dataclass(frozen=True, slots=True)
class Found:
    """The answer.

    Attributes:
        options: of the best portfolio found; ``None``: there is none, or none was found in time.
        saved: by them, Gbit/s x ms x year.
        bound: no portfolio within the limits saves more. Of ``MOST_SAVED`` only.
        finished: whether nothing is better.
    """

    options: tuple[Option, ...] | None
    saved: float
    bound: float
    finished: bool


class Master:
    """Questions about one programme; what is learnt from one serves the next."""

    def __init__(self, programme: Programme) -> None:
        self.programme = programme
        self._relaxation = Relaxation(programme)
        self._cuts: list[Cut] = []
        self._core: Floats = np.full(len(programme.options), 0.5)

    def relaxed(self, limits: Limits) -> Relaxed | None:
        """The relaxation; its cuts are kept."""
        found = self._relaxation.within(limits)
        if found is not None:
            self._cuts += found.cuts
            self._core = found.shares
        return found

    def ask(
        self,
        goal: Goal,
        limits: Limits,
        *,
        seconds: float = math.inf,
        weights: Mapping[int, float] | None = None,
    ) -> Found:
        """The best portfolio for a goal within limits. ``weights``: of options by ``order``; ``FIRST``."""
        until, programme = time.monotonic() + seconds, self.programme
        best: tuple[Option, ...] | None = None
        saved, bound = -math.inf, math.inf
        tried: list[tuple[Option, ...]] = []
        if not self._cuts:
            self.relaxed(limits)
        while True:
            left = until - time.monotonic()
            if left <= 0:
                break
            promise = self._promise(goal, limits, tried, weights or {}, left)
            if promise is None:
                bound = saved
                break
            chosen, promised, finished = promise
            bound = min(bound, max(saved, promised)) if goal is Goal.MOST_SAVED else math.inf
            if chosen is None:
                break
            by_year = programme.saved_by_year(chosen)
            really = (math.fsum(by_year.values()) - programme.fallback_saved) * programme.unit
            enough = limits.least_saved is None or really >= limits.least_saved * (1 - _PROVEN)
            if enough and goal is not Goal.MOST_SAVED:
                return Found(chosen, really, math.inf, finished)
            if enough and really > saved:
                best, saved = chosen, really
            if _proven(saved, bound) or not finished:
                break
            if not self._learn(chosen, by_year):
                tried.append(chosen)
        return Found(best, saved, bound, bound == saved or _proven(saved, bound))

    def _learn(self, chosen: Sequence[Option], by_year: Mapping[int, float]) -> bool:
        """Add cuts at a choice; whether they tell more of it than was known."""
        taken = {option.order for option in chosen}
        whole = np.array([float(option.order in taken) for option in self.programme.options])
        before = self._known(whole)
        near = (1 - _TOWARDS_CORE) * whole + _TOWARDS_CORE * self._core
        self._cuts += self._relaxation.at(near)
        really = math.fsum(by_year.values())
        if self._known(whole) - really > _PROVEN * abs(really):
            self._cuts += self._relaxation.at(whole)
        self._core = (self._core + whole) / 2
        return before - self._known(whole) > _PROVEN * abs(really)

    def _known(self, shares: Floats) -> float:
        """What the cuts promise of a choice, in the unit."""
        least = dict.fromkeys(self.programme.years, math.inf)
        for cut in self._cuts:
            least[cut.year] = min(least[cut.year], cut.constant + float(cut.gains @ shares))
        return math.fsum(least.values())

    def _promise(
        self,
        goal: Goal,
        limits: Limits,
        tried: Sequence[tuple[Option, ...]],
        weights: Mapping[int, float],
        seconds: float,
    ) -> tuple[tuple[Option, ...] | None, float, bool] | None:
        """The best choice as far as the cuts know, what they promise, and whether HiGHS finished.

        ``None`` if no choice keeps the limits.
        """
        highs, options = library(PURPOSE), self.programme.options
        settings = dict(_SETTINGS) if math.isinf(seconds) else {**_SETTINGS, "time_limit": seconds}
        made = solver(PURPOSE, **settings)
        made.passModel(self._model(goal, limits, tried, weights))
        made.run()
        states, status = highs.HighsModelStatus, made.getModelStatus()
        if status in (states.kInfeasible, states.kUnboundedOrInfeasible):
            return None
        if status not in (states.kOptimal, states.kTimeLimit):
            raise OneHopError(f"HiGHS could not choose a portfolio: {made.modelStatusToString(status)}")
        info = made.getInfo()
        promised = (-float(info.mip_dual_bound) - self.programme.fallback_saved) * self.programme.unit
        if info.primal_solution_status != highs.SolutionStatus.kSolutionStatusFeasible:
            return None, promised, False
        values = made.getSolution().col_value[: len(options)]
        chosen = tuple(option for option, value in zip(options, values, strict=True) if value > 0.5)
        return chosen, promised, status == states.kOptimal

    def _model(
        self,
        goal: Goal,
        limits: Limits,
        tried: Sequence[tuple[Option, ...]],
        weights: Mapping[int, float],
    ) -> Any:
        """Columns: the options, then what each year saves against the fallbacks, in the unit."""
        highs, programme, rows = library(PURPOSE), self.programme, Rows()
        count, years = len(programme.options), len(programme.years)
        add_limits(rows, programme, limits)
        place = {year: count + number for number, year in enumerate(programme.years)}
        for cut in self._cuts:
            gains = {column: -gain for column, gain in enumerate(cut.gains.tolist()) if gain}
            rows.add({place[cut.year]: 1.0, **gains}, -math.inf, cut.constant)
        if limits.least_saved is not None:
            least = limits.least_saved / programme.unit + programme.fallback_saved
            rows.add(dict.fromkeys(place.values(), 1.0), least, math.inf)
        for chosen in tried:
            taken = {option.order for option in chosen}
            signs = {c: 1.0 - 2.0 * (o.order in taken) for c, o in enumerate(programme.options)}
            rows.add(signs, 1.0 - len(taken), math.inf)
        lower, upper = bounds(programme, limits)
        model = model_of(
            rows,
            _objective(goal, programme.options, weights) + [-float(goal is Goal.MOST_SAVED)] * years,
            lower + [-highs.kHighsInf] * years,
            upper + [highs.kHighsInf] * years,
        )
        kinds = highs.HighsVarType
        model.integrality_ = [kinds.kInteger] * count + [kinds.kContinuous] * years
        return model


def _proven(saved: float, bound: float) -> bool:
    return saved > -math.inf and bound - saved <= _PROVEN * abs(saved)


def _objective(goal: Goal, options: Sequence[Option], weights: Mapping[int, float]) -> list[float]:
    if goal is Goal.FEWEST:
        return [1.0] * len(options)
    if goal is Goal.CHEAPEST:
        return [option.yuan / MONEY_UNIT_YUAN for option in options]
    if goal is Goal.FIRST:
        return [-weights.get(option.order, 0.0) for option in options]
    return [0.0] * len(options)
