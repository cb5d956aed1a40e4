"""Whether what a study names exists, and whether its figures say where they come from.

Works on the tree of the file, so that a part with a mistake elsewhere is still looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from experiments.proposals.document.parts import FIGURE_KEYS
from topology.network import Network
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.overlay import merge_sources, parts_of
from topology.scenario.references import (
    check_demand,
    check_name,
    check_names,
    check_sources,
    check_stated,
    has,
)

Known = Mapping[str, Mapping[str, object]]


def check_references(root: Node, base_root: Node, base: Network, findings: Findings) -> None:
    """Add to ``findings`` whatever in ``root`` names something unknown, or has figures without provenance."""
    sections = dict(base_root.entries())
    merge_sources(sections, root, findings)
    known: Known = {
        "sites": base.sites,
        "operators": base.operators,
        "services": base.services,
        "sources": sections["sources"].entries() if "sources" in sections else {},
    }
    for candidate in parts_of(root, "candidates").values():
        _candidate(candidate, known, findings)
    _demands(root, base, known, findings)
    for target in parts_of(root, "targets").values():
        _target(target, known, findings)
    for figure in parts_of(root, "figures").values():
        _provenance(figure, "the figure", known, findings)
    if (budget := root.get("budget")) is not None:
        _provenance(budget, "the budget", known, findings)


def _candidate(candidate: Node, known: Known, findings: Findings) -> None:
    for key in ("ends", "along"):
        for site in candidate.at([key]).items():
            check_name("site", site, known["sites"], findings)
    check_name("operator", candidate.get("operator"), known["operators"], findings)
    stated = ", ".join(key for key in FIGURE_KEYS if has(candidate, key))
    _provenance(candidate, stated, known, findings)
    for key in ("build_cny_million", "yearly_cny_million"):
        _own_sources(candidate.get(key), known, findings)


def _demands(root: Node, base: Network, known: Known, findings: Findings) -> None:
    whole = root.get("base_demands")
    with_base = whole is None or whole.value is True
    demands = parts_of(root, "demands")
    for name, demand in demands.items():
        check_demand(demand, known, findings)
        _provenance(demand, "rate_gbps", known, findings)
        _own_sources(demand.get("growth_per_year"), known, findings)
        if with_base and name in base.demands:
            hint = "choose another id, or leave the base's demands out: 'base_demands: false'"
            findings.add(demand, f"the base has a demand {show(name)} already", hint)
    if not demands and not (with_base and base.demands):
        what = "no demands: nothing would use a link, so none is worth anything"
        findings.add(root.get("demands") or root, what, "state 'demands:', from where, to where and how much")


def _target(target: Node, known: Known, findings: Findings) -> None:
    check_name("site", target.get("from"), known["sites"], findings)
    check_names("site", target.get("to"), known["sites"], findings)
    _provenance(target, "max_one_way_ms", known, findings)
    start = target.get("from")
    for site in target.at(["to"]).items():
        if start is not None and site.text() is not None and site.text() == start.text():
            findings.add(site, f"a target from {show(site)} to itself", "take it out")


def _own_sources(figure: Node | None, known: Known, findings: Findings) -> None:
    """A figure without sources has those of its part, so it needs none."""
    if figure is not None:
        check_sources(figure, known["sources"], findings)


def _provenance(part: Node, what: str, known: Known, findings: Findings) -> None:
    check_sources(part, known["sources"], findings)
    if isinstance(part.value, dict) and what:
        check_stated(part, what, findings)
