"""The best portfolio within a budget, and what is proved of it.

Of portfolios that save as much delay (within a millionth) the one with the fewest links is taken, then the
cheapest, then the first in the order of candidates, capacities and years. Only one extra question shows in
most cases that there is no second one; where there is, one is asked per criterion.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from experiments.proposals.findings import Best, Choice, Proof
from experiments.proposals.flow import flows_of
from experiments.proposals.model import Study
from experiments.proposals.portfolio.limits import Limits
from experiments.proposals.portfolio.master import EQUAL, Goal, Master
from experiments.proposals.portfolio.options import (
    YUAN_PER_MILLION,
    Option,
    affordable,
    options_of,
    portfolio_of,
    whole_yuan,
)
from experiments.proposals.portfolio.programme import Programme

DEFAULT_SECONDS = 120.0
_AT_ONCE = 20  # options whose order one question settles: their weights are powers of two

Say = Callable[[str], None]


class Emptiness(StrEnum):
    """Why a portfolio is empty."""

    BUDGET = "budget"  # nothing can be paid
    HORIZON = "horizon"  # no candidate is in service within the study
    NO_GAIN = "no gain"  # candidates save no delay, or none that can be paid does


@dataclass(frozen=True, slots=True)
class WhyEmpty:
    """Why nothing is recommended.

    Attributes:
        cheapest: the candidate that costs least to build, at its cheapest; ``None`` if there is none.
        least_budget_cny_million: what it takes in one year.
    """

    reason: Emptiness
    cheapest: Choice | None
    least_budget_cny_million: float | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The best options within limits, what they save, and the bound."""

    options: tuple[Option, ...]
    saved: float
    bound: float
    proof: Proof


def best(
    study: Study,
    budget_cny_million: float | None = None,
    say: Say = lambda _: None,
    *,
    seconds: float = DEFAULT_SECONDS,
) -> Best:
    """The portfolio that saves the most delay within a budget, or the study's, and the yearly budgets.

    After ``seconds`` the best found so far is given, with a bound. Raises ``MachineError`` without HiGHS.
    """
    budget = study.budget.total_cny_million if budget_cny_million is None else budget_cny_million
    settled = settle(master_of(study), Limits(whole_yuan(budget)), say, seconds=seconds)
    portfolio = portfolio_of(study, settled.options)
    return Best(budget, portfolio, settled.saved, settled.bound, settled.proof)


def master_of(study: Study) -> Master:
    """A new master: an answer does not depend on what was asked before."""
    return Master(Programme(flows_of(study)))


def settle(
    master: Master,
    limits: Limits,
    say: Say = lambda _: None,
    *,
    seconds: float = DEFAULT_SECONDS,
    order: Sequence[Goal] = (Goal.FEWEST, Goal.CHEAPEST),
) -> Settled:
    """The most saved within limits, ties broken by the goals of ``order``, then by the order of options."""
    until, programme = time.monotonic() + seconds, master.programme
    nothing = Settled((), 0.0, 0.0, Proof.OPTIMAL)
    if not programme.options or programme.saves_nothing:
        return nothing
    say("choosing links, capacities and years")
    master.relaxed(limits)
    found = master.ask(Goal.MOST_SAVED, limits, seconds=seconds)
    if found.options is None:
        bound = min(found.bound, programme.most_saved)
        return nothing if found.finished else Settled((), 0.0, max(0.0, bound), Proof.GAP)
    saved = programme.flows.delay_saved(portfolio_of(programme.study, found.options))
    if found.finished and saved <= 0:
        return nothing
    options = found.options
    if found.finished:
        say("looking for an equal portfolio with fewer links or at less cost")
        limits = replace(limits, least_saved=found.saved * (1 - EQUAL))
        options = _first_of_equals(master, limits, options, order, until)
        saved = programme.flows.delay_saved(portfolio_of(programme.study, options))
    bound = saved if found.finished else max(saved, min(found.bound, programme.most_saved))
    return Settled(options, saved, bound, Proof.OPTIMAL if found.finished else Proof.GAP)


def why_empty(study: Study, budget_cny_million: float | None = None) -> WhyEmpty:
    """Why nothing can be recommended within a budget; to be asked when ``best`` is empty."""
    budget = study.budget.total_cny_million if budget_cny_million is None else budget_cny_million
    options = options_of(study)
    if not options:
        return WhyEmpty(Emptiness.HORIZON, None, None)
    least = min(options, key=lambda option: (option.yuan, option.order))
    reason = Emptiness.NO_GAIN if affordable(study, options, whole_yuan(budget)) else Emptiness.BUDGET
    return WhyEmpty(reason, portfolio_of(study, (least,))[0], least.yuan / YUAN_PER_MILLION)


def _first_of_equals(
    master: Master, limits: Limits, options: tuple[Option, ...], order: Sequence[Goal], until: float
) -> tuple[Option, ...]:
    """The first of all portfolios within limits by the goals of ``order`` and then the order of options.

    ``options``: one of them. If time runs out, the best known.
    """
    for goal in order:
        better = master.ask(goal, limits, seconds=until - time.monotonic())
        if better.options is None or not better.finished:
            return options
        options = better.options
        if goal is Goal.FEWEST:
            limits = replace(limits, most_links=len(options))
        else:
            limits = replace(limits, budget_yuan=sum(option.yuan for option in options))
    other = master.ask(Goal.FEWEST, replace(limits, not_all_of=(options,)), seconds=until - time.monotonic())
    if other.options is None:
        return options
    return _first_in_order(master, limits, options, until)


def _first_in_order(
    master: Master, limits: Limits, options: tuple[Option, ...], until: float
) -> tuple[Option, ...]:
    """Of equal portfolios, that with the first options: some at a time, by weights that are powers of two."""
    every = master.programme.options
    for begin in range(0, len(every), _AT_ONCE):
        some = every[begin : begin + _AT_ONCE]
        weights = {option.order: 2.0 ** (len(some) - 1 - place) for place, option in enumerate(some)}
        found = master.ask(Goal.FIRST, limits, weights=weights, seconds=until - time.monotonic())
        if found.options is None or not found.finished:
            return options
        options = found.options
        taken = {option.order for option in options}
        limits = replace(
            limits,
            chosen=(*limits.chosen, *(option for option in some if option.order in taken)),
            excluded=(*limits.excluded, *(option for option in some if option.order not in taken)),
        )
    return options
