"""What candidates cost, against sums made by hand and against what must hold of any figures."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.proposals.building import route_km
from experiments.proposals.costs import (
    build_cny_million,
    choice_cost,
    cost_parts,
    decision_year,
    portfolio_cost,
    spending_cny_million,
    yearly_cny_million,
)
from experiments.proposals.document import load_study
from experiments.proposals.document.sense import why_nothing_fits
from experiments.proposals.findings import Choice, Cost
from experiments.proposals.model import Budget, Figure, Study

TINY = load_study("tiny-candidates")
QINGYANG = load_study("qingyang-candidates")


def with_figures(study: Study, **values: float) -> Study:
    """The study with other figures, as a sample of them."""
    figures = {name: replace(study.figures[name], value=value) for name, value in values.items()}
    return replace(study, figures={**study.figures, **figures})


def certain(value: float) -> Figure:
    return Figure(value, value, value)


def test_a_new_cable_by_hand() -> None:
    """319.0 km of cable at 0.235, three amplifiers (four spans of 80 km), one wave of 100 Gbit/s."""
    parts = cost_parts(TINY, TINY.candidates["to-xian"], 100)
    assert (parts.waves, parts.amplifier_sites, parts.stated) == (1, 3, False)
    assert parts.route_cny_million == pytest.approx(319.0 * 0.235, rel=1e-4)
    assert parts.build_cny_million == pytest.approx(319.0 * 0.235 + 3 + 1, rel=1e-4)


def test_existing_fibre_by_hand() -> None:
    """The links' 2266.315 km of a pair at 0.03, 28 amplifiers, two waves of 100 Gbit/s."""
    old = TINY.candidates["lanzhou-beijing"]
    assert build_cny_million(TINY, old, 200) == pytest.approx(2266.315 * 0.03 + 28 + 2)
    assert build_cny_million(TINY, old, 101) == build_cny_million(TINY, old, 200)  # a wave begun is a wave
    assert yearly_cny_million(TINY, old, 200) == pytest.approx((2266.315 * 0.03 + 30) * 0.05)


def test_the_cable_to_xian_costs_what_the_scenario_of_that_name_says() -> None:
    """CNY 75 million, in ``qingyang-xian``: the cable alone."""
    assert cost_parts(QINGYANG, QINGYANG.candidates["xian"], 400).route_cny_million == pytest.approx(
        75, abs=0.1
    )


def test_a_length_of_whole_spans_has_no_amplifier_at_its_end() -> None:
    candidate = replace(TINY.candidates["to-xian"], route_km=400.0, follows_route_factor=False)
    assert cost_parts(TINY, candidate, 100).amplifier_sites == 4
    assert cost_parts(TINY, replace(candidate, route_km=400.000001), 100).amplifier_sites == 4
    assert cost_parts(TINY, replace(candidate, route_km=400.1), 100).amplifier_sites == 5
    assert cost_parts(TINY, replace(candidate, route_km=0.0), 100).amplifier_sites == 0
    assert cost_parts(TINY, replace(candidate, route_km=79.0), 100).amplifier_sites == 0


def test_a_stated_cost_is_that_of_the_first_step() -> None:
    stated = replace(
        TINY.candidates["to-xian"], build_cny_million=certain(50.0), yearly_cny_million=certain(4.0)
    )
    study = replace(TINY, candidates={**TINY.candidates, "to-xian": stated})
    assert build_cny_million(study, stated, 100) == 50
    assert build_cny_million(study, stated, 400) == 50 + 3 * 1
    assert yearly_cny_million(study, stated, 100) == 4
    assert yearly_cny_million(study, stated, 400) == pytest.approx(4 + 3 * 1 * 0.05)
    assert yearly_cny_million(study, replace(stated, yearly_cny_million=None), 400) == pytest.approx(
        53 * 0.05
    )


def test_present_value_by_hand() -> None:
    """Decided in 2025, in service from 2026: built at once, three years of operation until 2028, at 8 %."""
    cost = choice_cost(TINY, Choice("to-beijing", 100, 2026))
    operation = 1 / 1.08 + 1 / 1.08**2 + 1 / 1.08**3
    assert cost.present_value_cny_million == pytest.approx(
        cost.build_cny_million + cost.yearly_cny_million * operation
    )
    later = choice_cost(TINY, Choice("to-beijing", 100, 2028))
    assert later.build_cny_million == cost.build_cny_million
    assert later.present_value_cny_million == pytest.approx(
        cost.build_cny_million / 1.08**2 + cost.yearly_cny_million / 1.08**3
    )


def test_building_is_paid_when_it_is_decided() -> None:
    portfolio = (Choice("to-xian", 100, 2027), Choice("lanzhou-beijing", 200, 2025))
    assert [decision_year(TINY, choice) for choice in portfolio] == [2026, 2025]
    spent = spending_cny_million(TINY, portfolio)
    assert list(spent) == [2025, 2026, 2027, 2028]
    assert spent[2026] == build_cny_million(TINY, TINY.candidates["to-xian"], 100)
    assert sum(spent.values()) == pytest.approx(portfolio_cost(TINY, portfolio).build_cny_million)


def test_a_portfolio_costs_the_sum_in_any_order() -> None:
    choices = [
        Choice("to-xian", 100, 2027),
        Choice("to-beijing", 200, 2026),
        Choice("lanzhou-beijing", 100, 2025),
    ]
    costs = [choice_cost(TINY, choice) for choice in choices]
    together = portfolio_cost(TINY, choices)
    assert together == portfolio_cost(TINY, choices[::-1])  # to the last bit
    assert together.build_cny_million == pytest.approx(sum(cost.build_cny_million for cost in costs))
    assert portfolio_cost(TINY, ()) == Cost(0, 0, 0)


def test_other_figures_of_a_study_are_followed() -> None:
    candidate = TINY.candidates["to-beijing"]
    longer = with_figures(TINY, route_factor=2.0)
    assert cost_parts(longer, candidate, 100).route_km == pytest.approx(
        candidate.route_km * 2 / 1.6, rel=1e-6
    )
    dearer = with_figures(TINY, wave_cny_million=7.0, wave_gbps=50.0)
    assert cost_parts(dearer, candidate, 200).waves_cny_million == 28
    assert build_cny_million(TINY, candidate, 100) == build_cny_million(
        load_study("tiny-candidates"), candidate, 100
    )


@given(
    st.sampled_from(list(QINGYANG.candidates.values())),
    st.floats(1.0, 2.5),
    st.floats(0, 1),
    st.floats(0, 10),
    st.floats(20, 200),
    st.floats(1, 3000),
    st.floats(1, 3000),
)
def test_more_is_never_cheaper(candidate, factor, per_km, wave, spacing, one_gbps, other_gbps) -> None:  # type: ignore[no-untyped-def]
    study = with_figures(
        QINGYANG,
        route_factor=factor,
        existing_fibre_cny_million_per_km=per_km,
        wave_cny_million=wave,
        amplifier_spacing_km=spacing,
    )
    small, large = sorted((one_gbps, other_gbps))
    assert build_cny_million(study, candidate, small) <= build_cny_million(study, candidate, large)
    longer = with_figures(study, route_factor=factor + 0.1)
    assert build_cny_million(study, candidate, small) <= build_cny_million(longer, candidate, small)
    parts = cost_parts(study, candidate, large)
    assert parts.amplifier_sites == max(0, ceil(route_km(study, candidate) / spacing - 1e-6) - 1)
    choice = Choice(candidate.id, large, study.first_year + candidate.lead_time_years)
    cost = choice_cost(study, choice)
    most = cost.build_cny_million + cost.yearly_cny_million * study.years
    assert cost.build_cny_million <= cost.present_value_cny_million <= most + 1e-9


def test_a_budget_that_buys_nothing_says_so() -> None:
    assert why_nothing_fits(TINY, Budget(61.2)) == ""
    assert "'to-beijing' at 100 Gbit/s, costs 61.1" in why_nothing_fits(TINY, Budget(61.0))
    assert why_nothing_fits(TINY, Budget(100, (0, 0, 62, 0))) == ""
    # to-beijing takes a year: what is decided in 2028 is never in service
    assert "no year's ceiling" in why_nothing_fits(TINY, Budget(100, (0, 0, 0, 62)))
