"""Optimal routings against what other algorithms find, and their proofs against definitions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.highs import solver
from controller.te import Instance, Method, analyse, optima
from controller.te.program import Objective, solve
from controller.te.proof import Proof, prove
from tests.controller.te.instances import graph_for, instance_of, instances


@settings(max_examples=60)
@given(instances())
def test_the_proof_holds(instance: Instance) -> None:
    """Everything claimed follows from the paths and the prices, recomputed by definition and by networkx."""
    least, most = optima(instance)
    for outcome in (least, most):
        assert outcome.proof is not None
        assert outcome.max_utilisation == upper_bound(instance, outcome.proof)
        assert lower_bound(instance, outcome.proof) == outcome.proof.lower
        assert outcome.proof.exact
    assert least.max_utilisation == most.max_utilisation


def upper_bound(instance: Instance, proof: Proof) -> Fraction:
    """Utilisation of the routing, whose paths must lead from end to end and carry each demand whole."""
    carried: dict[int, Fraction] = defaultdict(Fraction)
    assert proof.splits.keys() == instance.demands.keys()
    for (source, destination), parts in proof.splits.items():
        assert sum(part.rate for part in parts) == instance.demands[source, destination]
        for part in parts:
            arcs = [instance.arcs[arc] for arc in part.path]
            assert part.rate > 0
            assert (arcs[0].tail, arcs[-1].head) == (source, destination)
            assert all(a.head == b.tail and instance.carries_transit[a.head] for a, b in pairwise(arcs))
            assert len({arc.head for arc in arcs}) == len(arcs)
            for arc in part.path:
                carried[arc] += part.rate
    assert all(proof.loads[arc] == carried[arc] for arc in range(len(instance.arcs)))
    return max(carried[number] / arc.capacity for number, arc in enumerate(instance.arcs))


def lower_bound(instance: Instance, proof: Proof) -> Fraction:
    """Duality: what demands pay for their cheapest paths, over what the arcs' capacity costs."""
    assert min(proof.prices) >= 0
    paid = Fraction(0)
    for (source, destination), rate in instance.demands.items():
        graph = graph_for(instance, source, destination)
        for *_, number, data in graph.edges(keys=True, data=True):
            data["price"] = proof.prices[number]
        paid += rate * nx.dijkstra_path_length(graph, source, destination, weight="price")
    return paid / sum(price * arc.capacity for price, arc in zip(proof.prices, instance.arcs, strict=True))


@settings(max_examples=60)
@given(instances(), st.integers(0, 2**32 - 1), st.sampled_from([1e-12, 1e-6, 0.5]))
def test_a_solver_that_errs_proves_less_but_nothing_wrong(
    instance: Instance, seed: int, error: float
) -> None:
    """Flows and prices are hints: whatever they are, all demands are met, and the bounds hold."""
    best = optima(instance)[0].max_utilisation
    solution = solve(instance, Objective.LEAST_UTILISATION)
    random = np.random.default_rng(seed)
    off = [1 + error * random.uniform(-1, 1, len(instance.arcs)) for _ in range(2)]
    flows = {source: carried * off[0] for source, carried in solution.flows.items()}
    proof = prove(instance, replace(solution, flows=flows, prices=solution.prices * off[1]))
    assert upper_bound(instance, proof) == proof.upper >= best
    assert lower_bound(instance, proof) == proof.lower <= best
    if error == 1e-12:  # as solvers err: what they rounded is found again
        assert proof.exact


@settings(max_examples=40)
@given(instances(max_nodes=5))
def test_optimum_over_all_paths(instance: Instance) -> None:
    """The same optimum as a programme with a column for every simple path of every demand."""
    model = solver("this test")
    most = model.addVariable(obj=1)
    crossing = defaultdict(list)
    for (source, destination), rate in instance.demands.items():
        graph = graph_for(instance, source, destination)
        columns = []
        for path in nx.all_simple_edge_paths(graph, source, destination):
            columns.append(model.addVariable())
            for *_, arc in path:
                crossing[arc].append(columns[-1])
        model.addConstr(sum(columns[1:], columns[0]) == float(rate))
    for arc, columns in crossing.items():
        model.addConstr(sum(columns[1:], columns[0]) - float(instance.arcs[arc].capacity) * most <= 0)
    model.run()
    assert float(optima(instance)[0].max_utilisation) == pytest.approx(model.getObjectiveValue(), rel=1e-6)


@settings(max_examples=60)
@given(instances(), st.data())
def test_one_demand_is_a_maximum_flow(instance: Instance, data: st.DataObject) -> None:
    source, destination = data.draw(st.sampled_from(sorted(instance.demands)))
    rate = instance.demands[source, destination]
    alone = instance_of(
        len(instance.nodes),
        [(arc.tail, arc.head, int(arc.capacity)) for arc in instance.arcs],
        [(source, destination, int(rate))],
        closed=[node for node, carries in enumerate(instance.carries_transit) if not carries],
    )
    graph = nx.DiGraph()
    for tail, head, room in graph_for(alone, source, destination).edges(data="capacity"):
        joint = graph.edges[tail, head]["capacity"] if graph.has_edge(tail, head) else 0
        graph.add_edge(tail, head, capacity=joint + int(room))
    flow = nx.maximum_flow_value(graph, source, destination)
    assert optima(alone)[1].concurrent_flow == Fraction(flow) / rate


@settings(max_examples=60)
@given(instances())
def test_no_routing_beats_the_optimum(instance: Instance) -> None:
    outcomes = {outcome.method: outcome.max_utilisation for outcome in analyse(instance).outcomes}
    assert outcomes[Method.LEAST_UTILISATION] <= outcomes[Method.ECMP]
    assert outcomes[Method.LEAST_UTILISATION] <= outcomes[Method.SHORTEST_PATH]


@settings(max_examples=30)
@given(instances())
def test_turned_round_the_optimum_stays(instance: Instance) -> None:
    assert optima(instance)[0].max_utilisation == optima(instance.turned())[0].max_utilisation


@settings(max_examples=30)
@given(instances())
def test_each_programme_alone_finds_it_too(instance: Instance) -> None:
    """Without the other one's basis; the two are reciprocal."""
    least = solve(instance, Objective.LEAST_UTILISATION).objective_value
    most = solve(instance, Objective.CONCURRENT_FLOW).objective_value
    assert least * most == pytest.approx(1, rel=1e-7)


def test_bottlenecks_of_the_optimum_cannot_be_relieved() -> None:
    """Two ways out of n0 meet in a narrow arc before n3; the arcs before it are full by no necessity."""
    arcs = [(0, 1, 10), (0, 2, 10), (1, 3, 3), (2, 3, 1)]
    least, _ = optima(instance_of(4, arcs, [(0, 3, 2)]))
    assert least.max_utilisation == Fraction(1, 2)
    assert [least.proof.splits[0, 3][n].rate for n in range(2)] == [Fraction(3, 2), Fraction(1, 2)]  # type: ignore[union-attr]
    assert least.bottlenecks == (2, 3)


def test_no_traffic_crosses_a_node_without_transit() -> None:
    arcs = [(0, 1, 100), (1, 2, 100), (0, 3, 1), (3, 2, 1)]
    open_, closed = (instance_of(4, arcs, [(0, 2, 1)], closed=sites) for sites in ((), (1,)))
    assert optima(open_)[0].max_utilisation == Fraction(1, 101)
    assert optima(closed)[0].max_utilisation == 1


def test_rates_far_apart() -> None:
    """A demand that the solver's tolerance hides still gets a path, and the bounds still hold."""
    instance = instance_of(3, [(0, 1, 10**9), (1, 2, 10**9), (0, 2, 1)], [(0, 1, 10**12), (0, 2, 1)])
    proof = optima(instance)[0].proof
    assert proof is not None
    assert proof.lower <= proof.upper == upper_bound(instance, proof)
    assert proof.gap < Fraction(1, 10**6)
