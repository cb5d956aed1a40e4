"""Whether each candidate can be built: its ends, its route, its capacities and its time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from experiments.proposals.document.parts import CandidateIn
from experiments.proposals.model import Build
from topology.network import Network
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.resolve import distance_km

SLACK = 0.999  # coordinates and lengths are rounded


def check_candidates(
    candidates: Mapping[str, tuple[Node, CandidateIn]], base: Network, years: int | None, findings: Findings
) -> None:
    """Add whatever is wrong with ``candidates``, whose shape is sound; ``years`` of the study, if known."""
    pairs: dict[frozenset[str], str] = {}
    for name, (node, part) in candidates.items():
        if name in base.links:
            findings.add(node, f"the base has a link {show(name)} already", "choose another id")
        _check_ends(name, part, node, base, pairs, findings)
        _check_route(part, node, base, findings)
        _check_steps(part, node, findings)
        if years is not None and part.lead_time_years >= years:
            what = f"takes {part.lead_time_years} years to build, and the study ends after {years}"
            hint = "it can never be in service: look at more years, or take it out"
            findings.add(node.at(["lead_time_years"]), what, hint)


def _check_ends(
    name: str,
    part: CandidateIn,
    node: Node,
    base: Network,
    pairs: dict[frozenset[str], str],
    findings: Findings,
) -> None:
    a, b = part.ends
    ends = node.at(["ends"])
    if a == b:
        findings.add(ends, f"a link from {show(a)} to itself; expected two sites")
    elif base.graph.has_edge(a, b):
        what = f"{a} and {b} already have the link {show(base.link_between(a, b).id)} in the base"
        findings.add(
            ends, what, "a candidate joins two sites without a link; wider links belong into an overlay"
        )
    elif (pair := frozenset(part.ends)) in pairs:
        hint = "one candidate may have several capacity steps"
        findings.add(ends, f"joins the same two sites as the candidate {show(pairs[pair])}", hint)
    else:
        pairs[pair] = name


def _check_route(part: CandidateIn, node: Node, base: Network, findings: Findings) -> None:
    if part.along:
        _check_along(part, node.at(["along"]), base, findings)
    if part.along and part.route_km is not None:
        hint = "keep one: each alone fixes the length"
        findings.add(node.at(["route_km"]), "states along and route_km; they exclude each other", hint)
    a, b = (base.sites.get(end) for end in part.ends)
    if part.route_km is None or a is None or b is None:
        return
    shortest_km = distance_km(a, b)
    if part.route_km < SLACK * shortest_km:
        what = f"the route from {a.id} to {b.id} has {part.route_km:g} km"
        what += f", but the great circle has {shortest_km:.1f} km; no cable is shorter"
        findings.add(node.at(["route_km"]), what, "check the figure, or leave it out")


def _check_along(part: CandidateIn, node: Node, base: Network, findings: Findings) -> None:
    if part.build is Build.NEW_CABLE:
        hint = "write 'build: existing-fibre', or leave 'along' out"
        findings.add(
            node, "a new cable follows no links of the base; 'along' is for fibre that lies there", hint
        )
    if len(part.along) < 2:
        findings.add(node, "found 1 entry; expected at least 2: the fibre between them is followed")
    if len(set(part.along)) < len(part.along):
        findings.add(node, "passes a site twice", "name each site on the way once, in the order of the way")
    inner = set(part.ends).intersection(part.along[1:-1])
    if inner or part.along[0] == part.ends[1] or part.along[-1] == part.ends[0]:
        what = f"does not lead from {part.ends[0]} to {part.ends[1]}"
        findings.add(node, what, "name the sites in the order of the way, from the first end to the second")
    for number, (here, there) in enumerate(itertools.pairwise(part.along)):
        known = here in base.sites and there in base.sites
        if known and here != there and not base.graph.has_edge(here, there):
            near = ", ".join(list(base.graph[here])[:8])
            what = f"the base has no link between {here} and {there}, so no fibre to follow"
            findings.add(node.at([number + 1]), what, f"{here} has links to: {near}")


def _check_steps(part: CandidateIn, node: Node, findings: Findings) -> None:
    steps = part.capacity_steps_gbps
    for number, (lower, upper) in enumerate(itertools.pairwise(steps)):
        if upper <= lower:
            what = f"the step {upper:g} follows {lower:g}; expected capacities in ascending order"
            findings.add(node.at(["capacity_steps_gbps", number + 1]), what, "each once, the smallest first")
