"""Whether what a scenario names exists, and whether its figures say where they come from.

Works on the tree of the file, so that a part with a mistake elsewhere is still looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from topology.hints import did_you_mean
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.overlay import FIGURES, SECTIONS, link_ends, link_id, parts_of

_ALTERNATIVES = (
    (("route_km", "latency_ms", "route_factor"), "keep one: each alone fixes the length and the latency"),
    (("loss_ratio", "burst_loss"), "keep one: burst_loss says how many are lost as well"),
)


def check_references(root: Node, findings: Findings) -> None:
    """Add to ``findings`` whatever in ``root`` names something unknown, twice, or without provenance."""
    known = {section: parts_of(root, section) for section in (*SECTIONS, "sources")}
    for site in known["sites"].values():
        check_name("operator", site.get("operator"), known["operators"], findings)
        _provenance(site, "sites", known["sources"], findings)
    links = root.get("links")
    _links(links.items() if links is not None else [], known, findings)
    for operator in known["operators"].values():
        check_sources(operator, known["sources"], findings)
    for service in known["services"].values():
        check_sources(service, known["sources"], findings)
        check_names("site", service.get("instances"), known["sites"], findings)
    for demand in known["demands"].values():
        _provenance(demand, "demands", known["sources"], findings)
        check_demand(demand, known, findings)
    figures = root.get("figures")
    for figure in figures.entries().values() if figures is not None else ():
        if isinstance(figure.value, dict):
            check_sources(figure, known["sources"], findings)
            check_stated(figure, "the figure", findings)
    measure = root.get("measure")
    if measure is not None:
        check_name("site", measure.get("from"), known["sites"], findings)
        check_names("site", measure.get("to"), known["sites"], findings)


def _links(links: Iterable[Node], known: dict[str, dict[str, Node]], findings: Findings) -> None:
    ids: dict[str, Node] = {}
    pairs: dict[frozenset[str], Node] = {}
    for link in links:
        if findings.full:
            return
        check_name("operator", link.get("operator"), known["operators"], findings)
        _provenance(link, "links", known["sources"], findings)
        _alternatives(link, findings)
        ends = link_ends(link)
        if ends is None:
            continue
        for number, site in enumerate(ends):
            _named("site", site, link.at(["ends", number]), known["sites"], findings)
        name, pair = link_id(link), frozenset(ends)
        if len(pair) == 1:
            findings.add(link, f"a link from {show(ends[0])} to itself; expected two sites")
        elif pair in pairs:
            line = _in_line(pairs[pair])
            hint = "parallel links are not supported: make one link of their capacities together"
            findings.add(link, f"{ends[0]} and {ends[1]} already have a link{line}", hint)
        elif name is not None and name in ids:
            findings.add(
                link, f"the link id {show(name)} is already taken{_in_line(ids[name])}", "choose another"
            )
        pairs.setdefault(pair, link)
        if name is not None:
            ids.setdefault(name, link)


def _alternatives(link: Node, findings: Findings) -> None:
    for keys, hint in _ALTERNATIVES:
        stated = [key for key in keys if has(link, key)]
        if len(stated) > 1:
            what = f"states {' and '.join(stated)}; they exclude each other"
            findings.add(link.at([stated[1]]), what, hint)


def check_demand(demand: Node, known: Mapping[str, Mapping[str, object]], findings: Findings) -> None:
    """Add whatever a demand names that is not among the ``known`` sites, services and operators."""
    check_name("site", demand.get("from"), known["sites"], findings)
    check_name("site", demand.get("to"), known["sites"], findings)
    check_name("service", demand.get("service"), known["services"], findings)
    if isinstance(demand.value, dict):
        towards = [key for key in ("to", "service") if has(demand, key)]
        if len(towards) != 1:
            found = "both 'to' and 'service'" if towards else "neither 'to' nor 'service'"
            findings.add(demand, f"states {found}; expected one of them", "say where the traffic goes")
    check_names("site", demand.get("avoid_sites"), known["sites"], findings)
    check_names("operator", demand.get("avoid_operators"), known["operators"], findings)
    start, end = demand.get("from"), demand.get("to")
    if start is not None and end is not None and start.text() is not None and start.text() == end.text():
        findings.add(end, f"a demand from {show(start)} to itself", "name another site")


def check_name(what: str, node: Node | None, known: Mapping[str, object], findings: Findings) -> None:
    """Whether ``node``, if it is a text, names one of the ``known``; ``what`` they are, in the singular."""
    if node is not None and (name := node.text()) is not None:
        _named(what, name, node, known, findings)


def _named(what: str, name: str, node: Node, known: Mapping[str, object], findings: Findings) -> None:
    if name in known or name in findings.reported or findings.full:
        return
    hint = did_you_mean(name, known) or f"the scenario has no {what}s; add it"
    findings.add(node, f"unknown {what} {show(name)}", hint)


def check_names(what: str, node: Node | None, known: Mapping[str, object], findings: Findings) -> None:
    """Whether ``node``, if it is a list, names some of the ``known``, each once."""
    seen: set[str] = set()
    for item in node.items() if node is not None else []:
        check_name(what, item, known, findings)
        if (name := item.text()) is not None and name in seen:
            findings.add(item, f"the {what} {show(name)} is named twice", "name it once")
        seen.add(item.text() or "")


def _provenance(part: Node, section: str, sources: dict[str, Node], findings: Findings) -> None:
    check_sources(part, sources, findings)
    stated = [key for key in FIGURES[section] if has(part, key)]
    if stated:
        check_stated(part, ", ".join(stated), findings)


def check_sources(part: Node, sources: Mapping[str, object], findings: Findings) -> None:
    """Whether the sources that ``part`` names are among ``sources``."""
    node = part.get("source")
    for item in [node, *node.items()] if node is not None else []:
        check_name("source", item, sources, findings)


def check_stated(part: Node, what: str, findings: Findings) -> None:
    """Whether ``part`` has a source or an assumption for ``what``."""
    assumption = part.get("assumption")
    if not has(part, "source") and (assumption is None or assumption.value in (None, "")):
        hint = "add 'source: ID' (an id of the sources section) or 'assumption: WHY'"
        findings.add(part, f"nothing says where {what} comes from", hint)


def has(part: Node, key: str) -> bool:
    """Whether ``part`` states anything under ``key``."""
    node = part.get(key)
    return node is not None and node.value is not None and node.value != []


def _in_line(node: Node) -> str:
    return f" in line {node.place.line}" if node.place.line else ""
