"""How sure the answer is: against evaluations of the varied studies, one by one, and brute force."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from experiments.proposals.building import with_portfolio
from experiments.proposals.costs import decision_year, portfolio_cost, spending_cny_million
from experiments.proposals.document import load_study
from experiments.proposals.evaluation import evaluate, ranked
from experiments.proposals.findings import Best, Choice, Portfolio, Proof, Sureness
from experiments.proposals.flow import delay_saved
from experiments.proposals.model import Figure, Study
from experiments.proposals.pairs import pairs_of
from experiments.proposals.portfolio import best
from experiments.proposals.resilience import FailureRates, last_demands, resilience
from experiments.proposals.sweep import Sweep
from experiments.proposals.uncertainty import assumptions, sureness, varied
from experiments.proposals.uncertainty.headlines import sample
from experiments.proposals.uncertainty.sampling import samples
from experiments.proposals.uncertainty.sureness import SHARES
from topology.errors import InputError

SAMPLES, OPTIMISED, SEED = 20, 6, 3


@cache
def study() -> Study:
    return load_study("tiny-candidates")


@cache
def answer() -> Best:
    return best(study())


@cache
def sure() -> Sureness:
    return sureness(study(), answer(), Sweep(1), samples=SAMPLES, optimised=OPTIMISED, seed=SEED)


def test_best_estimates_are_those_of_the_answer() -> None:
    found = evaluate(study(), answer().portfolio)
    estimates = {interval.name: interval.best_estimate for interval in sure().intervals}
    assert estimates["delay_saved"] == found.delay_saved == answer().delay_saved
    assert estimates["mean_delay_saved_ms"] == found.mean_delay_saved_ms
    assert estimates["build_cny_million"] == found.cost.build_cny_million
    assert estimates["yearly_cny_million"] == found.cost.yearly_cny_million
    assert estimates["present_value_cny_million"] == found.cost.present_value_cny_million
    assert estimates["cost_per_ms_cny_million"] == found.cost_per_ms_cny_million
    assert estimates["payback_years"] == found.payback_years
    network = with_portfolio(study(), answer().portfolio)
    failing = resilience(network, last_demands(study()), FailureRates.of(study()), pairs_of(study()))
    assert estimates["expected_lost_gbps_hours_per_year"] == failing.expected_lost_gbps_hours_per_year
    assert estimates["target ring: one_way_ms"] == found.targets[0].after_ms


def test_intervals_are_quantiles_of_evaluations_under_the_samples() -> None:
    values = samples(assumptions(study()), SAMPLES, SEED)
    saved = [delay_saved(varied(study(), one), answer().portfolio) for one in values]
    built = [portfolio_cost(varied(study(), one), answer().portfolio).build_cny_million for one in values]
    found = {interval.name: (interval.p5, interval.p50, interval.p95) for interval in sure().intervals}
    assert found["delay_saved"] == tuple(np.quantile(saved, SHARES))
    assert found["build_cny_million"] == tuple(np.quantile(built, SHARES))
    assert all(p5 <= p50 <= p95 for p5, p50, p95 in found.values())
    firsts = [ranked(varied(study(), one))[0] for one in values]
    assert sure().first_share == {one: firsts.count(one) / SAMPLES for one in study().candidates}


def brute_force(asked: Study) -> Portfolio:
    """The portfolio that saves most; ties: fewest links, then cheapest. Over everything there is."""
    options = [
        [
            Choice(one.id, capacity, year)
            for capacity in one.capacity_steps_gbps
            for year in range(asked.first_year + one.lead_time_years, asked.first_year + asked.years)
        ]
        for one in asked.candidates.values()
    ]
    found = []
    for size in range(len(options) + 1):
        for chosen in combinations(options, size):
            found += [portfolio for portfolio in product(*chosen) if fits(asked, portfolio)]
    saved = {one: delay_saved(asked, one) for one in found}
    most = max(saved.values())
    equal = [one for one in found if saved[one] >= most * (1 - 1e-6)]
    return min(equal, key=lambda one: (len(one), portfolio_cost(asked, one).build_cny_million))


def fits(asked: Study, portfolio: Portfolio) -> bool:
    budget, spent = asked.budget, spending_cny_million(asked, portfolio)
    assert all(decision_year(asked, one) >= asked.first_year for one in portfolio)
    yearly = zip(budget.yearly_cny_million, spent.values(), strict=False)
    within = all(paid <= ceiling + 1e-6 for ceiling, paid in yearly)
    return within and sum(spent.values()) <= budget.total_cny_million + 1e-6


def test_candidates_are_chosen_as_often_as_brute_force_chooses_them() -> None:
    values = samples(assumptions(study()), OPTIMISED, SEED)
    chosen = [{one.candidate for one in brute_force(varied(study(), one))} for one in values]
    assert sure().optimised == OPTIMISED
    assert sure().chosen_share == {
        one: sum(one in those for those in chosen) / OPTIMISED for one in study().candidates
    }
    assert sum(sure().chosen_share.values()) > 0


def test_swings_are_one_assumption_at_a_time_largest_first() -> None:
    found = sure()
    assert found.outcome == "cost_per_ms_cny_million"
    assert {swing.assumption for swing in found.swings} == {one.name for one in assumptions(study())}
    estimate = evaluate(study(), answer().portfolio).cost_per_ms_cny_million
    assert estimate is not None
    sizes = []
    for swing in found.swings:
        for end, outcome, first in (
            (swing.low, swing.outcome_at_low, swing.first_at_low),
            (swing.high, swing.outcome_at_high, swing.first_at_high),
        ):
            other = varied(study(), {swing.assumption: end})
            assert outcome == evaluate(other, answer().portfolio).cost_per_ms_cny_million
            assert first == ranked(other)[0]
        outcomes = swing.outcome_at_low, estimate, swing.outcome_at_high
        sizes.append(max(outcomes) - min(outcomes))
    assert sizes == sorted(sizes, reverse=True)
    assert len({swing.first_at_high for swing in found.swings}) > 1  # one of them turns the ranking


def test_the_same_on_any_number_of_workers_and_under_any_hash_seed() -> None:
    script = (
        "from experiments.proposals.document import load_study\n"
        "from experiments.proposals.portfolio import best\n"
        "from experiments.proposals.sweep import Sweep\n"
        "from experiments.proposals.uncertainty import sureness\n"
        "study = load_study('tiny-candidates')\n"
        "with Sweep(3) as sweep:\n"
        f"    numbers = {{'samples': {SAMPLES}, 'optimised': {OPTIMISED}, 'seed': {SEED}}}\n"
        "    print(repr(sureness(study, best(study), sweep, **numbers)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{sure()!r}\n"


def test_what_was_sampled_before_is_not_sampled_again(tmp_path: Path) -> None:
    said: list[str] = []
    for samples_, known in ((4, 0), (4, 4)):
        said.clear()
        sureness(study(), answer(), Sweep(1), samples=samples_, optimised=1, say=said.append, store=tmp_path)
        assert any(
            f"samples of all assumptions: 4{f', {known} known' if known else ''}" in one for one in said
        )


def test_without_doubt_everything_is_sure() -> None:
    asked = varied(study(), {one.name: one.figure.value for one in assumptions(study())})
    found = sureness(asked, answer(), Sweep(1))
    assert found.swings == ()
    assert all(one.p5 == one.p50 == one.p95 == one.best_estimate for one in found.intervals)
    chosen = {one.candidate for one in answer().portfolio}
    assert found.chosen_share == {one: float(one in chosen) for one in asked.candidates}
    assert sum(found.first_share.values()) == 1


def test_a_portfolio_of_nothing_has_no_cost_per_ms() -> None:
    found = sureness(study(), Best(0, (), 0, 0, Proof.OPTIMAL), Sweep(1), samples=3, optimised=1)
    names = [interval.name for interval in found.intervals]
    assert "delay_saved" in names
    assert "cost_per_ms_cny_million" not in names
    assert "payback_years" not in names
    assert found.outcome == "delay_saved"


def test_what_does_not_pay_for_itself_counts_as_thirty_years() -> None:
    nothing_saved = {"transit_cny_million_per_gbps_year": 0.0, "settlement_cny_million_per_gbps_year": 0.0}
    free = replace(
        study(),
        figures={
            name: Figure(nothing_saved[name], 0, 1) if name in nothing_saved else figure
            for name, figure in study().figures.items()
        },
    )
    assert evaluate(free, answer().portfolio).payback_years is None
    assert sample(free, answer().portfolio, {}).headlines["payback_years"] == 30


def test_numbers_that_make_no_sense() -> None:
    with pytest.raises(InputError) as caught:
        sureness(study(), answer(), Sweep(1), samples=0, optimised=-1, seed=-1)
    assert [problem.where for problem in caught.value.problems] == ["--samples", "--optimised", "--seed"]
