"""REPETITA's files: what is written is read, and every mistake is named with its line."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.te import Arc
from controller.te.repetita import demands_of, graph_of
from topology.errors import InputError

GRAPH = """\
# three cities of our own
NODES 3
label x y
0_Qingyang 107.64 35.71
1_Xian 108.94 34.26
2_Beijing 116.40 39.90

EDGES 5
label src dest weight bw delay
edge_0 0 1 10 1000000 1190
edge_1 1 0 10 1000000 1190
edge_2 1 2 20 2.5e6 6500
edge_3 1 2 20 1000000 0
edge_4 2 2 1 5 5
"""

DEMANDS = """\
DEMANDS 4
label src dest bw
demand_0 0 2 435117
demand_1 0 2 0.5
demand_2 2 2 7
demand_3 1 2 0
"""


def problems_of(text: str, reader: str = "graph") -> list[str]:
    with pytest.raises(InputError) as caught:
        graph_of(text, "x.graph") if reader == "graph" else demands_of(text, 3, "x.demands")
    return [str(problem) for problem in caught.value.problems]


def test_a_topology() -> None:
    instance = graph_of(GRAPH, "x.graph")
    assert instance.nodes == ("0_Qingyang", "1_Xian", "2_Beijing")
    assert instance.arcs[2] == Arc("edge_2", 1, 2, Fraction(2_500_000), 6_500_000, 20)
    assert len(instance.arcs) == 4
    assert instance.notes == ("edges from a node to itself, left out: 1",)


def test_demands_add_up_per_pair() -> None:
    demands, notes = demands_of(DEMANDS, 3, "x.demands")
    assert demands == {(0, 2): Fraction(870235, 2)}
    assert notes == ("demands of rate 0 or to where they come from, left out: 2",)


def test_all_mistakes_at_once() -> None:
    text = GRAPH.replace("NODES 3", "NODES three").replace("1_Xian 108.94", "1 Xian east")
    text = text.replace("edge_1 1 0 10", "edge_1 1 9 0").replace("1000000 0\n", "1e99 -3\n")
    assert problems_of(text) == [
        "x.graph:2: found 'NODES three'; expected 'NODES N', N being the number of records",
        "x.graph:5: found 4 fields; expected 3: label x y\n    hint: labels contain no spaces",
        "x.graph:11: found dest '9'; expected a node's number, 0 to 2",
        "x.graph:11: found weight '0'; expected a whole number, 1 or more",
        "x.graph:13: found bw '1e99'; expected a number, from 1e-9 to 1e18",
        "x.graph:13: found delay '-3'; expected a number, 0 or from 1e-9 to 1e18",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("EDGES 5", "EDGES 6"), "x.graph:8: EDGES says 6, but 5 records follow"),
        (
            ("label x y\n", ""),
            "x.graph:3: found '0_Qingyang 107.64 35.71'; expected the names of the columns",
        ),
        (("EDGES 5\n", "NODES 5\n"), "x.graph:8: found a second section NODES; the first begins in line 2"),
        (("NODES 3", "DEMANDS 3"), "x.graph:2: found a section DEMANDS; expected NODES and EDGES"),
        (("NODES 3\n", ""), "x.graph:2: found 'label x y'; expected 'NODES N'"),
        ((GRAPH[GRAPH.index("EDGES") :], ""), "x.graph:8: found no section EDGES"),
    ],
)
def test_sections_that_cannot_be(change: tuple[str, str], told: str) -> None:
    assert problems_of(GRAPH.replace(*change))[0].startswith(told)


def test_edges_before_nodes() -> None:
    nodes, edges = GRAPH.split("\n\n")
    assert "found NODES after EDGES" in "".join(problems_of(edges + "\n" + nodes + "\n"))


def test_a_topology_where_demands_are_expected() -> None:
    (told,) = problems_of(GRAPH, "demands")
    assert told.startswith(
        "x.demands:2: found a section NODES; expected DEMANDS\n    hint: demands (.demands)"
    )


def test_many_mistakes_are_counted() -> None:
    lines = "".join(f"demand_{n} 0 2 many\n" for n in range(50))
    told = problems_of(f"DEMANDS 50\nlabel src dest bw\n{lines}", "demands")
    assert len(told) == 21
    assert told[-1] == "x.demands: 30 more mistakes"


LABEL = st.text("abcXYZ0123_,+-中文", min_size=1, max_size=8).filter(lambda text: text[0] != "#")
BANDWIDTH = st.one_of(
    st.integers(1, 10**12).map(str),
    st.decimals("0.001", "1000000", places=3, allow_nan=False).map(str),
)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[str, list[Arc]]:
    """A topology as a text, and the arcs it states."""
    count = draw(st.integers(2, 5))
    labels = draw(st.lists(LABEL, min_size=count, max_size=count))
    pair = st.permutations(range(count)).map(lambda order: order[:2])
    arcs, lines = [], []
    for number, (tail, head) in enumerate(draw(st.lists(pair, min_size=1, max_size=6))):
        weight, room, delay = draw(st.integers(1, 99)), draw(BANDWIDTH), draw(st.integers(0, 10**6))
        arcs.append(Arc(f"e{number}", tail, head, Fraction(room), delay * 1000, weight))
        lines.append(f"e{number} {tail} {head} {weight} {room} {delay}")
    gap = draw(st.sampled_from(["\n", "\n\n", "\n# a comment\n\n"]))
    nodes = "\n".join(f"{label} {draw(st.integers(-180, 180))} 1.5" for label in labels)
    edges = "\n".join(lines)
    text = (
        f"NODES {count}\nlabel x y\n{nodes}\n{gap}EDGES {len(lines)}\nlabel src dest weight bw delay\n{edges}"
    )
    return text, arcs


@given(graphs())
def test_what_is_written_is_read(written: tuple[str, list[Arc]]) -> None:
    text, arcs = written
    assert list(graph_of(text, "x.graph").arcs) == arcs
    assert graph_of(text.replace("\n", "\r\n"), "x.graph").arcs == tuple(arcs)


SCRAP = st.text("01 9.\n-eNODESEDGESlabelxy#\x00中", max_size=6)


@given(st.sampled_from([GRAPH, DEMANDS]), st.integers(0, 400), st.integers(0, 40), SCRAP)
def test_damaged_files_are_read_or_refused(text: str, start: int, length: int, scrap: str) -> None:
    """Never anything but an answer or an ``InputError`` whose problems each have a place."""
    damaged = text[:start] + scrap + text[start + length :]
    try:
        graph_of(damaged, "x.graph")
        demands_of(damaged, 3, "x.graph")
    except InputError as error:
        for problem in error.problems:
            assert re.match(r"x\.graph(:\d+)?$", problem.where)
            assert problem.what
