"""What proves a flow optimal, computed apart from the code that found it."""

from __future__ import annotations

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest

from controller.highs import library, solver
from experiments.proposals.building import with_portfolio
from experiments.proposals.findings import Choice
from experiments.proposals.flow import Built, Flows


def directed(flows: Flows, built: Built) -> nx.MultiDiGraph:
    """The network with what is built; its edges carry ``latency`` and ``capacity``, ms and Gbit/s."""
    study = flows.study
    portfolio = [Choice(name, capacity, study.first_year) for name, capacity in built.items()]
    network = with_portfolio(study, portfolio)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(network.sites)
    for link in network.links.values():
        for a, b in ((link.a, link.b), (link.b, link.a)):
            latency = network.link_latency_ms(link)
            graph.add_edge(a, b, key=link.id, latency=latency, capacity=link.capacity_gbps)
    return graph


def pair_rates(flows: Flows, year: int) -> dict[tuple[str, str], float]:
    """Demands by the ids of their ends."""
    sites = flows.arcs.sites
    return {
        (sites[a], sites[b]): float(rate)
        for (a, b), rate in zip(flows.rates.pairs, flows.rates.gbps[year], strict=True)
    }


def open_to(flows: Flows, graph: nx.MultiDiGraph, source: str, destination: str) -> nx.MultiDiGraph:
    """Without the sites that traffic of this pair may not cross."""
    sites = flows.study.base.sites
    closed = [site for site in sites if not sites[site].carries_transit and site not in (source, destination)]
    return graph.subgraph(set(graph) - set(closed))


def cost_over_all_paths(flows: Flows, built: Built, year: int) -> float:
    """The minimum by enumeration: one column for every simple path of every pair, nothing aggregated."""
    graph, unserved = directed(flows, built), flows.unserved_ms
    columns: list[tuple[int, float, list[tuple[str, str, str]]]] = []
    rates = pair_rates(flows, year)
    for number, (source, destination) in enumerate(rates):
        columns.append((number, unserved, []))
        within = open_to(flows, graph, source, destination)
        paths = nx.all_simple_edge_paths(within, source, destination)
        columns += [(number, sum(graph.edges[edge]["latency"] for edge in path), path) for path in paths]
    if not rates:
        return 0.0
    highs = library("tests")
    made = solver("tests")
    for column, (_, cost, _) in enumerate(columns):
        made.addVar(0.0, highs.kHighsInf)
        made.changeColCost(column, cost)
    for number, rate in enumerate(rates.values()):
        index = [column for column, entry in enumerate(columns) if entry[0] == number]
        made.addRow(rate, rate, len(index), np.array(index, dtype=np.int32), np.ones(len(index)))
    for edge in graph.edges(keys=True):
        index = [column for column, entry in enumerate(columns) if edge in entry[2]]
        limit = graph.edges[edge]["capacity"]
        made.addRow(-highs.kHighsInf, limit, len(index), np.array(index, dtype=np.int32), np.ones(len(index)))
    made.run()
    assert made.getModelStatus() == highs.HighsModelStatus.kOptimal
    return float(made.getInfo().objective_function_value)


def assert_optimal(flows: Flows, built: Built, year: int) -> None:
    """The flow keeps every rule, and its prices bound every flow from below by just what it costs.

    For prices ``y ≥ 0`` of the arcs, any flow costs at least the sum over pairs of rate x the cheapest path
    by latency + price (or ``unserved_ms``), less the sum of price x capacity: the Lagrangian dual, here in
    exact fractions.
    """
    solution = flows.solve(built, year)
    arcs, rates = flows.arcs, flows.rates
    capacity = np.repeat(arcs.capacities_gbps(built), 2)
    assert (solution.flows_gbps.sum(axis=0) <= capacity + 1e-7).all()
    assert (solution.unserved_gbps <= rates.gbps[year] + 1e-7).all()
    _assert_conserved(flows, solution, year)
    graph = directed(flows, built)
    bound = Fraction(0)
    for arc, price in enumerate(solution.prices_ms):
        link = arcs.links[arc // 2]
        if capacity[arc] > 0:
            bound -= Fraction(float(price)) * Fraction(float(capacity[arc]))
            ends = (link.a, link.b) if arc % 2 == 0 else (link.b, link.a)
            entry = graph.edges[(*ends, link.id)]
            entry["dual"] = Fraction(entry["latency"]) + Fraction(float(price))
    for (source, destination), rate in pair_rates(flows, year).items():
        within = open_to(flows, graph, source, destination)
        cheapest = Fraction(flows.unserved_ms)
        if nx.has_path(within, source, destination):
            cheapest = min(cheapest, nx.dijkstra_path_length(within, source, destination, weight="dual"))
        bound += Fraction(rate) * cheapest
    assert float(bound) == pytest.approx(flows.cost(built, year), rel=1e-9, abs=1e-9)


def _assert_conserved(flows: Flows, solution: object, year: int) -> None:
    """What enters a site of a root's traffic and does not leave it is what is served there."""
    arcs, rates = flows.arcs, flows.rates
    for number, root in enumerate(flows.program.layout.roots):
        carried = solution.flows_gbps[number]
        kept = np.zeros(len(arcs.sites))
        np.add.at(kept, arcs.head, carried)
        np.subtract.at(kept, arcs.tail, carried)
        if root.towards:
            kept = -kept
        for pair, leaf in zip(root.pairs, root.leaves, strict=True):
            assert rates.pairs[pair] == ((leaf, root.site) if root.towards else (root.site, leaf))
            kept[leaf] -= rates.gbps[year, pair] - solution.unserved_gbps[pair]
        kept[root.site] = 0.0
        assert kept == pytest.approx(np.zeros(len(kept)), abs=1e-7)
        for arc in np.flatnonzero(carried > 1e-9):
            inner = arcs.head[arc] if root.towards else arcs.tail[arc]
            assert arcs.carries_transit[inner] or inner == root.site
    gathered = sorted(pair for root in flows.program.layout.roots for pair in root.pairs)
    assert gathered == list(range(len(rates.pairs)))
