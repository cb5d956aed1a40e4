"""What a portfolio does: against the controller's own paths, brute force, and sums done by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from controller.paths import NANOSECONDS_PER_MS, least_delay_paths, link_latency_ns
from experiments.proposals.building import with_portfolio
from experiments.proposals.document import load_study, study_names
from experiments.proposals.evaluation import alone, alone_portfolio, delay_saved, evaluate, ranked
from experiments.proposals.evaluation.delays import Delays
from experiments.proposals.findings import Choice
from experiments.proposals.flow import Flows
from experiments.proposals.model import Target
from tests.controller.strategies import network_of
from tests.experiments.proposals.flow_studies import FIRST_YEAR, all_of, certain, studies, study_of
from topology.errors import InputError
from topology.network import Network, Routing, Text, TrafficClass

FEWER = settings(max_examples=40)


def built_of(study):
    return {one.candidate: one.capacity_gbps for one in all_of(study)}


def controller_paths(network: Network, without: frozenset[str] = frozenset()):
    return least_delay_paths(network, traffic_class=TrafficClass.COMPUTE, without_links=without)


def latency_ms(network: Network, path: tuple[str, ...]) -> float:
    return sum(link_latency_ns(network, link) for link in network.path_links(path)) / NANOSECONDS_PER_MS


def has_parallel_links(network: Network) -> bool:
    ends = [frozenset((link.a, link.b)) for link in network.links.values()]
    return len(set(ends)) < len(ends)


@FEWER
@given(studies())
def test_paths_are_the_controllers_own(study):
    network = with_portfolio(study, all_of(study))
    expected = controller_paths(network)
    delays = Delays(Flows(study), built_of(study))
    for source in network.sites:
        for destination in network.sites:
            way = delays.way(source, destination)
            if source != destination:
                assert (way.sites if way else None) == expected.get((source, destination))
                if way and not has_parallel_links(network):
                    assert way.one_way_ms == latency_ms(network, way.sites)
                    assert [network.links[delays._arcs.links[n].id] for n in way.links] == [
                        *network.path_links(way.sites)
                    ]


@FEWER
@given(studies())
def test_the_worst_cut_is_the_worst_of_all_cuts(study):
    network = with_portfolio(study, all_of(study))
    if has_parallel_links(network):
        return
    first, *others = network.sites
    target = Target("t", Text("t", "t"), first, tuple(others[:2]), 5.0)
    worst: float | None = 0.0
    for cut in (frozenset(), *(frozenset([link]) for link in network.links)):
        paths = controller_paths(network, cut)
        for destination in target.destinations:
            if (first, destination) not in paths:
                worst = None
            elif worst is not None:
                worst = max(worst, latency_ms(network, paths[first, destination]))
    assert Delays(Flows(study), built_of(study)).slowest_with_a_cut_ms(target) == worst


def with_operators(network: Network, links: dict[str, str], sites: dict[str, str]) -> Network:
    return replace(
        network,
        routing=Routing(),  # no link is narrow
        links={key: replace(link, operator=links.get(key, "")) for key, link in network.links.items()},
        sites={key: replace(site, operator=sites.get(key, "")) for key, site in network.sites.items()},
    )


def carriers():
    """``q`` hangs on one carrier's ``x``; ``b`` on the other's ``y``; they meet at ``i``."""
    base = network_of(
        "qxiyb", [("q", "x", 2.0, 10), ("x", "i", 1.0, 10), ("i", "y", 1.0, 10), ("y", "b", 1.0, 10)]
    )
    base = with_operators(base, {"q--x": "one", "y--b": "two"}, {"x": "one", "y": "two"})
    return study_of(
        base,
        {
            "direct": ("q", "b", 2.0, [4.0, 10.0]),
            "short": ("q", "i", 2.5, [10.0]),
            "vain": ("x", "y", 9.0, [10.0]),
        },
        [("q", "b", 2.0), ("b", "q", 3.0), ("q", "x", 1.0)],
        growth=1.0,
        years=2,
        targets=[
            Target("fast", Text("", ""), "q", ("b",), 4.0),
            Target("safe", Text("", ""), "q", ("b", "x"), 20.0, survives_single_cut=True),
        ],
        unserved_ms=100.0,
    )


def test_a_direct_link_in_every_figure():
    """Two years, rates double: 6 and 12 Gbit/s. 2 + 3 Gbit/s of q-b go straight: 4 and 4 + 4 of 4 Gbit/s."""
    found = evaluate(carriers(), (Choice("direct", 4.0, FIRST_YEAR),))
    # Year 1: 5 Gbit/s save 3 ms. Year 2: 4 of 4 and 4 of 6 on the new link; 2 stay on the old way.
    assert found.delay_saved == pytest.approx(5 * 3 + 8 * 3)
    assert found.mean_delay_saved_ms == pytest.approx(8 * 3 / 12)
    assert found.moved_demands == pytest.approx({"d0-q-b": 4.0, "d1-b-q": 4.0})
    assert found.transit_saved_cny_million == pytest.approx((5 + 8) * 0.5)
    # Who goes straight crosses no hand-over.
    assert found.settlement_saved_cny_million == pytest.approx((5 + 8) * 0.3)
    # q > x carries 4 + 2 of its 10 Gbit/s in the last year, x > q 6; the new link is full.
    assert (found.load_before.link, found.load_before.utilisation) == ("q--x", pytest.approx(0.6))
    assert (found.load_after.link, found.load_after.utilisation) == ("direct", pytest.approx(1.0))
    assert found.load_before.unserved_gbps == found.load_after.unserved_gbps == 0.0
    [pair] = found.pairs
    assert (pair.source, pair.destination) == ("q", "b")
    assert (pair.path_before, pair.path_after) == (tuple("qxiyb"), tuple("qb"))
    assert (pair.saved_ms, pair.hops_before, pair.hops_after) == (3.0, 4, 1)
    fast, safe = found.targets
    assert (fast.before_ms, fast.after_ms, fast.met_before, fast.met_after) == (5.0, 2.0, False, True)
    # Before, any cut separates q from b. After, the ring holds: q-x cut, x is reached over b in 5 ms.
    assert (safe.met_before, safe.met_after, safe.worst_cut_after_ms) == (False, True, 5.0)
    # Before, q > x is the worst cut: all 12 Gbit/s. After, none separates anybody.
    assert (found.lost_to_single_cut_gbps_before, found.lost_to_single_cut_gbps_after) == (12.0, 0.0)


def test_money_by_hand():
    """400 km of new cable at 0.2, 4 amplifier sites at 1, one wave at 4 CNY million; 5 % a year."""
    found = evaluate(carriers(), (Choice("direct", 4.0, FIRST_YEAR),))
    assert found.cost.build_cny_million == pytest.approx(80 + 4 + 4)
    assert found.cost.yearly_cny_million == pytest.approx(4.4)
    present = 88 + 4.4 + 4.4 / 1.05
    assert found.cost.present_value_cny_million == pytest.approx(present)
    assert found.cost_per_ms_cny_million == pytest.approx(present / 2.0)
    assert found.cost_per_gbps_cny_million == pytest.approx(present / 8.0)
    # Savings less operation: 4 - 4.4 in the first year, 6.4 - 4.4 in each later one: too little for 30 years.
    assert found.payback_years is None


def with_cable_at(cny_million_per_km: float):
    study = carriers()
    figure = certain(cny_million_per_km)
    return replace(study, figures={**study.figures, "new_cable_cny_million_per_km": figure})


def test_savings_pay_for_building():
    found = evaluate(with_cable_at(0.0), (Choice("direct", 4.0, FIRST_YEAR),))
    # 8 to build, 0.4 a year: 3.6 in the first year, 6.0 in the second.
    assert found.payback_years == pytest.approx(1 + (8 - 3.6) / 6.0)


def test_after_the_study_savings_go_on():
    found = evaluate(with_cable_at(0.1), (Choice("direct", 4.0, FIRST_YEAR),))
    # 48 to build, 2.4 a year: 1.6, then 4.0 each year.
    assert found.payback_years == pytest.approx(1 + (48 - 1.6) / 4.0)


def test_until_service_there_is_nothing_to_operate():
    study = with_cable_at(0.0)
    later = {"direct": replace(study.candidates["direct"], lead_time_years=1)}
    found = evaluate(replace(study, candidates=later), (Choice("direct", 4.0, FIRST_YEAR + 1),))
    # 8 to build in the first year, then 6.0 a year.
    assert found.payback_years == pytest.approx(2 + (8 - 6.0) / 6.0)


def test_demands_of_one_pair_move_in_proportion():
    base = network_of("ab", [("a", "b", 2.0, 10.0)])
    study = study_of(base, {"new": ("a", "b", 1.0, [4.0])}, [("a", "b", 2.0), ("a", "b", 6.0)])
    found = evaluate(study, (Choice("new", 4.0, FIRST_YEAR),))
    assert found.moved_demands == pytest.approx({"d0-a-b": 1.0, "d1-a-b": 3.0})


def test_a_second_link_beside_the_first_changes_the_path():
    base = network_of("ab", [("a", "b", 2.0, 10.0)])
    study = study_of(base, {"new": ("a", "b", 1.0, [40.0])}, [("a", "b", 2.0)])
    [pair] = evaluate(study, (Choice("new", 40.0, FIRST_YEAR),)).pairs
    assert (pair.path_before, pair.path_after, pair.saved_ms) == (("a", "b"), ("a", "b"), 1.0)


def test_later_service_saves_less_and_waits_longer():
    found = evaluate(carriers(), (Choice("direct", 4.0, FIRST_YEAR + 1),))
    assert found.delay_saved == pytest.approx(8 * 3)
    assert found.transit_saved_cny_million == pytest.approx(8 * 0.5)


def test_a_link_that_nothing_uses():
    found = evaluate(carriers(), (Choice("vain", 10.0, FIRST_YEAR),))
    assert (found.delay_saved, found.mean_delay_saved_ms) == (0.0, 0.0)
    assert (found.moved_demands, found.pairs) == ({}, ())
    assert found.cost_per_ms_cny_million is None
    assert found.cost_per_gbps_cny_million is None
    assert found.payback_years is None


def test_the_empty_portfolio_changes_nothing():
    found = evaluate(carriers(), ())
    assert (found.cost.build_cny_million, found.delay_saved, found.payback_years) == (0.0, 0.0, None)
    assert found.load_before == found.load_after
    assert all(state.before_ms == state.after_ms for state in found.targets)


def test_what_had_no_place_before_settles_nothing_less():
    study = carriers()
    study = replace(study, base=replace(study.base, links={"y--b": study.base.links["y--b"]}))
    found = evaluate(study, (Choice("direct", 10.0, FIRST_YEAR),))
    assert found.settlement_saved_cny_million == 0.0
    assert found.transit_saved_cny_million == pytest.approx((5 + 10) * 0.5)
    assert found.pairs == ()
    assert (found.targets[0].before_ms, found.targets[0].after_ms) == (100.0, 2.0)


def test_ranking_is_by_present_value_per_millisecond():
    study = carriers()
    first, second, last = alone(study)
    assert (first.portfolio, second.portfolio) == (
        alone_portfolio(study, study.candidates["direct"]),
        alone_portfolio(study, study.candidates["short"]),
    )
    assert first.cost_per_ms_cny_million < second.cost_per_ms_cny_million
    assert last.portfolio[0].candidate == "vain"
    assert ranked(study) == ("direct", "short", "vain")


def test_choices_may_come_in_any_order():
    study = carriers()
    choices = all_of(study)
    assert evaluate(study, tuple(reversed(choices))) == evaluate(study, choices)


def test_everything_wrong_with_a_portfolio_at_once():
    study = carriers()
    late = {**study.candidates, "short": replace(study.candidates["short"], lead_time_years=1)}
    with pytest.raises(InputError) as caught:
        evaluate(
            replace(study, candidates=late),
            (
                Choice("nowhere", 1.0, FIRST_YEAR),
                Choice("direct", 5.0, FIRST_YEAR),
                Choice("direct", 4.0, FIRST_YEAR),
                Choice("short", 10.0, FIRST_YEAR),
            ),
        )
    assert [problem.what for problem in caught.value.problems] == [
        "the study has no such candidate",
        "cannot be built with 5 Gbit/s",
        "is chosen twice",
        "cannot be in service in 2026; expected 2027 or later",
    ]


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies(name):
    study = load_study(name)
    found = alone(study)
    assert sorted(one.portfolio[0].candidate for one in found) == sorted(study.candidates)
    for one in found:
        assert one.delay_saved == delay_saved(study, one.portfolio)
        assert one.mean_delay_saved_ms >= 0
        assert one.lost_to_single_cut_gbps_after <= one.lost_to_single_cut_gbps_before
        assert one.load_after.unserved_gbps <= one.load_before.unserved_gbps + 1e-6
        assert all(state.after_ms <= state.before_ms for state in one.targets)
        assert all(pair.one_way_after_ms >= pair.floor_one_way_ms for pair in one.pairs)
