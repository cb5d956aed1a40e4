"""The best portfolio against every portfolio there is; ties, yearly budgets, lead times, empty answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.document import load_study
from experiments.proposals.findings import Choice, Proof
from experiments.proposals.flow import flows_of
from experiments.proposals.model import Budget, Study
from experiments.proposals.portfolio import Emptiness, best, why_empty
from tests.controller.strategies import network_of
from tests.experiments.proposals.flow_studies import FIRST_YEAR, studies, study_of
from tests.experiments.proposals.portfolio_brute import best_of, fits, saved


def star(*, budget: float = 1000.0, yearly: tuple[float, ...] = (), years: int = 1) -> Study:
    """A hub behind one slow link, three metros, a candidate to each; 1 ms of cable costs 40 CNY million."""
    base = network_of(
        ["hub", "core", "m1", "m2", "m3"],
        [("hub", "core", 5.0, 100.0), *((("core"), m, 1.0, 100.0) for m in ("m1", "m2", "m3"))],
    )
    study = study_of(
        base,
        {
            "c1": ("hub", "m1", 1.0, [10.0, 400.0]),
            "c2": ("hub", "m2", 2.0, [10.0, 400.0]),
            "c3": ("hub", "m3", 2.0, [10.0, 400.0]),
        },
        [("m1", "hub", 10.0), ("m2", "hub", 10.0), ("hub", "m3", 10.0)],
        growth=0.5,
        years=years,
    )
    return replace(study, budget=Budget(budget, yearly))


def with_steps(study: Study, steps: tuple[float, ...], leads: tuple[int, ...]) -> Study:
    """The study with further capacities, and lead times in turn."""
    changed = {
        one.id: replace(
            one,
            capacity_steps_gbps=tuple(sorted({*one.capacity_steps_gbps, *steps})),
            lead_time_years=leads[number % len(leads)],
        )
        for number, one in enumerate(study.candidates.values())
    }
    return replace(study, candidates=changed)


def agrees(study: Study, budget: float) -> None:
    """The answer is that of trying everything."""
    found, (portfolio, value) = best(study, budget), best_of(study, budget)
    assert found.proof is Proof.OPTIMAL
    assert found.delay_saved == pytest.approx(value, rel=1e-6, abs=1e-9)
    assert found.bound >= value * (1 - 1e-6)
    assert found.portfolio == portfolio
    assert fits(study, found.portfolio, budget)


@pytest.mark.parametrize("budget", [0.0, 50.0, 90.0, 100.0, 130.0, 175.0, 190.0, 230.0, 1000.0])
def test_as_good_as_trying_everything(budget: float) -> None:
    agrees(star(years=2), budget)


@pytest.mark.parametrize("yearly", [(60.0, 60.0, 200.0), (200.0, 0.0, 95.0), (0.0, 0.0, 60.0)])
def test_yearly_budgets_decide_when(yearly: tuple[float, ...]) -> None:
    study = with_steps(star(years=3, yearly=yearly), (), (0, 1, 0))
    for budget in (100.0, 180.0, 400.0):
        agrees(study, budget)


@settings(max_examples=60)
@given(studies(max_sites=5), st.data())
def test_as_good_as_trying_everything_on_any_small_study(study: Study, data: st.DataObject) -> None:
    steps = data.draw(st.sampled_from([(), (2.5,), (1.0, 50.0)]))
    leads = data.draw(st.sampled_from([(0,), (1,), (0, 1)]))
    study = with_steps(study, steps if len(study.candidates) < 4 else (), leads)
    if data.draw(st.booleans()):
        ceilings = st.sampled_from([0.0, 30.0, 120.0, 500.0])
        yearly = tuple(data.draw(ceilings) for _ in range(study.years))
        study = replace(study, budget=Budget(1000.0, yearly))
    agrees(study, data.draw(st.sampled_from([0.0, 25.0, 110.0, 300.0, 3000.0])))


def test_fewest_links_of_equals_then_the_first() -> None:
    base = network_of(["a", "b", "c"], [("a", "b", 5.0, 100.0), ("b", "c", 1.0, 100.0)])
    twins = {name: ("a", "b", 1.0, [100.0]) for name in ("x", "y", "z")}
    study = study_of(base, twins, [("a", "c", 10.0)])
    assert best(study).portfolio == (Choice("x", 100.0, FIRST_YEAR),)


def test_a_capacity_that_is_never_filled_is_not_paid_for() -> None:
    found = best(star(), 1000.0)
    assert {choice.capacity_gbps for choice in found.portfolio} == {10.0}
    later = best(star(years=2), 1000.0)
    assert {choice.capacity_gbps for choice in later.portfolio} == {400.0}


def test_lead_time_delays_service() -> None:
    study = with_steps(star(years=3), (), (2,))
    assert {choice.year for choice in best(study).portfolio} == {FIRST_YEAR + 2}


def test_too_small_a_budget_says_what_it_takes() -> None:
    study = star(budget=10.0)
    assert best(study).portfolio == ()
    why = why_empty(study)
    assert why.reason is Emptiness.BUDGET
    assert why.cheapest == Choice("c1", 10.0, FIRST_YEAR)
    assert why.least_budget_cny_million == pytest.approx(46.0)  # 200 km of cable, 2 amplifiers, a wave
    assert best(study, 46.0).portfolio == (why.cheapest,)


def test_yearly_budgets_too_small_for_anything() -> None:
    study = star(budget=1000.0, yearly=(40.0,))
    assert best(study).portfolio == ()
    assert why_empty(study).reason is Emptiness.BUDGET


def test_nothing_in_service_in_time() -> None:
    study = with_steps(star(), (), (1,))
    assert best(study).portfolio == ()
    assert why_empty(study).reason is Emptiness.HORIZON


def test_nothing_to_gain() -> None:
    base = network_of(["a", "b", "c"], [("a", "b", 1.0, 100.0), ("b", "c", 1.0, 100.0)])
    study = study_of(base, {"slow": ("a", "c", 9.0, [100.0])}, [("a", "c", 10.0)])
    found = best(study)
    assert (found.portfolio, found.delay_saved, found.bound) == ((), 0.0, 0.0)
    assert why_empty(study).reason is Emptiness.NO_GAIN


def test_demands_without_capacity_are_given_some() -> None:
    base = network_of(["a", "b", "c"], [("a", "b", 1.0, 10.0)])
    study = study_of(
        base,
        {"more": ("a", "b", 3.0, [15.0]), "first": ("b", "c", 1.0, [5.0])},
        [("a", "b", 20.0), ("a", "c", 5.0)],
    )
    found = best(study)
    assert [choice.candidate for choice in found.portfolio] == ["more", "first"]
    # 10 that did not fit and 5 without a way were 100 ms late. Now 15 take the 3 ms, and 5 the 1 ms besides.
    assert found.delay_saved == pytest.approx(15 * 100 - 15 * 3 - 5 * 1)


def test_no_demands() -> None:
    study = replace(star(), demands=())
    assert best(study).portfolio == ()
    assert why_empty(study).reason is Emptiness.NO_GAIN


def test_out_of_time_states_a_bound() -> None:
    found = best(star(years=3), 190.0, seconds=0.0)
    assert found.proof is Proof.GAP
    assert found.bound >= best(star(years=3), 190.0).delay_saved


def test_as_good_as_every_affordable_set_of_the_shipped_study() -> None:
    study = load_study("qingyang-candidates")
    firsts = {
        c.id: replace(c, capacity_steps_gbps=c.capacity_steps_gbps[:1]) for c in study.candidates.values()
    }
    study = replace(study, candidates=firsts, budget=Budget(study.budget.total_cny_million))
    earliest = [
        Choice(c.id, c.capacity_steps_gbps[0], study.first_year + c.lead_time_years) for c in firsts.values()
    ]
    sets = chain.from_iterable(combinations(earliest, count) for count in range(5))
    values = {p: saved(study, p) for p in sets if fits(study, p, study.budget.total_cny_million)}
    assert not any(fits(study, p, study.budget.total_cny_million) for p in combinations(earliest, 5)), (
        "more sets would have to be tried"
    )
    found = best(study)
    assert len(values) > 100
    assert found.portfolio == max(values, key=lambda portfolio: values[portfolio])
    assert found.delay_saved == max(values.values())


def test_the_shipped_study_is_solved() -> None:
    study = load_study("qingyang-candidates")
    found = best(study)
    assert found.proof is Proof.OPTIMAL
    assert found.delay_saved == flows_of(study).delay_saved(found.portfolio)
    assert fits(study, found.portfolio, study.budget.total_cny_million)
