"""A proposal applied to its base: remove, then change, then add. Works on trees, so every place is kept.

``change`` follows JSON Merge Patch (RFC 7396): only the stated keys change, ``null`` takes one away. Three
rules keep a merged part honest: a stated source or assumption replaces what the base said about the origin
of its figures; a changed figure must state one; ``route_km``, ``latency_ms`` and ``route_factor`` replace one
another, as do ``loss_ratio`` and ``burst_loss``, and a demand's ``to`` and ``service``.
"""

from __future__ import annotations

from topology.hints import did_you_mean
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show
from topology.scenario.parts import SHORT_LINK

SECTIONS = ("operators", "sites", "links", "services", "demands")
WHOLE = ("emulation", "routing", "measure")  # sections without ids, merged as they are
FIGURES = {
    "sites": ("location", "transit_ms"),
    "links": (
        *("capacity_gbps", "route_km", "latency_ms", "route_factor", "handover_ms"),
        *("jitter_ms", "jitter_distribution", "reorders", "loss_ratio", "burst_loss"),
        *("queue_ms", "cost_cny_million"),
    ),
    "demands": ("rate_gbps", "burst_mbit", "max_one_way_ms"),
}
_ALTERNATIVES = (
    {"route_km", "latency_ms", "route_factor"},
    {"loss_ratio", "burst_loss"},
    {"to", "service"},
)
_SINGULAR = {name: name.removesuffix("s") for name in SECTIONS}


def link_ends(link: Node) -> tuple[str, str] | None:
    """The two sites of a link as written, short or long; ``None`` if they cannot be made out."""
    if (text := link.text()) is not None:
        match = SHORT_LINK.fullmatch(text)
        return (match[1], match[2]) if match else None
    ends = [end.text() for end in link.at(["ends"]).items()]
    return (ends[0], ends[1]) if len(ends) == 2 and ends[0] is not None and ends[1] is not None else None


def link_id(link: Node) -> str | None:
    """A link's id: stated, or ``a--b`` from its ends."""
    stated = link.get("id")
    if stated is not None and stated.value is not None:
        return stated.text()
    ends = link_ends(link)
    return f"{ends[0]}--{ends[1]}" if ends else None


def parts_of(root: Node, section: str) -> dict[str, Node]:
    """The parts of a section by id; those whose id cannot be made out are left out."""
    node = root.get(section)
    if node is None:
        return {}
    if section != "links":
        return node.entries()
    return {name: link for link in node.items() if (name := link_id(link)) is not None}


def apply(base: Node, overlay: Node, findings: Findings) -> Node:
    """The complete scenario that ``overlay`` makes of a sound ``base``; mistakes go to ``findings``."""
    root = dict(base.entries())
    for key in ("onehop", "id", "title", "description"):
        root.pop(key, None)
        if (node := overlay.get(key)) is not None:
            root[key] = node
    merge_sources(root, overlay, findings)
    add, change, remove = (overlay.get(key) or overlay.with_value({}) for key in ("add", "change", "remove"))
    removed: dict[str, set[str]] = {}
    for section in SECTIONS:
        parts = parts_of(base, section)
        removed[section] = _remove(parts, section, remove, findings)
        _change(parts, section, change, removed[section], findings)
        _add(parts, section, add, findings)
        if section in root or parts:
            content = list(parts.values()) if section == "links" else parts
            root[section] = (root.get(section) or overlay).with_value(content)
    for section in (*WHOLE, "figures"):
        if (patch := change.get(section)) is not None:
            below = root.get(section)
            root[section] = patch if below is None else _merge(below, patch, whole=section == "figures")
    merged = overlay.with_value(root)
    _report_users_of_removed(merged, removed["sites"], remove, findings)
    return merged


def merge_sources(root: dict[str, Node], overlay: Node, findings: Findings) -> None:
    """Add to the sections of a base, ``root``, the sources of ``overlay``; none may be another of one id."""
    stated = overlay.get("sources")
    if stated is None or not isinstance(stated.value, dict):
        return
    known = root["sources"].entries() if "sources" in root else {}
    for name, source in stated.entries().items():
        if name in known and known[name].plain() != source.plain():
            findings.add(
                source, f"the base has another source {show(name)}", "give this one an id of its own"
            )
    root["sources"] = stated.with_value({**stated.entries(), **known})


def _remove(parts: dict[str, Node], section: str, remove: Node, findings: Findings) -> set[str]:
    wanted = remove.get(section)
    removed: set[str] = set()
    for item in wanted.items() if wanted is not None else []:
        name = item.text()
        if name is None or findings.full:
            continue
        if name not in parts:
            again = "is removed twice" if name in removed else "is not in the base"
            hint = "" if name in removed else did_you_mean(name, parts)
            findings.add(item, f"the {_SINGULAR[section]} {show(name)} {again}", hint)
            continue
        removed.add(name)
        del parts[name]
    return removed


def _change(
    parts: dict[str, Node], section: str, change: Node, removed: set[str], findings: Findings
) -> None:
    wanted = change.get(section)
    for name, patch in wanted.entries().items() if wanted is not None else ():
        if findings.full:
            return
        if name not in parts:
            what = f"the {_SINGULAR[section]} {show(name)} is not in the base; only what exists can change"
            if name in removed:
                what = f"the {_SINGULAR[section]} {show(name)} is both removed and changed"
            findings.add(patch, what, did_you_mean(name, parts))
        elif isinstance(patch.value, dict):
            parts[name] = _changed_part(parts[name], patch, section, findings)


def _changed_part(part: Node, patch: Node, section: str, findings: Findings) -> Node:
    if part.text() is not None:  # a link in short form
        ends = part.with_value([Node(site, part.place) for site in link_ends(part) or ()])
        part = part.with_value({"ends": ends})
    stated = [key for key, node in patch.entries().items() if node.value is not None]
    changed = [key for key in stated if key in FIGURES.get(section, ())]
    entries = dict(part.entries())
    if "source" in stated or "assumption" in stated:
        entries.pop("source", None)
        entries.pop("assumption", None)
    elif changed:
        what = f"changes {', '.join(changed)} without saying where the figure comes from"
        findings.add(patch, what, "add 'source: ID' or 'assumption: WHY'")
    for group in _ALTERNATIVES:
        if group.intersection(stated):
            others = group.difference(stated)
            entries = {key: node for key, node in entries.items() if key not in others}
    return _merge(part.with_value(entries), patch)


def _add(parts: dict[str, Node], section: str, add: Node, findings: Findings) -> None:
    for name, part in parts_of(add, section).items():
        if name in parts:
            what = f"the {_SINGULAR[section]} {show(name)} is already in the base"
            findings.add(part, what, f"put it under change.{section}, or give it another id")
        else:
            parts[name] = part


def _merge(base: Node, patch: Node, *, whole: bool = False) -> Node:
    """JSON Merge Patch; with ``whole``, entries are replaced and not merged in turn."""
    if not isinstance(base.value, dict) or not isinstance(patch.value, dict):
        return patch
    entries = dict(base.value)
    for key, node in patch.value.items():
        if node.value is None:
            entries.pop(key, None)
        else:
            entries[key] = node if whole or key not in entries else _merge(entries[key], node)
    return base.with_value(entries)


def _report_users_of_removed(merged: Node, removed: set[str], remove: Node, findings: Findings) -> None:
    """A site may go only together with what stands on it."""
    users: dict[str, list[str]] = {site: [] for site in removed - parts_of(merged, "sites").keys()}
    for section, sites_of in (("links", link_ends), ("services", _instances), ("demands", _demand_ends)):
        for name, part in parts_of(merged, section).items():
            for site in sites_of(part) or ():
                if site in users:
                    users[site].append(f"{_SINGULAR[section]} {name}")
    for item in remove.at(["sites"]).items():
        site = item.text() or ""
        if users.get(site):
            shown = ", ".join(users[site][:8]) + (", …" if len(users[site]) > 8 else "")
            findings.add(item, f"{show(site)} is still used by {shown}", "remove or change these too")
            findings.reported.add(site)


def _instances(service: Node) -> tuple[str | None, ...]:
    return tuple(instance.text() for instance in service.at(["instances"]).items())


def _demand_ends(demand: Node) -> tuple[str | None, ...]:
    return tuple(end.text() for key in ("from", "to") if (end := demand.get(key)) is not None)
