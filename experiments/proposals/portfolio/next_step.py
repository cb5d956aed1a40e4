"""The value of the next yuan: what more money would buy, and what holds the best portfolio back now.

Portfolios come whole, so the answer is a step: the least further money with which more delay is saved, and
how much more. Beside it the *slope*, the shadow price of the budget where links may be built by fractions.

Something *binds* if more of it alone, and of nothing else, would save more delay: the budget, the ceiling of
one year (lifted), a link's capacity (one hundredth more of it, under the best portfolio), a chosen
candidate's lead time (in service a year sooner).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from experiments.proposals.findings import Best, NextYuan
from experiments.proposals.flow import Flows, built_in
from experiments.proposals.model import Study
from experiments.proposals.portfolio.choice import master_of, settle
from experiments.proposals.portfolio.limits import Limits
from experiments.proposals.portfolio.master import EQUAL, Goal, Master
from experiments.proposals.portfolio.options import YUAN_PER_MILLION, ceilings_yuan, whole_yuan

_WIDER = 1.01
_PRICED = 1e-9  # ms: a shadow price above 0
_NOTHING = 1e-9  # of a cost


def next_yuan(study: Study, best: Best, *, seconds: float = 120.0) -> NextYuan:
    """What more money than ``best.budget_cny_million`` would buy, and what binds.

    The step is within the yearly budgets. ``seconds``: for each question to the solver, of which there is one
    for the step and one for each yearly budget; one that takes longer counts as answered with no.
    """
    master, budget_yuan = master_of(study), whole_yuan(best.budget_cny_million)
    flows = master.programme.flows
    binding = [*_capacities(flows, best), *_lead_times(study, flows, best)]
    if not master.programme.options or master.programme.saves_nothing:
        return NextYuan((), None, 0.0, 0.0)
    relaxed = master.relaxed(Limits(budget_yuan))
    slope = relaxed.per_yuan * YUAN_PER_MILLION if relaxed is not None else 0.0
    more = best.delay_saved * (1 + 2 * EQUAL) or master.programme.most_saved * EQUAL
    yearly = [
        f"yearly budget {study.first_year + year}"
        for year in sorted(ceilings_yuan(study))
        if _any(master, Limits(budget_yuan, free_years=frozenset((year,)), least_saved=more), seconds)
    ]
    found = master.ask(Goal.CHEAPEST, Limits(None, least_saved=more), seconds=seconds)
    if found.options is None:
        return NextYuan((*yearly, *binding), None, 0.0, slope)
    needed_yuan = max(budget_yuan, sum(option.yuan for option in found.options))
    step = settle(master, Limits(needed_yuan), seconds=seconds)
    return NextYuan(
        binding=("budget", *yearly, *binding),
        step_cny_million=(needed_yuan - budget_yuan) / YUAN_PER_MILLION,
        gain=max(step.saved, found.saved) - best.delay_saved,
        slope=slope,
    )


def _any(master: Master, limits: Limits, seconds: float) -> bool:
    return master.ask(Goal.FEWEST, limits, seconds=seconds).options is not None


def _capacities(flows: Flows, best: Best) -> Iterator[str]:
    """Links of which a hundredth more capacity would save delay in some year, the base's first."""
    study, binding = flows.study, set()
    for year in range(study.years):
        built = built_in(study, best.portfolio, study.first_year + year)
        if flows.fits(flows.least_delay(built), built, year):
            continue
        capacity, rates = flows.arcs.capacities_gbps(built), flows.rates.gbps[year]
        prices = flows.program.solve(rates, capacity).prices_ms.reshape(-1, 2).max(axis=1)
        for link in np.flatnonzero(prices > _PRICED).tolist():
            if link in binding:
                continue
            wider = capacity.copy()
            wider[link] *= _WIDER
            now = _cost(flows, year, capacity)
            if now - _cost(flows, year, wider) > _NOTHING * now:
                binding.add(link)
    for link in sorted(binding):
        yield f"capacity of {flows.arcs.links[link].id}"


def _cost(flows: Flows, year: int, capacity: np.ndarray) -> float:
    solution = flows.program.solve(flows.rates.gbps[year], capacity)
    carried = solution.flows_gbps.sum(axis=0) @ flows.arcs.latency_ms
    return float(carried + solution.unserved_gbps.sum() * flows.unserved_ms)


def _lead_times(study: Study, flows: Flows, best: Best) -> Iterator[str]:
    """Chosen candidates that would save more delay if they took a year less to build."""
    for choice in best.portfolio:
        if study.candidates[choice.candidate].lead_time_years > 0:
            sooner = [replace(c, year=c.year - (c is choice)) for c in best.portfolio]
            if flows.delay_saved(sooner) > best.delay_saved * (1 + EQUAL):
                yield f"lead time of {choice.candidate}"
