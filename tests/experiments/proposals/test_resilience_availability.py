"""Availability and expected loss against the enumeration of all states with networkx."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings

from experiments.proposals.building import with_portfolio
from experiments.proposals.document import load_study
from experiments.proposals.findings import Choice
from experiments.proposals.resilience import (
    FailureRates,
    Losses,
    engines,
    expected_lost,
    last_demands,
    resilience,
    states,
)
from experiments.proposals.resilience.built import with_candidates
from experiments.proposals.resilience.failures import elements
from experiments.proposals.resilience.rates import HOURS_PER_YEAR, common_km, unavailability
from experiments.proposals.resilience.wiring import wiring
from tests.controller.strategies import network_of
from tests.experiments.proposals.failure_oracle import delays_ns, links_down, risky_networks
from topology.network import Demand, Network, TrafficClass

RATES = FailureRates(
    cuts_per_1000km_year=40.0, cut_repair_hours=24.0, site_failures_per_year=2.0, site_repair_hours=24.0
)


def exactly(network: Network) -> dict[tuple[str, str], float]:
    """Availability of every pair, state by state."""
    chosen = elements(network, wiring(network))
    down = unavailability(network, chosen, RATES).tolist()
    found = {(a, b): 0.0 for a in network.sites for b in network.sites}
    for state in product((False, True), repeat=len(down)):
        failed = [name for name, is_down in zip(chosen.names, state, strict=True) if is_down]
        probability = 1.0
        for share, is_down in zip(down, state, strict=True):
            probability *= share if is_down else 1 - share
        for pair in delays_ns(network, links_down(network, failed)):
            found[pair] += probability
    return found


@given(network=risky_networks(max_sites=4))
@settings(max_examples=8)
def test_few_elements_are_exact_and_many_within_the_stated_error(network: Network) -> None:
    expected = exactly(network)
    pairs = [pair for pair in expected if pair[0] < pair[1]]
    down = unavailability(network, elements(network, wiring(network)), RATES)
    demands = list(network.demands.values())
    for most, too_good, too_bad in ((12, 1e-12, 1e-12), (0, 1.0, 3.0)):
        allowed = 1e-12 if most else states.beyond_doubles(down)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(states, "EXACT", most)
            found = resilience(network, demands, RATES, pairs)
        assert found.beyond_doubles == (0.0 if len(down) <= most else states.beyond_doubles(down))
        for name, share in found.availability.items():
            a, b = name.split(" > ")
            assert -too_bad * allowed - 1e-12 <= share - expected[a, b] <= too_good * allowed + 1e-12
        lost = sum(d.rate_gbps * (1 - found.availability[f"{d.source} > {d.destination}"]) for d in demands)
        assert found.expected_lost_gbps_hours_per_year == pytest.approx(lost * HOURS_PER_YEAR)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(states, "EXACT", most)
            assert expected_lost(network, demands, RATES) == pytest.approx(lost * HOURS_PER_YEAR)


def test_two_links_in_series_and_two_routes_in_parallel() -> None:
    """Sites that never fail: the textbook's formulas hold."""
    rates = replace(RATES, site_failures_per_year=0.0)
    network = network_of(
        "abcd", [("a", "b", 1.0, 10), ("b", "d", 2.0, 10), ("a", "c", 3.0, 10), ("c", "d", 4.0, 10)]
    )
    up = {
        link.id: 1 / (1 + 40 * link.route_km / 1000 * 24 / HOURS_PER_YEAR) for link in network.links.values()
    }
    upper, lower = up["a--b"] * up["b--d"], up["a--c"] * up["c--d"]
    demands = [Demand("x", "a", "d", 8.0, TrafficClass.BEST_EFFORT)]
    found = resilience(network, demands, rates)
    assert found.availability == {"a > d": pytest.approx(1 - (1 - upper) * (1 - lower), rel=1e-12)}


def test_links_of_a_group_fail_as_often_as_their_length_says() -> None:
    network = network_of("abc", [("a", "b", 1.0, 10), ("b", "c", 2.0, 10)])
    links = {key: replace(link, shared_risk_groups=("duct",)) for key, link in network.links.items()}
    shared = replace(network, links=links)
    assert common_km(shared) == {"duct": 200.0}
    chosen = elements(shared, wiring(shared), sites=False)
    assert chosen.names == ("a--b", "b--c", "group:duct")
    alone, rest, duct = unavailability(shared, chosen, RATES)
    assert alone == 0
    assert rest == duct > 0


def test_what_is_built_does_not_change_how_often_other_links_fail() -> None:
    study = load_study("qingyang-candidates")
    rates = FailureRates.of(study)
    alone, both = (with_candidates(study, names) for names in (["nanjing"], ["nanjing", "xian"]))
    shares = []
    for network in (alone, both):
        chosen = elements(network, wiring(network))
        shares.append(dict(zip(chosen.names, unavailability(network, chosen, rates).tolist(), strict=True)))
    assert shares[1].items() >= shares[0].items()


def test_every_portfolio_of_a_study_as_by_itself() -> None:
    study = load_study("tiny-candidates")
    losses, demands, rates = Losses(study), last_demands(study), FailureRates.of(study)
    for chosen in product((False, True), repeat=len(study.candidates)):
        names = [name for name, built in zip(study.candidates, chosen, strict=True) if built]
        network = with_portfolio(
            study, [Choice(n, study.candidates[n].capacity_steps_gbps[0], 1) for n in names]
        )
        assert losses.expected_lost(names) == pytest.approx(expected_lost(network, demands, rates), rel=1e-9)


def test_more_links_never_lose_more() -> None:
    study = load_study("qingyang-candidates")
    losses = Losses(study)
    chosen: list[str] = []
    before = losses.expected_lost(chosen)
    for name in study.candidates:
        chosen.append(name)
        after = losses.expected_lost(chosen)
        assert after <= before * (1 + 1e-9)
        before = after


def test_the_figures_of_the_page() -> None:
    study = load_study("qingyang-candidates")
    found = resilience(study.base, last_demands(study), FailureRates.of(study))
    page = (Path(__file__).parents[3] / "docs" / "proposals-resilience.md").read_text(encoding="utf-8")
    assert found.singles == 119
    assert f"{found.singles} elements" in page
    assert f"{found.beyond_doubles:.5f}" in page
    assert (states.EXACT, engines.LARGE) == (12, 150)
