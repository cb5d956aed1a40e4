"""All single and double failures against networkx doing the same one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.findings import Cut
from experiments.proposals.resilience import (
    FailureRates,
    given_cuts,
    lost_to_single_cut,
    resilience,
    single_cuts,
)
from experiments.proposals.resilience import elimination as engine
from experiments.proposals.resilience.elimination import distances, elimination
from experiments.proposals.resilience.wiring import UNREACHABLE, wiring
from tests.controller.strategies import grid, network_of
from tests.experiments.proposals.failure_oracle import cut, delays_ns, links_down, risky_networks
from topology.errors import InputError
from topology.network import Demand, Network, TrafficClass

RATES = FailureRates(
    cuts_per_1000km_year=1.2, cut_repair_hours=12.0, site_failures_per_year=0.1, site_repair_hours=4.0
)


def assert_same(found: Cut, expected: Cut) -> None:
    assert found.failed == expected.failed
    assert found.pairs_cut_off == expected.pairs_cut_off
    assert found.lost_gbps == pytest.approx(expected.lost_gbps)
    assert found.delay_added_ms == pytest.approx(expected.delay_added_ms)


def names_of(network: Network) -> list[str]:
    groups = dict.fromkeys(group for link in network.links.values() for group in link.shared_risk_groups)
    return [*network.links, *(f"site:{s}" for s in network.sites), *(f"group:{g}" for g in groups)]


@given(network=risky_networks(), data=st.data())
@settings(max_examples=40)
def test_every_distance_is_that_of_networkx(network: Network, data: st.DataObject) -> None:
    wires = wiring(network)
    plan = elimination(wires)
    downs = [data.draw(st.sets(st.sampled_from(names_of(network)), max_size=3)) for _ in range(3)]
    links = [links_down(network, down) for down in downs]
    failed = np.array([[link in down for down in links] for link in wires.links], dtype=np.bool_)
    table = distances(plan, failed.reshape(len(wires.links), 3))
    for variant, down in enumerate(links):
        expected = delays_ns(network, down)
        for (i, a), (j, b) in combinations(enumerate(wires.sites), 2):
            there = table[plan.place[i], plan.place[j], variant]
            assert there == table[plan.place[j], plan.place[i], variant]
            assert there == expected.get((a, b), UNREACHABLE)


@given(network=risky_networks(max_sites=6), all_pairs=st.booleans())
@settings(max_examples=20)
def test_singles_are_those_of_networkx(network: Network, all_pairs: bool) -> None:
    demands = None if all_pairs else list(network.demands.values())
    found = single_cuts(network, demands)
    assert [cut.failed for cut in found] == [(name,) for name in names_of(network)]
    for one in found:
        assert_same(one, cut(network, demands, one.failed))


@given(network=risky_networks(max_sites=5))
@settings(max_examples=8)
def test_the_worst_of_all_doubles(network: Network) -> None:
    demands = list(network.demands.values())
    found = resilience(network, demands, RATES)
    every = [cut(network, demands, pair) for pair in combinations(names_of(network), 2)]
    assert found.doubles == len(every)
    assert [c.lost_gbps for c in found.worst_doubles] == sorted((c.lost_gbps for c in every), reverse=True)[
        :10
    ]
    for one in found.worst_doubles:
        assert_same(one, cut(network, demands, one.failed))


@given(network=risky_networks(max_sites=6), data=st.data())
@settings(max_examples=20)
def test_given_failures_of_any_size(network: Network, data: st.DataObject) -> None:
    asked = data.draw(
        st.lists(st.lists(st.sampled_from(names_of(network)), unique=True, max_size=4), max_size=4)
    )
    for names, found in zip(asked, given_cuts(network, None, asked), strict=True):
        expected = cut(network, None, tuple(names))
        assert sorted(found.failed) == sorted(names)
        assert_same(replace(found, failed=tuple(names)), expected)


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    network = grid(3, 4)
    whole = resilience(network, None, RATES)
    monkeypatch.setattr(engine, "BLOCK_BYTES", 8 * 12**2 * 7)
    assert resilience(network, None, RATES) == whole


def test_a_cut_that_only_delays_and_one_that_separates() -> None:
    network = network_of(
        "abcd", [("a", "b", 1.0, 10), ("b", "c", 1.0, 10), ("a", "c", 5.0, 10), ("c", "d", 1.0, 10)]
    )
    demands = [
        Demand("x", "a", "c", 3.0, TrafficClass.BEST_EFFORT),
        Demand("y", "d", "a", 1.0, TrafficClass.BEST_EFFORT),
    ]
    first, *_, last = single_cuts(network, demands, sites=False, groups=False)
    assert first == Cut(("a--b",), lost_gbps=0.0, delay_added_ms=3.0, pairs_cut_off=0)
    assert last == Cut(("c--d",), lost_gbps=1.0, delay_added_ms=0.0, pairs_cut_off=3)
    assert lost_to_single_cut(network, demands) == 1.0


def test_unknown_names_are_all_told() -> None:
    with pytest.raises(InputError) as told:
        given_cuts(grid(2, 2), None, [["r0c0--r0c1", "site:r0c9"], ["site:r0c0"]])
    assert "site:r0c9" in str(told.value)
    assert "site:r0c0" in str(told.value)


def test_too_many_doubles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.proposals.resilience.assessment.MOST_DOUBLES", 10)
    with pytest.raises(InputError, match="double failures"):
        resilience(grid(2, 3), None, RATES)
