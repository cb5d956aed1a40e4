"""Disjoint pairs against brute force on small networks, and against linear programs on larger ones."""

from __future__ import annotations

from itertools import pairwise

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.constrained import Query, Room, least_path
from controller.disjoint import Pair, least_pair, suurballe
from controller.highs import solver
from controller.mesh import Mesh
from tests.controller.reserving import (
    Order,
    Sites,
    all_paths,
    bursts,
    order,
    reserving,
    reserving_networks,
    walks,
    with_groups,
)
from tests.controller.strategies import network_of
from topology.network import Network, Protection
from topology.scenario import load

PROTECTED = st.sampled_from([Protection.LINK, Protection.SITE])


def disjoint(network: Network, protection: Protection, primary: Sites, backup: Sites) -> bool:
    """No link, no group and, if sites are protected, no inner site in common."""
    mine, other = ([network.link_between(*hop) for hop in pairwise(path)] for path in (primary, backup))
    if {link.id for link in mine} & {link.id for link in other}:
        return False
    if {g for link in mine for g in link.shared_risk_groups} & {
        g for link in other for g in link.shared_risk_groups
    }:
        return False
    return protection is not Protection.SITE or not set(primary[1:-1]) & set(backup[1:-1])


def brute_force(
    network: Network, mesh: Mesh, query: Query, room: Room, protection: Protection
) -> tuple[Sites, Sites] | None:
    """The best of all pairs with the shorter path first, every walk of every cut followed."""
    paths = all_paths(network, mesh.sites[query.source], mesh.sites[query.destination])

    def fine(primary: Sites, backup: Sites) -> bool:
        if not disjoint(network, protection, primary, backup):
            return False
        if query.max_hops is not None and max(len(primary), len(backup)) - 1 > query.max_hops:
            return False
        if any(mesh.number[site] in query.closed_sites for path in (primary, backup) for site in path[1:-1]):
            return False
        late = max(order(network, walk)[0] for walk in walks(primary, backup))
        if query.limit_ns is not None and late > query.limit_ns:
            return False
        taken = bursts(network, query.rate_bps, query.burst_bits, primary, backup)
        return all(
            room.rate_bps[mesh.directions(hop)[0]] >= query.rate_bps
            and room.burst_bits[mesh.directions(hop)[0]] >= burst
            for hop, burst in taken.items()
        )

    def rank(pair: tuple[Sites, Sites]) -> tuple[Order, Order]:
        return order(network, *pair), order(network, pair[0])

    pairs = [(a, b) for a in paths for b in paths if order(network, a) < order(network, b) and fine(a, b)]
    return min(pairs, key=rank) if pairs else None


@settings(max_examples=120)
@given(st.data(), PROTECTED)
def test_the_least_pair_equals_brute_force(data: st.DataObject, protection: Protection) -> None:
    network = data.draw(reserving_networks())
    mesh = Mesh(network)
    source, destination = data.draw(st.permutations(range(len(mesh.sites))))[:2]
    room = Room.whole(mesh)
    for direction in data.draw(st.sets(st.integers(0, max(len(mesh.key) - 1, 0)), max_size=3)):
        if direction < len(mesh.key):
            room.rate_bps[direction] = data.draw(st.sampled_from([0, 10**9]))
            room.burst_bits[direction] //= data.draw(st.sampled_from([1, 2, 4]))
    query = Query(
        source,
        destination,
        rate_bps=data.draw(st.sampled_from([0, 10**8, 10**9, 2 * 10**9])),
        burst_bits=data.draw(st.sampled_from([10**4, 3 * 10**5])),
        limit_ns=data.draw(st.none() | st.integers(10**6, 12 * 10**6)),
        max_hops=data.draw(st.none() | st.integers(1, 4)),
        closed_sites=frozenset(data.draw(st.sets(st.integers(0, len(mesh.sites) - 1), max_size=1))),
    )
    expected = brute_force(network, mesh, query, room, protection)
    found = least_pair(mesh, query, room, protection)
    assert (None if found is None else (mesh.site_ids(found[0]), mesh.site_ids(found[1]))) == expected


def test_a_trap_where_the_shortest_path_blocks_every_second_one() -> None:
    network = reserving(
        network_of(
            "sabt",
            [
                ("s", "a", 1, 100),
                ("a", "b", 1, 100),
                ("b", "t", 1, 100),
                ("s", "b", 4, 100),
                ("a", "t", 4, 100),
            ],
        )
    )
    mesh = Mesh(network)
    query = Query(mesh.number["s"], mesh.number["t"])
    pair = least_pair(mesh, query, Room.whole(mesh), Protection.LINK)
    assert pair is not None
    assert {mesh.site_ids(path) for path in pair} == {("s", "a", "t"), ("s", "b", "t")}


def test_a_duct_that_both_paths_would_use_is_avoided() -> None:
    links = [
        ("s", "a", 1, 100),
        ("a", "t", 1, 100),
        ("s", "b", 2, 100),
        ("b", "t", 2, 100),
        ("s", "c", 9, 100),
    ]
    network = reserving(network_of("sabct", [*links, ("c", "t", 9, 100)]))
    duct = with_groups(network, {"a--t": ("bridge",), "b--t": ("bridge",)})
    for each, backup in ((network, ("s", "b", "t")), (duct, ("s", "c", "t"))):
        mesh = Mesh(each)
        query = Query(mesh.number["s"], mesh.number["t"])
        pair = least_pair(mesh, query, Room.whole(mesh), Protection.LINK)
        assert pair is not None
        assert mesh.site_ids(pair[0]) == ("s", "a", "t")
        assert mesh.site_ids(pair[1]) == backup


class FlowProgram:
    """A flow of ``amount`` from source to destination at least total bound; solved by HiGHS, not by us."""

    def __init__(
        self, mesh: Mesh, query: Query, amount: int, *, most: list[int], whole: bool = False
    ) -> None:
        """``most`` of each direction; ``whole`` numbers only, or any."""
        self.solver = solver("this test")
        for direction, bound_ns in enumerate(mesh.bound_ns):
            self.solver.addCol(bound_ns / 1e6, 0.0, float(most[direction]), 0, [], [])
            if whole:
                self.solver.changeColIntegrality(direction, highspy.HighsVarType.kInteger)
        for site in range(len(mesh.sites)):
            leaving = [direction for _, direction, _ in mesh.leaving[site]]
            supply = amount * ((site == query.source) - (site == query.destination))
            self.row(supply, supply, leaving, [direction ^ 1 for direction in leaving])

    def row(self, least: float, most: float, plus: list[int], minus: list[int] | None = None) -> None:
        """``least <= sum of plus - sum of minus <= most``."""
        columns = [*plus, *(minus or [])]
        signs = [1.0] * len(plus) + [-1.0] * (len(columns) - len(plus))
        self.solver.addRow(least, most, len(columns), np.array(columns, dtype=np.int32), np.array(signs))

    def least_ms(self) -> float | None:
        """The least total, or ``None`` if there is no such flow."""
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return float(self.solver.getInfo().objective_function_value)


LARGE = ["topohub:topozoo/Cernet", "topohub:topozoo/Chinanet", "qingyang-deterministic"]


def pairs_of(mesh: Mesh) -> list[tuple[int, int]]:
    count = len(mesh.sites)
    return [(n * 7 % count, (n * 13 + 5) % count) for n in range(12) if n * 7 % count != (n * 13 + 5) % count]


@pytest.fixture(scope="module", params=LARGE)
def mesh(request: pytest.FixtureRequest) -> Mesh:
    network = reserving(load(request.param))
    for site in network.sites.values():  # the programs know no sites without transit
        object.__setattr__(site, "carries_transit", True)
    return Mesh(network)


def in_ms(total_ns: int | None) -> object:
    return None if total_ns is None else pytest.approx(total_ns / 1e6, abs=1e-6)


def total_ns(mesh: Mesh, pair: Pair | None) -> int | None:
    return None if pair is None else mesh.path_bound_ns(pair[0]) + mesh.path_bound_ns(pair[1])


def test_suurballe_equals_the_linear_program(mesh: Mesh) -> None:
    """Two units of flow at least cost, one over each link at most; through each site, if protected, too."""
    for source, destination in pairs_of(mesh):
        query = Query(source, destination)
        for protection in (Protection.LINK, Protection.SITE):
            program = FlowProgram(mesh, query, 2, most=[1] * len(mesh.key))
            for link in range(len(mesh.links)):
                program.row(0, 1, [2 * link, 2 * link + 1])
            for site in range(len(mesh.sites) if protection is Protection.SITE else 0):
                if site not in (source, destination):
                    program.row(0, 1, [direction for _, direction, _ in mesh.leaving[site]])
            pair = suurballe(mesh, query, Room.whole(mesh), protection)
            assert program.least_ms() == in_ms(total_ns(mesh, pair))


def test_constrained_paths_equal_the_integer_program(mesh: Mesh) -> None:
    """Least bound within a number of hops, past links without room: NP-hard, hence whole numbers."""
    room = Room.whole(mesh)
    for number in range(0, len(mesh.links), 5):
        room.rate_bps[2 * number] = 0
    for source, destination in pairs_of(mesh):
        fewest = mesh.hops_to_go(destination)[source]
        for max_hops in (fewest, fewest + 1):
            query = Query(source, destination, rate_bps=1, max_hops=max_hops)
            most = [int(rate > 0) for rate in room.rate_bps]
            program = FlowProgram(mesh, query, 1, most=most, whole=True)
            program.row(0, max_hops, list(range(len(mesh.key))))
            path = least_path(mesh, query, room)
            assert program.least_ms() == in_ms(None if path is None else mesh.path_bound_ns(path))
