"""What failures do, by plain networkx, one Dijkstra per source and failure: slow and obviously right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

import networkx as nx
from hypothesis import strategies as st

from controller.paths import link_latency_ns
from experiments.proposals.findings import Cut
from tests.controller.strategies import networks
from topology.network import Demand, Network, TrafficClass


@st.composite
def risky_networks(draw: st.DrawFn, max_sites: int = 7) -> Network:
    """Random networks with shared-risk groups and demands."""
    network = draw(networks(max_sites=max_sites))
    names = st.lists(st.sampled_from(["bridge", "duct"]), max_size=2).map(tuple)
    links = {key: replace(link, shared_risk_groups=draw(names)) for key, link in network.links.items()}
    ends = st.sampled_from(list(combinations(network.sites, 2)))
    turned = st.builds(lambda pair, turn: pair[::-1] if turn else pair, ends, st.booleans())
    pairs = draw(st.lists(turned, max_size=5))
    rates = st.integers(1, 100).map(float)
    demands = {
        f"d{number}": Demand(f"d{number}", a, b, draw(rates), TrafficClass.BEST_EFFORT)
        for number, (a, b) in enumerate(pairs)
    }
    return replace(network, links=links, demands=demands)


def links_down(network: Network, names: Collection[str]) -> set[str]:
    """The links that fail with links, ``site:`` and ``group:`` names."""
    return {
        link.id
        for link in network.links.values()
        if link.id in names
        or {f"site:{link.a}", f"site:{link.b}"} & set(names)
        or {f"group:{group}" for group in link.shared_risk_groups} & set(names)
    }


def delays_ns(network: Network, down: Collection[str] = ()) -> dict[tuple[str, str], int]:
    """Least delay of every joined pair of different sites, in both orders."""
    found = {}
    for source in network.sites:
        graph = nx.DiGraph()
        graph.add_nodes_from(network.sites)
        for link in network.links.values():
            for tail, head in ((link.a, link.b), (link.b, link.a)):
                may_leave = tail == source or network.sites[tail].carries_transit
                if link.id not in down and may_leave:
                    least = graph.edges[tail, head]["ns"] if graph.has_edge(tail, head) else None
                    ns = link_latency_ns(network, link)
                    graph.add_edge(tail, head, ns=ns if least is None else min(ns, least))
        lengths = nx.single_source_dijkstra_path_length(graph, source, weight="ns")
        found |= {(source, site): int(ns) for site, ns in lengths.items() if site != source}
    return found


def cut(network: Network, demands: Sequence[Demand] | None, names: tuple[str, ...]) -> Cut:
    """What the failure of ``names`` does."""
    before, after = delays_ns(network), delays_ns(network, links_down(network, names))
    rates = (
        [(pair, 1.0) for pair in combinations(network.sites, 2)]
        if demands is None
        else [((demand.source, demand.destination), demand.rate_gbps) for demand in demands]
    )
    served = [(pair, rate) for pair, rate in rates if pair in after]
    added = sum(rate * (after[pair] - before[pair]) for pair, rate in served)
    rate_served = sum(rate for _, rate in served)
    return Cut(
        failed=names,
        lost_gbps=sum(rate for pair, rate in rates if pair in before and pair not in after),
        delay_added_ms=added / rate_served / 1e6 if rate_served else 0.0,
        pairs_cut_off=len(set(before) - set(after)) // 2,
    )
