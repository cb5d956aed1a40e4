"""Pareto fronts, the next yuan and interactions, against every portfolio there is."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.building import with_portfolio
from experiments.proposals.document import load_study
from experiments.proposals.findings import Best, Choice, Proof
from experiments.proposals.flow import delay_saved
from experiments.proposals.model import Budget, Study
from experiments.proposals.portfolio import (
    best,
    delay_front,
    interactions,
    next_yuan,
    pareto,
    resilience_front,
)
from experiments.proposals.resilience import FailureRates, expected_lost, last_demands
from tests.controller.strategies import network_of
from tests.experiments.proposals.flow_studies import FIRST_YEAR, studies, study_of
from tests.experiments.proposals.portfolio_brute import best_of, fits, portfolios, saved, yuan
from tests.experiments.proposals.test_portfolio import star

Front = list[tuple[int, float]]


def front_of(study: Study) -> Front:
    """Cost in yuan and delay saved of every point, by trying everything."""
    front: Front = [(0, 0.0)]
    worths = sorted((yuan(study, p), -saved(study, p)) for p in portfolios(study) if fits(study, p, 1e9))
    for cost, value in worths:
        if -value > front[-1][1] * (1 + 1e-6) + 1e-9:
            front = [*(front if cost > front[-1][0] else front[:-1]), (cost, -value)]
    return front


@pytest.mark.parametrize("yearly", [(), (60.0, 90.0)])
def test_the_front_of_a_small_study_has_all_points(yearly: tuple[float, ...]) -> None:
    study = star(years=2, yearly=yearly)
    found = delay_front(study, points=40)
    assert [(round(p.build_cny_million * 1e6), pytest.approx(p.value)) for p in found] == front_of(study)
    for point in found:
        assert point.value == pytest.approx(saved(study, point.portfolio))
        assert point.build_cny_million == pytest.approx(yuan(study, point.portfolio) / 1e6)
        assert fits(study, point.portfolio, 1e9)


@settings(max_examples=25)
@given(studies(max_sites=4))
def test_fronts_of_any_small_study(study: Study) -> None:
    found = delay_front(study, points=40)
    expected = front_of(study)
    assert [round(p.build_cny_million * 1e6) for p in found] == [cost for cost, _ in expected]
    assert [p.value for p in found] == pytest.approx([value for _, value in expected], rel=2e-6)


def test_a_selection_of_points_is_on_the_front_and_has_its_ends() -> None:
    study = star(years=2)
    every, some = front_of(study), delay_front(study, points=5)
    assert len(every) > len(some) == 5
    chosen = [(round(p.build_cny_million * 1e6), pytest.approx(p.value)) for p in some]
    assert all(point in every for point in chosen)
    assert chosen[0] == every[0]
    assert chosen[-1] == every[-1]


def test_the_resilience_front_is_that_of_all_sets() -> None:
    study = load_study("tiny-candidates")
    sets = chain.from_iterable(combinations(study.candidates, n) for n in range(4))
    tried = []
    for chosen in sets:
        built = [Choice(c, study.candidates[c].capacity_steps_gbps[0], 2026) for c in chosen]
        lost = expected_lost(with_portfolio(study, built), last_demands(study), FailureRates.of(study))
        tried.append((yuan(study, tuple(built)) / 1e6, lost))
    best_ones = [
        (c, v) for c, v in tried if not any(a <= c and b <= v and (a, b) != (c, v) for a, b in tried)
    ]
    found = [(p.build_cny_million, p.value) for p in resilience_front(study, resolution=0.0)]
    assert found == [pytest.approx(one) for one in sorted(best_ones)]


def test_resilience_keeps_yearly_budgets() -> None:
    study = load_study("tiny-candidates")
    tight = replace(study, budget=Budget(1000.0, (80.0, 80.0, 0.0, 100.0)))
    for point in resilience_front(tight):
        assert fits(tight, point.portfolio, 1000.0)
    assert {p.axis for p in pareto(tight)} == {"delay", "resilience"}


@pytest.mark.parametrize("budget", [10.0, 46.0, 100.0, 180.0, 1000.0])
def test_the_next_step_is_the_least(budget: float) -> None:
    study = star(years=2)
    chosen = best(study, budget)
    found = next_yuan(study, chosen)
    dearer = [(c, v) for c, v in front_of(study) if v > chosen.delay_saved * (1 + 3e-6) + 1e-9]
    if not dearer:
        assert (found.step_cny_million, found.gain) == (None, 0.0)
        assert "budget" not in found.binding
    else:
        cost, value = dearer[0]
        assert found.step_cny_million == pytest.approx(cost / 1e6 - budget)
        assert found.gain == pytest.approx(value - chosen.delay_saved)
        assert found.binding[0] == "budget"
        assert found.slope > 0


def test_a_yearly_budget_binds_if_without_it_more_is_saved() -> None:
    study = star(years=2, yearly=(50.0, 1000.0))
    found = next_yuan(study, best(study, 300.0))
    assert f"yearly budget {FIRST_YEAR}" in found.binding
    assert f"yearly budget {FIRST_YEAR + 1}" not in found.binding


def test_what_binds_is_named() -> None:
    base = network_of(["a", "b", "c"], [("a", "b", 1.0, 10.0), ("b", "c", 1.0, 100.0)])
    study = study_of(base, {"x": ("a", "c", 1.5, [5.0])}, [("a", "c", 30.0)], years=3)
    slow = {"x": replace(study.candidates["x"], lead_time_years=1)}
    found = next_yuan(study, best(replace(study, candidates=slow)))
    assert "capacity of x" in found.binding
    found = next_yuan(replace(study, candidates=slow), best(replace(study, candidates=slow)))
    assert {"capacity of a--b", "capacity of x", "lead time of x"} <= set(found.binding)
    assert "capacity of b--c" not in found.binding


def test_interactions_of_all_pairs() -> None:
    # Two links that only serve together, and one that serves the same traffic.
    base = network_of(["a", "b", "c"], [("a", "b", 50.0, 100.0), ("b", "c", 50.0, 100.0)])
    study = study_of(
        base,
        {"ab": ("a", "b", 1.0, [10.0]), "bc": ("b", "c", 1.0, [10.0]), "ac": ("a", "c", 2.0, [5.0, 10.0])},
        [("a", "c", 10.0)],
        unserved_ms=1000.0,
    )
    chosen = Best(1000.0, (Choice("ac", 10.0, FIRST_YEAR),), 0.0, 0.0, Proof.NONE)
    found = {(one.first, one.second): one for one in interactions(study, chosen)}
    assert list(found) == [("ab", "bc"), ("ab", "ac"), ("bc", "ac")]
    for (first, second), one in found.items():
        gbps = {"ab": 10.0, "bc": 10.0, "ac": 10.0}
        both = tuple(Choice(c, gbps[c], FIRST_YEAR) for c in (first, second))
        assert one.together == delay_saved(study, both)
        assert (one.first_alone, one.second_alone) == tuple(delay_saved(study, (each,)) for each in both)
    assert found["ab", "ac"].surplus == pytest.approx(-490.0)  # what ab saves alone


@settings(max_examples=10)
@given(studies(max_sites=4), st.sampled_from([40.0, 110.0, 250.0]))
def test_no_budget_below_the_step_saves_more(study: Study, budget: float) -> None:
    chosen = best(study, budget)
    found = next_yuan(study, chosen)
    if found.step_cny_million is not None:
        at, below = budget + found.step_cny_million, budget + found.step_cny_million - 1e-6
        assert best_of(study, at)[1] == pytest.approx(chosen.delay_saved + found.gain)
        assert best_of(study, below)[1] <= chosen.delay_saved * (1 + 4e-6) + 1e-9
