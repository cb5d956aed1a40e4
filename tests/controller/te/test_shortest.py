"""Shortest paths and ECMP against definitions."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.te import Instance, Weights
from controller.te.shortest import loads, weights_of
from tests.controller.te.instances import graph_for, instance_of, instances
from topology.errors import InputError


@settings(max_examples=100)
@given(instances(), st.data())
def test_ecmp_by_definition(instance: Instance, data: st.DataObject) -> None:
    """Each demand by itself, handed on from node to node along networkx's shortest paths."""
    weights = [data.draw(st.integers(1, 3)) for _ in instance.arcs]
    expected: dict[int, Fraction] = defaultdict(Fraction)
    for (source, destination), rate in instance.demands.items():
        graph = graph_for(instance, source, destination)
        for *_, number, attributes in graph.edges(keys=True, data=True):
            attributes["weight"] = weights[number]

        def hand_on(
            node: int, rate: Fraction, graph: nx.MultiDiGraph = graph, end: int = destination
        ) -> None:
            if node == end:
                return
            length = nx.shortest_path_length(graph, node, end, weight="weight")
            best = [
                (head, number)
                for _, head, number in graph.out_edges(node, keys=True)
                if nx.has_path(graph, head, end)
                and weights[number] + nx.shortest_path_length(graph, head, end, weight="weight") == length
            ]
            for head, number in best:
                expected[number] += rate / len(best)
                hand_on(head, rate / len(best))

        hand_on(source, rate)
    assert loads(instance, weights, even=True) == tuple(expected[n] for n in range(len(instance.arcs)))


@settings(max_examples=100)
@given(instances())
def test_one_path_is_shortest(instance: Instance) -> None:
    """What all arcs carry adds up to rates times hops, and each arc carries sums of whole demands."""
    carried = loads(instance, weights_of(instance, Weights.HOPS), even=False)
    hops = {
        (source, destination): nx.shortest_path_length(
            graph_for(instance, source, destination), source, destination
        )
        for source, destination in instance.demands
    }
    assert sum(carried) == sum(rate * hops[pair] for pair, rate in instance.demands.items())
    assert all(load.denominator == 1 for load in carried)


def test_parallel_arcs_are_next_hops_of_their_own() -> None:
    instance = instance_of(3, [(0, 1, 9), (0, 1, 9), (0, 2, 9), (2, 1, 9)], [(0, 1, 6)])
    assert loads(instance, (2, 2, 1, 1), even=True) == (2, 2, 2, 2)
    assert loads(instance, (2, 2, 1, 1), even=False) == (6, 0, 0, 0)


def test_inverse_capacity() -> None:
    instance = instance_of(2, [(0, 1, 10), (0, 1, 40), (1, 0, 100000)], [(0, 1, 1)])
    assert weights_of(instance, Weights.INVERSE_CAPACITY) == (10_000_000, 2_500_000, 1000)


@pytest.mark.parametrize("kind", [Weights.LATENCY, Weights.STATED])
def test_weights_that_nobody_stated(kind: Weights) -> None:
    with pytest.raises(InputError) as caught:
        weights_of(instance_of(2, [(0, 1, 1)], [(0, 1, 1)]), kind)
    assert "routed by: hops, inverse-capacity" in str(caught.value)
