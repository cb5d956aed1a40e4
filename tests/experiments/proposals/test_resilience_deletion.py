"""The engine for large networks against the one for small ones, on networks small enough for both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.proposals.resilience import deletion
from experiments.proposals.resilience.effects import Effects, Question, by_elimination
from experiments.proposals.resilience.elimination import distances
from experiments.proposals.resilience.engines import by_deletion, effects_on_all_cores
from experiments.proposals.resilience.failures import doubles, elements, singles
from experiments.proposals.resilience.wiring import UNREACHABLE
from experiments.proposals.sweep import Sweep
from tests.controller.strategies import grid
from tests.experiments.proposals.failure_oracle import risky_networks
from topology.network import Network, TrafficClass
from topology.scenario import load


def assert_same(found: Effects, expected: Effects) -> None:
    assert (found.pairs_cut_off == expected.pairs_cut_off).all()
    assert found.lost_gbps == pytest.approx(expected.lost_gbps)
    assert found.delay_added_ms == pytest.approx(expected.delay_added_ms, abs=1e-9)


def slower(network: Network) -> Network:
    """Links of no length last a little, so that deletion does not pass them on."""
    return replace(
        network,
        links={
            key: replace(link, propagation_ms=link.propagation_ms + 0.05)
            for key, link in network.links.items()
        },
    )


@given(
    network=risky_networks(max_sites=7),
    whole=st.booleans(),
    has_length=st.booleans(),
    traffic_class=st.sampled_from([TrafficClass.BEST_EFFORT, TrafficClass.COMPUTE]),
    small=st.sampled_from([1, deletion.SMALL]),
)
@settings(max_examples=60)
def test_both_engines_agree(
    network: Network, whole: bool, has_length: bool, traffic_class: TrafficClass, small: int
) -> None:
    network = slower(network) if has_length else network
    demands = None if whole else list(network.demands.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deletion, "SMALL", small)
        patch.setattr(deletion, "ROWS", 2)
        question = Question(network, demands, traffic_class)
        chosen = elements(network, question.wires)
        for scenarios in (singles(len(chosen)), doubles(len(chosen))[:40]):
            expected = by_elimination(question, chosen, scenarios)
            assert_same(by_deletion(question, chosen, scenarios), expected)


@given(network=risky_networks(max_sites=8))
@settings(max_examples=60)
def test_every_distance_after_a_cut(network: Network) -> None:
    question = Question(slower(network), None)
    wires, whole = question.wires, question.undisturbed
    cuts = deletion.LinkCuts(question.plan, whole)
    for link in range(len(wires.links)):
        failed = np.zeros((len(wires.links), 1), dtype=np.bool_)
        failed[link] = True
        found = whole.copy()
        for change in cuts.cut(link):
            after = np.where(change.after == cuts.none, UNREACHABLE, change.after.astype(np.int64))
            was_joined = change.before < cuts.none
            assert (found[np.ix_(change.rows, change.columns)] == change.before)[was_joined].all()
            found[np.ix_(change.rows, change.columns)] = after
            found[np.ix_(change.columns, change.rows)] = after.T
        assert (found == distances(question.plan, failed)[:, :, 0]).all()


def test_a_real_network_and_two_processes() -> None:
    network = load("topohub:gabriel/100/0")
    question = Question(network, None)
    chosen = elements(network, question.wires, sites=False)
    scenarios = singles(len(chosen))
    expected = by_elimination(question, chosen, scenarios)
    assert_same(by_deletion(question, chosen, scenarios), expected)
    assert_same(effects_on_all_cores(question, chosen, scenarios, Sweep(workers=2)), expected)


def test_distances_that_outgrow_32_bits_are_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    network = grid(3, 3)
    question = Question(network, None)
    monkeypatch.setattr(deletion, "SMALL", int(question.undisturbed.max()) + 1)
    chosen = elements(network, question.wires)
    scenarios = doubles(len(chosen))
    assert question.link_cuts.none < UNREACHABLE
    assert_same(by_deletion(question, chosen, scenarios), by_elimination(question, chosen, scenarios))
