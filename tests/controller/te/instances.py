"""Small instances for tests, and random ones for hypothesis."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import networkx as nx
from hypothesis import strategies as st

from controller.te import Arc, Instance
from controller.te.instance import reach


def instance_of(
    count: int,
    arcs: Iterable[tuple[int, int, int]],
    demands: Iterable[tuple[int, int, int]],
    *,
    closed: Iterable[int] = (),
) -> Instance:
    """Nodes ``0 .. count - 1``, arcs ``(tail, head, capacity)``, demands ``(source, destination, rate)``."""
    no_transit = set(closed)
    return Instance(
        "test",
        tuple(f"n{node}" for node in range(count)),
        tuple(Arc(f"e{n}", tail, head, Fraction(room)) for n, (tail, head, room) in enumerate(arcs)),
        {(source, destination): Fraction(rate) for source, destination, rate in demands},
        carries_transit=tuple(node not in no_transit for node in range(count)),
    )


@st.composite
def instances(draw: st.DrawFn, *, max_nodes: int = 6, parallel: bool = True) -> Instance:
    """Directed graphs with ties, some nodes without transit and demands that all have a path."""
    count = draw(st.integers(2, max_nodes))
    node = st.integers(0, count - 1)
    pair = st.tuples(node, node).filter(lambda ends: ends[0] != ends[1])
    ends = draw(st.lists(pair, min_size=1, max_size=14, unique=not parallel))
    arcs = [(tail, head, draw(st.integers(1, 12))) for tail, head in ends]
    closed = draw(st.sets(node, max_size=2))
    bare = instance_of(count, arcs, (), closed=closed)
    routable = [(s, t) for s in range(count) for t in sorted(reach(bare, s) - {s})]
    chosen = draw(st.lists(st.sampled_from(routable), min_size=1, max_size=8, unique=True))
    demands = [(*ends, draw(st.integers(1, 20))) for ends in chosen]
    return instance_of(count, arcs, demands, closed=closed)


def graph_for(instance: Instance, source: int, destination: int) -> nx.MultiDiGraph:
    """What a demand may use, for networkx: no other node without transit; keys are the arcs' numbers."""
    graph = nx.MultiDiGraph()
    open_nodes = [
        node
        for node, carries in enumerate(instance.carries_transit)
        if carries or node in (source, destination)
    ]
    graph.add_nodes_from(open_nodes)
    for number, arc in enumerate(instance.arcs):
        if arc.tail in graph and arc.head in graph:
            graph.add_edge(arc.tail, arc.head, key=number, capacity=arc.capacity)
    return graph
