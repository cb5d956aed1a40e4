"""One goal after the other, each by column generation, a whole-number programme, and a proof.

A programme over few options gives prices, the prices give the options that are missing, until none is (Ford
and Fulkerson, Management Science 5, 1958). A whole-number programme over what was found then gives a
placement, and weak duality a bound (``duality``). Where a gap is left, all options that could belong to a
better placement are listed: those whose reduced cost is within the gap (Baldacci, Christofides and Mingozzi,
Math. Prog. 115, 2008). If the list is complete, branch and bound over it decides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from controller.mesh import Mesh
from controller.placement.candidates import Tariff, cheapest, up_to
from controller.placement.duality import SCALE
from controller.placement.goals import Goal, Relaxed, whole_prices
from controller.placement.options import Option, Taken, Task
from controller.placement.search import NEVER
from controller.placement.solver import Programme, Solver

_FIRST = 6  # options per demand to begin with, the fastest
_LISTED = (30, 300, 3000)  # options of one demand in lists that should be complete, at most
_PATIENCE = 20_000  # labels extended for one price
_PATIENCE_PER_OPTION = 300  # and for each option of a list
_ROUNDS = 200
_SAY_EVERY = 5
_NEGLIGIBLE = 1e-9  # of the relaxation's value


class Proof(StrEnum):
    """What shows that nothing is better."""

    NONE = "none"
    DUALITY = "weak duality"  # in whole numbers
    SEARCH = "branch and bound"  # HiGHS, over all options that could matter


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for a goal: no placement has a value below ``bound``, and ``proof`` says how it is known
    that this is it, where ``value`` equals it."""

    taken: Taken
    value: int
    bound: int
    proof: Proof


class Clock:
    """How much time is left; asked between steps."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Never negative."""
        return max(0.0, self._until - time.monotonic())


class Pool:
    """The options found so far, by demand, and whether they are all there are."""

    def __init__(self, mesh: Mesh, tasks: Sequence[Task]) -> None:
        self.mesh, self.tasks = mesh, tasks
        self.options: list[list[Option]] = []
        self.complete: list[bool] = []
        free = [0] * len(mesh.key)
        for task in tasks:
            fastest = Tariff(free, free, 1)
            options, complete = up_to(mesh, task, fastest, NEVER - 1, count=_FIRST, patience=_PATIENCE)
            self.options.append(options)
            self.complete.append(complete)
        self._known = [{option.paths for option in options} for options in self.options]

    def add(self, demand: int, option: Option) -> bool:
        """Whether it was new."""
        if option.paths in self._known[demand]:
            return False
        self._known[demand].add(option.paths)
        self.options[demand].append(option)
        return True


def reach(goal: Goal, pool: Pool, start: Taken, clock: Clock, say: Callable[[str], None]) -> Finding:
    """The best placement found for ``goal``, from ``start`` on, and what is proved of it.

    ``pool`` grows. ``start`` must keep all limits and be worth what the goal requires.
    """
    stage = _Stage(goal, pool, start)
    stage.generate(clock, say)
    if stage.finding.proof is Proof.NONE and clock.left_s:
        say("placing whole demands")
        finished = stage.place(clock.left_s / 2)
        stage.complete(finished, clock, say)
    return stage.finding


class _Stage:
    def __init__(self, goal: Goal, pool: Pool, start: Taken) -> None:
        self._goal, self._pool, self._taken = goal, pool, start
        for demand, option in enumerate(start):
            if option is not None:
                pool.add(demand, option)
        self._best: tuple[Relaxed, list[Tariff], list[int]] | None = None
        self._searched = False

    @property
    def value(self) -> int:
        return sum(
            self._goal.cost(demand, option) for demand, option in enumerate(self._taken) if option is not None
        )

    @property
    def _gap(self) -> int:
        """How much room is left for something better, in units of 1 / ``SCALE``; negative if none."""
        if self._best is None:
            return NEVER
        return (self.value - self._goal.step) * SCALE - self._best[0].floor

    @property
    def finding(self) -> Finding:
        value = self.value
        if self._searched or self._gap < 0:
            return Finding(self._taken, value, value, Proof.SEARCH if self._gap >= 0 else Proof.DUALITY)
        if self._best is None:
            return Finding(self._taken, value, self._goal.trivial, Proof.NONE)
        step = self._goal.step
        bound = -(-self._best[0].floor // (SCALE * step)) * step
        return Finding(self._taken, value, bound, Proof.NONE)

    def generate(self, clock: Clock, say: Callable[[str], None]) -> None:
        """Column generation; keeps the best bound and the prices that prove it."""
        for number in range(_ROUNDS):
            duals = Solver(self._programme()).relaxation()
            if duals is None or not clock.left_s:
                return
            rate, burst, limits = whole_prices(self._pool.mesh, duals)
            tariffs = [self._goal.tariff(d, rate, burst) for d in range(len(self._pool.tasks))]
            found = self._price(tariffs, clock)
            if found is None:
                return
            least, new = found
            relaxed = self._goal.relaxed(limits, least)
            if self._best is None or relaxed.floor > self._best[0].floor:
                self._best = relaxed, tariffs, least
            if number % _SAY_EVERY == 0:
                say(f"looking for paths by what links would cost, round {number + 1}")
            converged = self._best[0].floor / SCALE >= duals.value - _NEGLIGIBLE * abs(duals.value)
            if not new or self._gap < 0 or converged:
                return

    def _price(self, tariffs: Sequence[Tariff], clock: Clock) -> tuple[list[int], int] | None:
        """The least cost of each demand's options, and how many were new; ``None`` if time has run out."""
        pool, least, new = self._pool, [], 0
        for demand, tariff in enumerate(tariffs):
            if pool.complete[demand]:
                least.append(min((tariff.of(option) for option in pool.options[demand]), default=NEVER))
                continue
            if not clock.left_s:
                return None
            cost, option = cheapest(pool.mesh, pool.tasks[demand], tariff, _PATIENCE)
            new += option is not None and pool.add(demand, option)
            least.append(cost)
        return least, new

    def place(self, seconds: float) -> bool:
        """Solve over the options at hand; whether the answer is the best of them."""
        choice = Solver(self._programme()).whole(self._taken, seconds)
        self._taken = choice.taken
        return choice.finished

    def complete(self, finished: bool, clock: Clock, say: Callable[[str], None]) -> None:
        """List every option that could belong to a better placement, more and more of them, and search them.

        ``finished``: those at hand have been searched.
        """
        for most in _LISTED:
            if self._best is None or self._gap < 0 or not clock.left_s:
                return
            say("listing paths that could still matter")
            new, all_ = self._list(most, clock)
            if finished and not new:
                self._searched = all_
            else:
                say("placing whole demands" + (", all paths considered" if all_ else ""))
                finished = self.place(clock.left_s if all_ else clock.left_s / 2)
                self._searched = all_ and finished
            if all_:
                return

    def _list(self, most: int, clock: Clock) -> tuple[int, bool]:
        """Add options whose reduced cost is within the gap, at most ``most`` of each demand.

        How many were new, and whether these, with those at hand, are all that could matter.
        """
        assert self._best is not None
        relaxed, tariffs, least = self._best
        pool, gap, new, all_ = self._pool, self._gap, 0, True
        for demand, tariff in enumerate(tariffs):
            if pool.complete[demand]:
                continue
            if not clock.left_s:
                return new, False
            limit = min(math.floor(relaxed.gains[demand]), least[demand]) + gap
            patience = _PATIENCE_PER_OPTION * most
            options, complete = up_to(
                pool.mesh, pool.tasks[demand], tariff, limit, count=most, patience=patience
            )
            all_ = all_ and complete
            new += sum(pool.add(demand, option) for option in options)
        return new, all_

    def _programme(self) -> Programme:
        goal, pool = self._goal, self._pool
        costs = [
            [goal.cost(demand, option) for option in options] for demand, options in enumerate(pool.options)
        ]
        return Programme(pool.mesh, pool.options, costs, goal.worths, goal.least_worth)
