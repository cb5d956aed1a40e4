"""Flows of minimum cost, against every path of tiny networks, networkx, and what must hold of any network."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.document import load_study, study_names
from experiments.proposals.findings import Choice
from experiments.proposals.flow import Flows, delay_saved
from experiments.proposals.flow.roots import roots_of
from experiments.proposals.model import StudyDemand
from tests.controller.strategies import network_of
from tests.experiments.proposals.flow_certificates import (
    assert_optimal,
    cost_over_all_paths,
    directed,
    open_to,
)
from tests.experiments.proposals.flow_studies import FIRST_YEAR, all_of, certain, studies, study_of
from topology.errors import InputError

CLOSE = 1e-9
FEWER = settings(max_examples=40)


@FEWER
@given(studies())
def test_the_programme_is_optimal_by_its_own_prices(study):
    flows = Flows(study)
    for built in ({}, {one.candidate: one.capacity_gbps for one in all_of(study)}):
        for year in range(study.years):
            if flows.rates.pairs:
                assert_optimal(flows, built, year)


@FEWER
@given(studies())
def test_paths_carry_all_that_is_served_at_the_least_cost(study):
    flows = Flows(study)
    for built in ({}, {one.candidate: one.capacity_gbps for one in all_of(study)}):
        routed, arcs = flows.routed(built, 0), flows.arcs
        loads = np.zeros(len(arcs.tail))
        cost = [float(routed.unserved_gbps.sum()) * flows.unserved_ms]
        for number, (source, destination) in enumerate(flows.rates.pairs):
            carried = 0.0
            for route in routed.routes[number]:
                sites = [int(arcs.tail[route.arcs[0]]), *(int(arcs.head[arc]) for arc in route.arcs)]
                assert [int(arcs.tail[arc]) for arc in route.arcs] == sites[:-1]
                assert (sites[0], sites[-1]) == (source, destination)
                assert len(set(sites)) == len(sites)
                assert all(arcs.carries_transit[site] for site in sites[1:-1])
                cost.append(route.gbps * float(arcs.latency_ms[list(route.arcs)].sum()))
                loads[list(route.arcs)] += route.gbps
                carried += route.gbps
            assert carried + routed.unserved_gbps[number] == pytest.approx(flows.rates.gbps[0, number])
        assert (loads <= np.repeat(arcs.capacities_gbps(built), 2) + 1e-7).all()
        assert (loads <= routed.loads_gbps + 1e-7).all()
        assert sum(cost) == pytest.approx(flows.cost(built, 0), rel=1e-7)


def test_among_equal_delays_fewest_hops_then_links_that_are_there():
    """4 Gbit/s on links of 3: ``a`` to ``d`` in 2 ms straight, over ``b``, or over a candidate."""
    base = network_of("abd", [("a", "b", 1.0, 3.0), ("b", "d", 1.0, 3.0), ("a", "d", 2.0, 1.0)])
    study = study_of(
        base, {"new": ("a", "b", 1.0, [3.0]), "straight": ("a", "d", 2.0, [2.0])}, [("a", "d", 4.0)]
    )

    def carried(**built: float) -> dict[tuple[str, ...], float]:
        flows = Flows(study)
        [routes] = flows.routed(built, 0).routes
        return {tuple(flows.arcs.links[arc // 2].id for arc in route.arcs): route.gbps for route in routes}

    assert carried(new=3.0) == pytest.approx({("a--d",): 1.0, ("a--b", "b--d"): 3.0})
    assert carried(straight=2.0) == pytest.approx({("a--d",): 1.0, ("straight",): 2.0, ("a--b", "b--d"): 1.0})


@FEWER
@given(studies(), st.data())
def test_prices_bound_what_other_capacities_could_save(study, data):
    flows, everything = Flows(study), all_of(study)
    subset = st.lists(st.sampled_from(everything), unique=True) if everything else st.just([])
    here, there = ({one.candidate: one.capacity_gbps for one in data.draw(subset)} for _ in range(2))
    solution = flows.solve(here, 0)
    grown = flows.arcs.capacities_gbps(there) - flows.arcs.capacities_gbps(here)
    least = solution.cost - float(solution.prices_ms @ np.repeat(grown, 2))
    assert flows.cost(there, 0) >= least - 1e-9 * (1 + solution.cost)


@FEWER
@given(studies(), st.data())
def test_one_commodity_alone_as_networkx_has_it(study, data):
    """In whole numbers: a network simplex of its own, not linear programming."""
    demand = data.draw(st.sampled_from(study.demands)).demand
    flows = Flows(replace(study, demands=(StudyDemand(replace(demand, rate_gbps=7.0), certain(0.0)),)))
    source, destination = demand.source, demand.destination
    if source != destination:
        graph = open_to(flows, directed(flows, {}), source, destination)
        simple = nx.DiGraph()
        for a, b, entry in graph.edges(data=True):
            simple.add_edge(a, b, capacity=int(entry["capacity"]), weight=round(entry["latency"] * 1000))
        simple.add_edge(source, "nowhere", capacity=7, weight=0)
        simple.add_edge("nowhere", destination, capacity=7, weight=100 * 1000)
        simple.add_node(source, demand=-7)
        simple.add_node(destination, demand=7)
        assert flows.cost({}, 0) == pytest.approx(nx.min_cost_flow_cost(simple) / 1000, rel=CLOSE)


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies_are_optimal_by_their_own_prices(name):
    study = load_study(name)
    flows, candidates = Flows(study), list(study.candidates.values())
    for chosen in ([], candidates[:1], candidates[1:4], candidates):
        built = {one.id: one.capacity_steps_gbps[0] for one in chosen}
        for year in range(study.years):
            assert_optimal(flows, built, year)


@FEWER
@given(studies(max_sites=5))
def test_cost_equals_that_over_all_paths(study):
    flows = Flows(study)
    for built in ({}, {one.candidate: one.capacity_gbps for one in all_of(study)}):
        for year in range(study.years):
            assert flows.cost(built, year) == pytest.approx(
                cost_over_all_paths(flows, built, year), rel=CLOSE
            )


@FEWER
@given(studies(), st.data())
def test_a_link_more_never_costs_more(study, data):
    everything = all_of(study)
    fewer = data.draw(st.lists(st.sampled_from(everything), unique=True)) if everything else []
    assert 0 <= delay_saved(study, fewer) <= delay_saved(study, everything) * (1 + CLOSE) + CLOSE


@FEWER
@given(studies())
def test_a_link_beyond_all_patience_saves_exactly_nothing(study):
    a, b, *_ = study.base.sites
    slow = replace(study, candidates=study_of(study.base, {"slow": (a, b, 150.0, [5.0])}, []).candidates)
    assert delay_saved(slow, all_of(slow)) == 0.0


def test_traffic_of_a_hub_is_gathered_there():
    hub = [(0, 1), (2, 0), (0, 3), (3, 0), (1, 0), (2, 3)]
    assert [(root.site, root.towards, root.pairs) for root in roots_of(hub)] == [
        (0, True, (1, 3, 4)),
        (0, False, (0, 2)),
        (2, False, (5,)),
    ]


@FEWER
@given(studies())
def test_an_answer_does_not_depend_on_those_before(study):
    everything = all_of(study)
    asked_first = Flows(study).delay_saved(everything)
    after_others = Flows(study)
    for choice in everything:
        after_others.delay_saved([choice])
    assert after_others.delay_saved(everything) == asked_first
    assert Flows(study).delay_saved(reversed(everything)) == asked_first


def square(rate: float, capacity: float = 100.0):
    """``a`` to ``d`` over ``b`` in 2 ms or over ``c`` in 4 ms; a candidate straight there in 1 ms."""
    base = network_of(
        "abcd",
        [("a", "b", 1.0, capacity), ("b", "d", 1.0, capacity), ("a", "c", 2.0, 100), ("c", "d", 2.0, 100)],
    )
    return study_of(base, {"direct": ("a", "d", 1.0, [10.0, 40.0])}, [("a", "d", rate)], years=2)


def test_everything_on_the_new_link():
    assert delay_saved(square(8.0), [Choice("direct", 10.0, FIRST_YEAR)]) == pytest.approx(2 * 8.0 * 1.0)


def test_only_years_in_service_count():
    study = square(8.0)
    assert delay_saved(study, [Choice("direct", 10.0, FIRST_YEAR + 1)]) == pytest.approx(8.0)
    assert delay_saved(study, [Choice("direct", 10.0, FIRST_YEAR + 2)]) == 0.0
    assert delay_saved(study, []) == 0.0


def test_a_full_link_carries_what_it_can():
    study = square(30.0)
    assert delay_saved(study, [Choice("direct", 10.0, FIRST_YEAR)]) == pytest.approx(2 * 10.0 * 1.0)
    assert delay_saved(study, [Choice("direct", 40.0, FIRST_YEAR)]) == pytest.approx(2 * 30.0 * 1.0)


def test_the_base_spills_over_to_the_longer_way_and_then_finds_no_place():
    flows = Flows(square(130.0, capacity=20.0))
    assert flows.cost({}, 0) == pytest.approx(20 * 2 + 100 * 4 + 10 * 100)
    assert flows.cost({"direct": 10.0}, 0) == pytest.approx(10 * 1 + 20 * 2 + 100 * 4)


def test_later_than_unserved_is_unserved():
    base = network_of("ab", [("a", "b", 150.0, 10.0)])
    assert Flows(study_of(base, {}, [("a", "b", 2.0)])).cost({}, 0) == pytest.approx(200.0)


def test_a_site_without_transit_is_never_crossed():
    base = network_of("abc", [("a", "b", 1.0, 10.0), ("b", "c", 1.0, 10.0)], no_transit="b")
    flows = Flows(study_of(base, {}, [("a", "c", 1.0), ("a", "b", 20.0)]))
    assert flows.cost({}, 0) == pytest.approx(100.0 + 10 * 1.0 + 10 * 100.0)


def test_demands_of_both_directions_do_not_share_capacity():
    base = network_of("ab", [("a", "b", 1.0, 10.0)])
    assert Flows(study_of(base, {}, [("a", "b", 10.0), ("b", "a", 10.0)])).cost({}, 0) == pytest.approx(20.0)


def test_nothing_to_route():
    base = network_of("ab", [("a", "b", 1.0, 10.0)])
    assert delay_saved(study_of(base, {"new": ("a", "b", 0.5, [10.0])}, [("a", "a", 5.0)]), []) == 0.0


@pytest.mark.parametrize(
    "portfolio",
    [
        [Choice("elsewhere", 10.0, FIRST_YEAR)],
        [Choice("direct", 10.0, FIRST_YEAR), Choice("direct", 40.0, FIRST_YEAR)],
    ],
)
def test_portfolios_that_are_none(portfolio):
    with pytest.raises(InputError):
        delay_saved(square(1.0), portfolio)
