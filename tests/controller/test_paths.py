"""Least-delay paths against brute force, and the two properties everything else relies on."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings

from controller.paths import is_narrow, least_delay_paths, link_latency_ns
from tests.controller.strategies import four_sites, network_of, networks
from topology.network import Network, TrafficClass

CLASSES = list(TrafficClass)


def brute_force(
    network: Network, source: str, destination: str, traffic_class: TrafficClass
) -> tuple[str, ...] | None:
    """The least of all simple paths, by the order ``controller.paths`` documents."""
    position = {link: number for number, link in enumerate(network.links)}

    def order(path: list[str]) -> tuple[object, ...]:
        links = list(network.path_links(tuple(path)))
        compute = traffic_class is TrafficClass.COMPUTE
        return (
            sum(is_narrow(network, link) for link in links) if compute else 0,
            sum(Fraction(link_latency_ns(network, link)) for link in links),
            len(links),
            sorted((position[link.id] for link in links), reverse=True),
        )

    allowed = [
        path
        for path in nx.all_simple_paths(network.graph, source, destination)
        if all(network.sites[site].carries_transit for site in path[1:-1])
    ]
    return tuple(min(allowed, key=order)) if allowed else None


@settings(max_examples=150)
@given(networks(max_sites=6))
def test_equals_brute_force(network: Network) -> None:
    for traffic_class in CLASSES:
        paths = least_delay_paths(network, traffic_class=traffic_class)
        for source in network.sites:
            for destination in network.sites:
                if source != destination:
                    expected = brute_force(network, source, destination, traffic_class)
                    assert paths.get((source, destination)) == expected


@settings(max_examples=100)
@given(networks(max_sites=9))
def test_same_way_back_and_every_part_is_chosen(network: Network) -> None:
    for traffic_class in CLASSES:
        paths = least_delay_paths(network, traffic_class=traffic_class)
        for (source, destination), path in paths.items():
            assert paths[destination, source] == path[::-1]
            for start in range(len(path)):
                for end in range(start + 1, len(path)):
                    assert paths[path[start], path[end]] == path[start : end + 1], (source, destination)


@settings(max_examples=50)
@given(networks(max_sites=9))
def test_latency_equals_networkx(network: Network) -> None:
    graph = nx.DiGraph()
    for link in network.links.values():
        for a, b in ((link.a, link.b), (link.b, link.a)):
            graph.add_edge(a, b, ns=link_latency_ns(network, link))
    paths = least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)
    for source in network.sites:
        inner = [site for site, here in network.sites.items() if here.carries_transit or site == source]
        for destination in network.sites:
            if source == destination or source not in graph or destination not in graph:
                continue
            usable = graph.subgraph({*inner, destination})
            try:
                expected = nx.dijkstra_path_length(usable, source, destination, weight="ns")
            except nx.NetworkXNoPath:
                assert (source, destination) not in paths
                continue
            chosen = paths[source, destination]
            assert sum(graph.edges[edge]["ns"] for edge in pairwise(chosen)) == expected


def test_compute_prefers_wide_links_to_short_ones() -> None:
    network = four_sites()
    assert least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)["a", "d"] == ("a", "b", "d")
    assert least_delay_paths(network, traffic_class=TrafficClass.COMPUTE)["a", "d"] == ("a", "c", "d")


def test_compute_crosses_as_few_narrow_links_as_it_must() -> None:
    network = network_of(
        "abcd", [("a", "b", 1, 10), ("b", "c", 1, 10), ("a", "d", 5, 100), ("d", "c", 5, 10)]
    )
    assert least_delay_paths(network, traffic_class=TrafficClass.COMPUTE)["a", "c"] == ("a", "d", "c")


def test_a_site_without_transit_only_ends_paths() -> None:
    network = network_of("abc", [("a", "b", 1, 100), ("b", "c", 1, 100), ("a", "c", 9, 100)], no_transit="b")
    paths = least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)
    assert paths["a", "c"] == ("a", "c")
    assert paths["a", "b"] == ("a", "b")
    assert paths["b", "c"] == ("b", "c")


def test_ties_hops_then_the_links_listed_first() -> None:
    more_hops = network_of("abc", [("a", "b", 1, 100), ("b", "c", 1, 100), ("a", "c", 2, 100)])
    assert least_delay_paths(more_hops, traffic_class=TrafficClass.BEST_EFFORT)["a", "c"] == ("a", "c")
    square = network_of(
        "abcd", [("a", "c", 1, 100), ("c", "d", 1, 100), ("a", "b", 1, 100), ("b", "d", 1, 100)]
    )
    assert least_delay_paths(square, traffic_class=TrafficClass.BEST_EFFORT)["a", "d"] == ("a", "c", "d")


def test_binary_fractions_do_not_decide_ties() -> None:
    """0.1 + 0.2 is more than 0.3 in floating point; in nanoseconds they tie, and one hop wins over two."""
    network = network_of("abc", [("a", "b", 0.1, 100), ("b", "c", 0.2, 100), ("a", "c", 0.3, 100)])
    assert 0.1 + 0.2 > 0.3
    assert least_delay_paths(network, traffic_class=TrafficClass.BEST_EFFORT)["a", "c"] == ("a", "c")
    longer = network_of("abc", [("a", "b", 0.1, 100), ("b", "c", 0.2, 100), ("a", "c", 0.300001, 100)])
    assert least_delay_paths(longer, traffic_class=TrafficClass.BEST_EFFORT)["a", "c"] == ("a", "b", "c")


@pytest.mark.parametrize("traffic_class", CLASSES)
def test_without_links_and_sites(traffic_class: TrafficClass) -> None:
    network = four_sites()
    cut = least_delay_paths(network, traffic_class=traffic_class, without_links={"a--b", "a--c"})
    assert not [pair for pair in cut if "a" in pair]
    assert cut["b", "c"] == ("b", "d", "c")
    smaller = least_delay_paths(network, traffic_class=traffic_class, without_sites={"b"})
    assert smaller["a", "d"] == ("a", "c", "d")
    assert not [pair for pair in smaller if "b" in pair]
