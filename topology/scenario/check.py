"""Whether a scenario makes sense: its shape, what it names, its distances, and who can reach whom.

Later questions are asked only of what the earlier ones left sound, so that one slip is told once and not in
ten follow-ups; all that can be told at once is.
"""

from __future__ import annotations

import math

import networkx as nx
from pydantic import BaseModel, ValidationError

from topology.geography import LIGHT_US_PER_KM, great_circle_km
from topology.network import Network, TrafficClass
from topology.scenario.findings import Findings
from topology.scenario.messages import explain
from topology.scenario.node import Node, Step, show
from topology.scenario.parts import LinkIn, SiteIn
from topology.scenario.reach import latency_from_ms
from topology.scenario.references import check_references, has
from topology.scenario.resolve import resolve
from topology.scenario.schema import ScenarioFile
from topology.variation import JitterDistribution, least

SLACK = 0.999  # coordinates and lengths are rounded
CONTROL_DSCP = 48  # CS6: what switches say to each other, such as BFD
_RESERVED_ONLY = ("burst_mbit", "protection", "avoid_sites", "avoid_operators", "max_hops", "transport")


def check_shape(root: Node, model: type[BaseModel], findings: Findings) -> None:
    """Whether ``root`` is what ``model`` describes."""
    try:
        model.model_validate(root.plain())
    except ValidationError as error:
        explain(error, root, model, findings)


def checked(root: Node, base: str, findings: Findings) -> Network | None:
    """The network of a complete scenario, if ``findings`` stays empty."""
    scenario, sound = _sound_part(root, findings)
    stated = frozenset(root.at(["figures"]).entries())
    check_references(root, findings)
    if scenario is not None:
        _check_places(scenario, sound, findings)
        _check_lengths(scenario, sound, stated, findings)
        _check_marks(scenario, sound, findings)
        _check_reserved(scenario, sound, findings)
    if scenario is None or findings:
        return None
    network = resolve(scenario, base)
    _check_variation(network, root, findings)
    _check_reach(network, root, findings)
    return None if findings else network


def _sound_part(root: Node, findings: Findings) -> tuple[ScenarioFile | None, Node]:
    """The scenario; with mistakes, what is left of it without the parts that have them."""
    try:
        return ScenarioFile.model_validate(root.plain()), root
    except ValidationError as error:
        explain(error, root, ScenarioFile, findings)
        sound = _without(root, {details["loc"][:2] for details in error.errors(include_input=False)})
    try:
        return ScenarioFile.model_validate(sound.plain()), sound
    except ValidationError:
        return None, sound


def _without(root: Node, broken: set[tuple[Step, ...]]) -> Node:
    sections: dict[str, Node] = {}
    for name, section in root.entries().items():
        if (name,) in broken:
            continue
        if isinstance(section.value, dict):
            kept = {key: node for key, node in section.value.items() if (name, key) not in broken}
            section = section.with_value(kept)
        elif isinstance(section.value, list):
            section = section.with_value([n for i, n in enumerate(section.value) if (name, i) not in broken])
        sections[name] = section
    return root.with_value(sections)


def _check_places(scenario: ScenarioFile, root: Node, findings: Findings) -> None:
    for name, site in scenario.sites.items():
        latitude, longitude = site.location
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            continue
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        findings.add(
            root.at(["sites", name, "location"]),
            f"found latitude {latitude:g}, longitude {longitude:g}; expected -90 to 90, -180 to 180 degrees",
            "latitude comes first; are the two swapped?" if swapped else "",
        )


def _check_lengths(scenario: ScenarioFile, root: Node, stated: frozenset[str], findings: Findings) -> None:
    """``stated`` are the figures for the whole scenario, also those with mistakes of their own."""
    for number, link in enumerate(scenario.links):
        node = root.at(["links", number])
        if link.capacity_gbps is None and "capacity_gbps" not in stated:
            hint = "add it here, or figures.capacity_gbps for all such links"
            findings.add(node, "the link states no capacity_gbps", hint)
        a, b = (scenario.sites.get(end) for end in link.ends)
        if link.route_km is None and link.latency_ms is None:
            if link.route_factor is None and "route_factor" not in stated:
                hint = "state one, or figures.route_factor to estimate the length from the great circle"
                findings.add(node, "the link states neither route_km nor latency_ms", hint)
        elif a is not None and b is not None:
            _check_length(link, a, b, scenario.figures.fibre_us_per_km.value, node, findings)


def _check_length(
    link: LinkIn, a: SiteIn, b: SiteIn, fibre_us_per_km: float, node: Node, findings: Findings
) -> None:
    shortest_km = great_circle_km(*a.location, *b.location)
    between = f"from {link.ends[0]} to {link.ends[1]}"
    hint = "check the figure and the coordinates of both sites"
    if link.route_km is not None and link.route_km < SLACK * shortest_km:
        what = f"the route {between} has {link.route_km:g} km, but the great circle has {shortest_km:.1f} km"
        findings.add(node.at(["route_km"]), f"{what}; no cable is shorter", hint)
    if link.latency_ms is not None:
        us_per_km = fibre_us_per_km if link.medium == "fibre" else LIGHT_US_PER_KM
        least_ms = shortest_km * us_per_km / 1000
        if link.latency_ms < SLACK * least_ms:
            light = "light in fibre" if link.medium == "fibre" else "light"
            what = f"found {link.latency_ms:g} ms {between}, but {light} needs {least_ms:.3f} ms"
            findings.add(
                node.at(["latency_ms"]), f"{what} for the great circle of {shortest_km:.1f} km", hint
            )


def _check_marks(scenario: ScenarioFile, root: Node, findings: Findings) -> None:
    dscp, reserved = scenario.routing.dscp, scenario.routing.reserved
    if dscp.best_effort == dscp.compute:
        node = root.at(["routing", "dscp"])
        findings.add(node, f"both classes have the mark {dscp.compute}; expected two different ones")
    if reserved is None:
        return
    taken = {
        dscp.best_effort: "best-effort",
        dscp.compute: "compute",
        CONTROL_DSCP: "the network's own packets (CS6, RFC 2474)",
    }
    for key, mark in (("dscp", reserved.dscp), ("backup_dscp", reserved.backup_dscp)):
        if mark in taken:
            node = root.at(["routing", "reserved", key])
            findings.add(node, f"the mark {mark} is that of {taken[mark]}; expected one of its own")
        taken[mark] = f"routing.reserved.{key}"


def _check_reserved(scenario: ScenarioFile, root: Node, findings: Findings) -> None:
    """Whether *reserved* demands ask for what can be proven, and only they ask for it."""
    for name, demand in scenario.demands.items():
        node = root.at(["demands", name])
        if demand.class_ is not TrafficClass.RESERVED:
            asked = [key for key in _RESERVED_ONLY if node.get(key) is not None]
            if asked:
                findings.add(
                    node.at([asked[0]]),
                    f"{', '.join(asked)} of a demand of class {demand.class_}; only reserved ones ask for it",
                    "make it 'class: reserved', or take it out",
                )
        elif scenario.routing.reserved is None:
            findings.add(
                node,
                "a reserved demand, but the links set nothing aside for such",
                "add 'reserved: {}' under routing (docs/scenarios.md)",
            )
        elif demand.max_one_way_ms is None:
            findings.add(
                node,
                "a reserved demand states no max_one_way_ms",
                "say which one-way delay must never be exceeded",
            )


def _check_variation(network: Network, root: Node, findings: Findings) -> None:
    """Whether what links state of their jitter can be."""
    for number, link in enumerate(network.links.values()):
        node = root.at(["links", number])
        stated = [key for key in ("jitter_distribution", "reorders") if has(node, key)]
        if stated and not link.jitter_ms:
            hint = "state jitter_ms here, or figures.jitter_ms for all links"
            findings.add(node.at([stated[0]]), f"states {' and '.join(stated)}, but no jitter", hint)
        if link.jitter_distribution is JitterDistribution.UNIFORM:
            continue  # cut to the latency, which leaves its shape
        latency_ms, depth = network.link_latency_ms(link), -least(link.jitter_distribution)
        if link.jitter_ms * depth > latency_ms:
            findings.add(
                node.at(["jitter_distribution"]),
                f"{link.jitter_distribution} jitter of {link.jitter_ms:g} ms reaches"
                f" {link.jitter_ms * depth:.3g} ms below the mean, but the link has only {latency_ms:.3f} ms",
                f"state at most {math.floor(latency_ms / depth * 1000) / 1000:g} ms of jitter",
            )


def _check_reach(network: Network, root: Node, findings: Findings) -> None:
    pieces = sorted(nx.connected_components(network.graph), key=len, reverse=True)
    if len(pieces) > 1:
        sizes = ", ".join(str(len(piece)) for piece in pieces[:10]) + (", …" if len(pieces) > 10 else "")
        apart = [site for site in network.sites if site not in pieces[0]]
        shown = ", ".join(apart[:10]) + (", …" if len(apart) > 10 else "")
        findings.add(
            root.at(["links"]),
            f"the network is in {len(pieces)} pieces, of {sizes} sites; expected one",
            f"join or remove the sites apart from the largest piece: {shown}",
        )
    reached: dict[str, dict[str, float]] = {}

    def reachable(source: str) -> dict[str, float]:
        if source not in reached:
            reached[source] = latency_from_ms(network, source)
        return reached[source]

    for name, demand in network.demands.items():
        node = root.at(["demands", name])
        if not demand.destination:
            what = f"no instance of {show(demand.service)} can be reached from {show(demand.source)}"
            findings.add(node, what, _WAY_HINT)
        elif demand.destination == demand.source:
            what = f"{show(demand.source)} has an instance of {show(demand.service)} itself"
            findings.add(
                node, f"{what}; a demand must cross the network", "remove the demand, or move one of them"
            )
        elif demand.destination not in reachable(demand.source):
            what = f"{show(demand.destination)} cannot be reached from {show(demand.source)}"
            findings.add(node, what, _WAY_HINT)
    if len(pieces) > 1:
        return
    source = network.comparison.source
    if source in network.comparison.destinations:
        findings.add(root.at(["measure", "to"]), f"measures from {show(source)} to itself", "take it out")
    lost = [site for site in network.comparison.destinations if site not in reachable(source)]
    if lost:
        shown = ", ".join(lost[:10]) + (", …" if len(lost) > 10 else "")
        findings.add(root.at(["measure"]), f"cannot be reached from {show(source)}: {shown}", _WAY_HINT)


_WAY_HINT = "add a link, or carries_transit: true at a site on the way (cluster, metro and cdn carry none)"
