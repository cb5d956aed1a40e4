"""Whether anything can come of a study: who is reached, who would use a link, and what the money buys."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from experiments.proposals.building import with_portfolio
from experiments.proposals.costs import build_cny_million
from experiments.proposals.findings import Choice
from experiments.proposals.model import Budget, Candidate, Study
from topology.network import Demand, Network
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.reach import latency_from_ms

_WAY_HINT = (
    "add a candidate, or carries_transit: true at a site on the way (cluster, metro and cdn carry none)"
)


def check_sense(study: Study, root: Node, findings: Findings) -> None:
    """Add whatever makes ``study``, which is well-formed, a question without an answer."""
    last = study.first_year + study.years
    everything = with_portfolio(
        study, [Choice(one.id, one.capacity_steps_gbps[-1], last) for one in study.candidates.values()]
    )
    _check_demands(study, everything, root, findings)
    _check_targets(study, everything, root, findings)
    _check_use(study, root, findings)
    if findings:
        return
    _check_unserved(study, everything, root, findings)
    if what := why_nothing_fits(study, study.budget):
        findings.add(root.at(["budget"]), what, "raise the budget, or look for shorter links")


def why_nothing_fits(study: Study, budget: Budget) -> str:
    """Why ``budget`` buys none of the candidates, one sentence; empty if it buys one.

    Whatever changes a budget after the study was read (an option) asks this again.
    """
    costs = {
        one.id: build_cny_million(study, one, one.capacity_steps_gbps[0]) for one in study.candidates.values()
    }
    cheapest = min(costs, key=lambda name: costs[name])
    at = f"{show(cheapest)} at {study.candidates[cheapest].capacity_steps_gbps[0]:g} Gbit/s"
    if costs[cheapest] > budget.total_cny_million:
        return (
            f"a budget of CNY {budget.total_cny_million:g} million buys nothing: "
            f"the cheapest candidate, {at}, costs {costs[cheapest]:.1f}"
        )
    fits = (
        costs[one.id] <= min((budget.total_cny_million, *budget.yearly_cny_million[year : year + 1]))
        for one in study.candidates.values()
        for year in range(study.years - one.lead_time_years)
    )
    if budget.yearly_cny_million and not any(fits):
        return f"no year's ceiling buys anything: the cheapest candidate, {at}, costs {costs[cheapest]:.1f}"
    return ""


def _check_demands(study: Study, everything: Network, root: Node, findings: Findings) -> None:
    reached: dict[str, dict[str, float]] = {}
    for entry in study.demands:
        demand = entry.demand
        node = root.at(["demands", demand.id])
        if not demand.destination:
            what = f"no instance of {show(demand.service)} can be reached from {show(demand.source)}"
            findings.add(node, what, "ask for a site: 'to' instead of 'service'")
            continue
        if demand.destination == demand.source:
            what = f"{show(demand.source)} has an instance of {show(demand.service)} itself"
            findings.add(node, f"{what}; a demand must cross the network", "remove the demand")
            continue
        if demand.source not in reached:
            reached[demand.source] = latency_from_ms(everything, demand.source)
        if demand.destination not in reached[demand.source]:
            what = f"{show(demand.destination)} cannot be reached from {show(demand.source)}"
            findings.add(node, f"{what}, not even with every candidate", _WAY_HINT)
        elif (room := _room_gbps(everything, demand)) < demand.rate_gbps:
            what = f"asks for {demand.rate_gbps:g} Gbit/s, but all ways from {demand.source} to"
            what += f" {demand.destination} together carry {room:g}, with every candidate at its last step"
            findings.add(node.at(["rate_gbps"]), what, "lower the rate, or give candidates larger steps")


def _room_gbps(network: Network, demand: Demand) -> float:
    """The most that ``network`` carries for ``demand`` alone, or its rate if that is less (maximum flow)."""
    ends = (demand.source, demand.destination)
    graph = nx.Graph()
    for link in network.links.values():
        if all(site in ends or network.sites[site].carries_transit for site in (link.a, link.b)):
            graph.add_edge(link.a, link.b, capacity=link.capacity_gbps)
    flow = nx.algorithms.flow.edmonds_karp(
        graph, *ends, capacity="capacity", value_only=True, cutoff=demand.rate_gbps
    )
    return float(flow.graph["flow_value"])


def _check_targets(study: Study, everything: Network, root: Node, findings: Findings) -> None:
    for target in study.targets:
        reached = latency_from_ms(everything, target.source)
        node = root.at(["targets", target.id])
        for number, site in enumerate(target.destinations):
            if site not in reached:
                what = f"{show(site)} cannot be reached from {show(target.source)}"
                findings.add(node.at(["to", number]), f"{what}, not even with every candidate", _WAY_HINT)
                continue
            floor_ms = study.base.floor_one_way_ms(target.source, site)
            if target.max_one_way_ms < floor_ms:
                what = f"{target.max_one_way_ms:g} ms from {target.source} to {site}"
                what += f", but light in fibre needs {floor_ms:.3f} ms for the great circle"
                findings.add(node.at(["max_one_way_ms"]), what, "no link can meet it; check the figure")


def _check_use(study: Study, root: Node, findings: Findings) -> None:
    """A link carries what begins or ends at its ends, or crosses them where they carry transit."""
    pairs = [(entry.demand.source, entry.demand.destination) for entry in study.demands]
    pairs += [(target.source, site) for target in study.targets for site in target.destinations]
    for candidate in study.candidates.values():
        idle = list(_idle_ends(study, candidate, pairs))
        if idle:
            what = f"no demand and no target can ever use it: {' and '.join(idle)}"
            hint = "add a demand, let it end at a backbone node, or take it out"
            findings.add(root.at(["candidates", candidate.id]), what, hint)


def _idle_ends(study: Study, candidate: Candidate, pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Why ``candidate`` lies idle, end by end; nothing if it has a use."""
    opaque = [end for end in (candidate.a, candidate.b) if not study.base.sites[end].carries_transit]
    if len(opaque) == 2:
        if not any(set(opaque) == set(pair) for pair in pairs):
            yield f"neither {opaque[0]} nor {opaque[1]} carries transit, and nothing goes between them"
    elif opaque and not any(opaque[0] in pair for pair in pairs):
        yield f"{opaque[0]} carries no transit, and nothing begins or ends there"


def _check_unserved(study: Study, everything: Network, root: Node, findings: Findings) -> None:
    """Traffic that finds no place must never count as better than traffic that is merely late."""
    longest_ms, source, destination = 0.0, "", ""
    for entry in study.demands:
        demand = entry.demand
        for network in (study.base, everything):
            latency_ms = latency_from_ms(network, demand.source).get(demand.destination, 0.0)
            if latency_ms > longest_ms:
                longest_ms, source, destination = latency_ms, demand.source, demand.destination
    figure = study.figures["unserved_ms"]
    if figure.low <= longest_ms:
        what = f"demand without a place counts as {figure.low:g} ms late, but from {source} to {destination}"
        what += f" the way itself takes {longest_ms:.1f} ms: not serving it would count as better"
        key = "low" if root.at(["figures", "unserved_ms"]).get("low") is not None else "value"
        findings.add(
            root.at(["figures", "unserved_ms", key]), what, "choose a figure far above any way's delay"
        )
