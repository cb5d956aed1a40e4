"""Constrained paths against brute force on small networks, and against an integer program on larger ones."""

from __future__ import annotations

from itertools import islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.constrained import Query, Room, k_shortest, least_path
from controller.mesh import Mesh
from tests.controller.reserving import Sites, all_paths, bursts, order, reserving, reserving_networks
from tests.controller.strategies import grid, network_of
from topology.network import Network


@st.composite
def questions(draw: st.DrawFn, network: Network, mesh: Mesh) -> tuple[Query, Room]:
    """A question with constraints that bind now and then, and what room is left."""
    source, destination = draw(st.permutations(range(len(mesh.sites))))[:2]
    rates, room_bits = st.integers(0, 4).map(lambda n: n * 10**8), st.integers(0, 12).map(lambda n: n * 10**5)
    room = Room([draw(rates) for _ in mesh.key], [draw(room_bits) for _ in mesh.key])
    links, sites = st.integers(0, max(len(mesh.links) - 1, 0)), st.integers(0, len(mesh.sites) - 1)
    query = Query(
        source,
        destination,
        rate_bps=draw(rates),
        burst_bits=draw(room_bits),
        upstream_ns=draw(st.sampled_from([0, 10**6])),
        limit_ns=draw(st.none() | st.integers(0, 8 * 10**6)),
        max_hops=draw(st.none() | st.integers(1, 4)),
        closed_sites=frozenset(draw(st.sets(sites, max_size=1))),
        closed_links=frozenset(draw(st.sets(links, max_size=1))),
        turns_back=draw(st.booleans()),
    )
    return query, room


def satisfies(network: Network, mesh: Mesh, query: Query, room: Room, path: Sites) -> bool:
    """Every constraint, read from the network and not from the mesh."""
    queued_ns = query.upstream_ns
    for number, hop in enumerate(pairwise(path)):
        direction = mesh.directions(hop)[0]
        burst = query.burst_bits + -(-query.rate_bps * queued_ns // 10**9)
        back = direction ^ 1 if query.turns_back and number < len(path) - 2 else direction
        for each in (direction, back):
            if room.rate_bps[each] < query.rate_bps or room.burst_bits[each] < burst:
                return False
        if mesh.link_number[network.link_between(*hop).id] in query.closed_links:
            return False
        queued_ns += mesh.queueing_ns[direction]
    return (
        (query.limit_ns is None or order(network, path)[0] <= query.limit_ns)
        and (query.max_hops is None or len(path) - 1 <= query.max_hops)
        and not any(mesh.number[site] in query.closed_sites for site in path[1:-1])
    )


@settings(max_examples=120)
@given(st.data())
def test_every_path_in_order_equals_brute_force(data: st.DataObject) -> None:
    network = data.draw(reserving_networks())
    mesh = Mesh(network)
    query, room = data.draw(questions(network, mesh))
    source, destination = mesh.sites[query.source], mesh.sites[query.destination]
    expected = sorted(
        (
            path
            for path in all_paths(network, source, destination)
            if satisfies(network, mesh, query, room, path)
        ),
        key=lambda path: order(network, path),
    )
    assert [mesh.site_ids(path) for path in k_shortest(mesh, query, room)] == expected
    least = least_path(mesh, query, room)
    assert (None if least is None else mesh.site_ids(least)) == (expected[0] if expected else None)


def test_a_burst_that_grew_on_the_shortest_way_to_a_site_takes_another_way_there() -> None:
    """Part of a best path need not be the best path of its ends: the case that plain Dijkstra gets wrong."""
    network = reserving(
        network_of(
            "sabct",
            [
                ("s", "a", 1, 100),
                ("a", "b", 1, 100),
                ("s", "b", 8, 100),
                ("b", "t", 1, 100),
                ("s", "t", 99, 100),
            ],
        )
    )
    mesh = Mesh(network)
    room = Room.whole(mesh)
    query = Query(mesh.number["s"], mesh.number["t"], rate_bps=10**9, burst_bits=10**5)
    assert mesh.site_ids(least_path(mesh, query, room) or ()) == ("s", "a", "b", "t")
    last = mesh.directions(("b", "t"))[0]
    room.burst_bits[last] = 10**5 + 10**9 * (mesh.queueing_ns[last] * 3 // 2) // 10**9
    assert mesh.site_ids(least_path(mesh, query, room) or ()) == ("s", "b", "t")
    assert mesh.site_ids(
        least_path(mesh, Query(query.source, mesh.number["b"], 10**9, 10**5), room) or ()
    ) == (("s", "a", "b"))


def test_many_paths_of_equal_bound_come_once_each_and_in_order() -> None:
    network = reserving(grid(4, 4))
    mesh = Mesh(network)
    query = Query(0, len(mesh.sites) - 1)
    paths = [mesh.site_ids(path) for path in islice(k_shortest(mesh, query, Room.whole(mesh)), 184)]
    assert len(set(paths)) == 184  # all self-avoiding walks across a grid of 4 x 4 (OEIS A007764)
    assert paths == sorted(paths, key=lambda path: order(network, path))
    assert len(list(k_shortest(mesh, query, Room.whole(mesh)))) == 184


def test_growth_is_that_of_the_walk() -> None:
    network = reserving(grid(2, 3))
    mesh = Mesh(network)
    path = ("r0c0", "r0c1", "r0c2", "r1c2")
    expected = bursts(network, 10**9, 10**5, path, None)
    room = Room.whole(mesh)
    for hop, burst in expected.items():
        room.burst_bits[mesh.directions(hop)[0]] = burst
    query = Query(mesh.number["r0c0"], mesh.number["r1c2"], 10**9, 10**5)
    assert path in [mesh.site_ids(found) for found in k_shortest(mesh, query, room)]
    room.burst_bits[mesh.directions(("r0c2", "r1c2"))[0]] -= 1
    assert path not in [mesh.site_ids(found) for found in k_shortest(mesh, query, room)]
