"""One portfolio against the base network."""

from __future__ import annotations

import math

from experiments.proposals.building import with_portfolio
from experiments.proposals.costs import portfolio_cost
from experiments.proposals.evaluation.delays import Delays, pair_effects, target_states
from experiments.proposals.evaluation.money import payback_years, savings
from experiments.proposals.evaluation.traffic import moved_demands, traffic
from experiments.proposals.evaluation.value import mean_delay_saved_ms, ratio
from experiments.proposals.findings import Evaluation, Portfolio
from experiments.proposals.flow import built_in, flows_of
from experiments.proposals.model import Study
from experiments.proposals.resilience import last_demands, lost_to_single_cut
from topology.errors import InputError, Problem


def evaluate(study: Study, portfolio: Portfolio) -> Evaluation:
    """What ``portfolio`` does to the base network of ``study``; its choices may come in any order.

    Raises ``InputError`` with everything that makes it no portfolio of this study.
    """
    chosen = in_order(study, portfolio)
    flows = flows_of(study)
    last = study.years - 1
    built = built_in(study, chosen, study.first_year + last)
    before, after = Delays(flows, {}), Delays(flows, built)
    cost, saved = portfolio_cost(study, chosen), savings(flows, chosen)
    mean_saved_ms = mean_delay_saved_ms(flows, chosen)
    moved = moved_demands(flows, built, last)
    demands = last_demands(study)
    return Evaluation(
        portfolio=chosen,
        cost=cost,
        delay_saved=flows.delay_saved(chosen),
        mean_delay_saved_ms=mean_saved_ms,
        pairs=pair_effects(flows, before, after),
        moved_demands=moved,
        load_before=traffic(flows, {}, last).load,
        load_after=traffic(flows, built, last).load,
        targets=target_states(flows, before, after),
        transit_saved_cny_million=math.fsum(saved.transit_cny_million),
        settlement_saved_cny_million=math.fsum(saved.settlement_cny_million),
        lost_to_single_cut_gbps_before=lost_to_single_cut(study.base, demands),
        lost_to_single_cut_gbps_after=lost_to_single_cut(
            with_portfolio(study, chosen, year=study.first_year + last), demands
        ),
        cost_per_ms_cny_million=ratio(cost.present_value_cny_million, mean_saved_ms),
        cost_per_gbps_cny_million=ratio(cost.present_value_cny_million, math.fsum(moved.values())),
        payback_years=payback_years(study, chosen, saved),
    )


def in_order(study: Study, portfolio: Portfolio) -> Portfolio:
    """The choices in the order of the study's candidates. Raises ``InputError`` if they are none of its."""
    problems = []
    seen = set()
    for choice in portfolio:
        where = f"{study.file or study.id} portfolio.{choice.candidate}"
        candidate = study.candidates.get(choice.candidate)
        if candidate is None:
            known = ", ".join(study.candidates)
            problems.append(Problem("the study has no such candidate", where, f"its candidates: {known}"))
            continue
        if choice.candidate in seen:
            problems.append(Problem("is chosen twice", where, "one capacity and one year for each candidate"))
        seen.add(choice.candidate)
        if choice.capacity_gbps not in candidate.capacity_steps_gbps:
            steps = ", ".join(f"{step:g}" for step in candidate.capacity_steps_gbps)
            what = f"cannot be built with {choice.capacity_gbps:g} Gbit/s"
            problems.append(Problem(what, where, f"its capacity steps: {steps}"))
        earliest = study.first_year + candidate.lead_time_years
        if choice.year < earliest:
            what = f"cannot be in service in {choice.year}; expected {earliest} or later"
            problems.append(Problem(what, where, "its lead time counts from the study's first year"))
    if problems:
        raise InputError.of(problems)
    position = {candidate: number for number, candidate in enumerate(study.candidates)}
    return tuple(sorted(portfolio, key=lambda choice: position[choice.candidate]))
