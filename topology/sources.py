"""Networks of public collections as scenarios: TopoHub (Topology Zoo, SNDlib, CAIDA, ...) and GraphML files.

Both become the same plain document that a scenario file is, so that the same checks and overlays apply. What
a collection does not say (route factor, capacity) is filled in and marked as an assumption.
"""

from __future__ import annotations

import math
import re
import unicodedata
import warnings
import xml.parsers.expat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import networkx as nx
import topohub

from topology.errors import InputError
from topology.gazetteer import CHINESE_NAMES, CORRECTIONS, DRAWINGS
from topology.geography import great_circle_km
from topology.hints import did_you_mean

MAX_GRAPHML_BYTES = 8 * 1024 * 1024
ASSUMED_CAPACITY_GBPS = 100  # of a link where a collection states none
KM_PER_DEGREE = 111.195  # of latitude, and of longitude on the equator


@dataclass(frozen=True, slots=True)
class RawNode:
    """A node of a collection; ``place`` is its latitude and longitude in degrees, ``None`` if not given."""

    key: str
    name: str
    place: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class RawLink:
    """A link of a collection, by the keys of its nodes; ``None`` for what is not given."""

    a: str
    b: str
    route_km: float | None = None
    capacity_gbps: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a collection says of the traffic of a network, which needs no coordinates.

    Attributes:
        sites: their ids, as in the scenario document, in its order.
        links: the sites each link joins, as in the document: parallel links and loops left out.
        demands: ``(source, destination, rate)``, each direction by itself, as stored; the collection states
            no unit of rates.
        on_map: whether the sites have places on the Earth, so that the network can be a scenario.
    """

    sites: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    demands: tuple[tuple[str, str, float], ...]
    on_map: bool


def topohub_traffic(name: str) -> Traffic:
    """The demands of a TopoHub network (those of ``sndlib/`` have some). Raises ``InputError``.

    They are no part of the scenario document: without a unit they are no rates, only ratios.
    """
    data = _topohub_data(name)
    nodes = [_topohub_node(name, node, name.startswith("gabriel/")) for node in data["nodes"]]
    ids = dict(zip((node.key for node in nodes), _unique_ids(node.name for node in nodes), strict=True))
    links: dict[frozenset[str], tuple[str, str]] = {}
    for edge in data["edges"]:
        a, b = ids[str(edge["source"])], ids[str(edge["target"])]
        if a != b:
            links.setdefault(frozenset((a, b)), (a, b))
    demands = [
        (ids[str(source)], ids[str(destination)], float(rate))
        for source, row in data["graph"].get("demands", {}).items()
        for destination, rate in row.items()
    ]
    on_map = name not in DRAWINGS and all(node.place and _is_on_earth(node.place) for node in nodes)
    return Traffic(tuple(ids.values()), tuple(links.values()), tuple(demands), on_map)


def from_topohub(name: str) -> dict[str, Any]:
    """A network of the installed TopoHub collection, as a scenario document. Raises ``InputError``.

    Lengths follow from the coordinates, except in ``gabriel/`` (synthetic, on a plane in km, which is laid on
    the equator) and ``backbone/`` (routes drawn on a map), where the collection's own lengths hold.
    """
    where = f"topohub:{name}"
    data = _topohub_data(name)
    group = name.split("/")[0]
    on_plane, own_lengths = group == "gabriel", group in ("gabriel", "backbone")
    if name in DRAWINGS:
        raise InputError(_NO_DEGREES, where=where, hint=_DEGREES_HINT)
    nodes = [_topohub_node(name, node, on_plane) for node in data["nodes"]]
    places = {node.key: node for node in nodes}
    links = []
    for edge in data["edges"]:
        a, b = places[str(edge["source"])], places[str(edge["target"])]
        links.append(RawLink(a.key, b.key, _drawn_km(edge["dist"], a, b) if own_lengths else None))
    source = {
        "title": f"TopoHub {topohub.__version__}, {name} (doi:10.1016/j.softx.2023.101540)",
        "grade": "C",
    }
    return _document(name, where, source, nodes, links)


def from_graphml(text: str, name: str, where: str) -> dict[str, Any]:
    """A GraphML file as a scenario document. Raises ``InputError``.

    Reads the attributes the Internet Topology Zoo uses: ``label``, ``Latitude``, ``Longitude`` of nodes and
    ``LinkSpeedRaw`` (bit/s) of edges; also ``name``, ``lat``, ``lon``, ``length_km``, ``capacity_gbps``.
    """
    _refuse_declarations(text, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about undeclared attributes, which are read as texts
            graph = nx.read_graphml(BytesIO(text.encode()))
    except Exception as error:  # networkx passes on whatever its reader stumbles over
        reason = str(error).strip().splitlines()
        raise InputError(
            f"this is not GraphML: {reason[0] if reason else type(error).__name__}", where=where
        ) from None
    nodes = []
    for key, attributes in graph.nodes(data=True):
        label = _attribute(attributes, "label", "name")
        latitude = _number(_attribute(attributes, "latitude", "lat"))
        longitude = _number(_attribute(attributes, "longitude", "lon", "lng"))
        place = None if latitude is None or longitude is None else (latitude, longitude)
        nodes.append(RawNode(str(key), str(label or key), place))
    links = []
    for a, b, attributes in graph.edges(data=True):
        speed = _number(_attribute(attributes, "linkspeedraw"))
        capacity = _number(_attribute(attributes, "capacity_gbps")) or (speed / 1e9 if speed else None)
        length = _number(_attribute(attributes, "length_km", "route_km"))
        links.append(RawLink(str(a), str(b), length, capacity))
    return _document(name, where, {"title": f"GraphML file {Path(where).name}"}, nodes, links)


def _topohub_data(name: str) -> dict[str, Any]:
    """A network as the collection stores it. Raises ``InputError``."""
    where = f"topohub:{name}"
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+", name) or ".." in name:
        raise InputError("expected a network as 'topohub:GROUP/NAME'", where=where, hint=_topohub_hint(name))
    try:
        data: dict[str, Any] = topohub.get(name)
    except KeyError:
        raise InputError(
            f"TopoHub {topohub.__version__} has no network '{name}'", where=where, hint=_topohub_hint(name)
        ) from None
    return data


def _topohub_node(network: str, node: dict[str, Any], on_plane: bool) -> RawNode:
    key, name = str(node["id"]), str(node.get("name") or node.get("type") or node["id"])
    longitude, latitude = (float(value) for value in node["pos"])
    if on_plane:
        longitude, latitude = round(longitude / KM_PER_DEGREE, 6), round(latitude / KM_PER_DEGREE, 6)
    right_name, right_place = CORRECTIONS.get((network, name), (name, None))
    return RawNode(key, right_name, right_place or (latitude, longitude))


def _drawn_km(stated_km: float, a: RawNode, b: RawNode) -> float:
    """The collection's length; its drawing rounds, so never less than the great circle."""
    assert a.place is not None
    assert b.place is not None
    shortest_km = great_circle_km(*a.place, *b.place)
    return max(round(float(stated_km), 3), math.ceil(shortest_km * 1000) / 1000)


def _document(
    name: str, where: str, source: dict[str, Any], nodes: list[RawNode], links: list[RawLink]
) -> dict[str, Any]:
    """The scenario document; parallel links and loops are left out, which the description says."""
    _check_nodes(nodes, where)
    ids = dict(zip((node.key for node in nodes), _unique_ids(node.name for node in nodes), strict=True))
    entries: dict[frozenset[str], dict[str, Any]] = {}
    for link in links:
        pair = frozenset((link.a, link.b))
        if len(pair) == 2 and pair not in entries:
            entries[pair] = _link(link, ids)
    dropped = len(links) - len(entries)
    return {
        "onehop": 1,
        "id": _slug(name, "network"),
        "title": name,
        "description": {
            "en": f"Imported from {source['title']}."
            + (f" {dropped} parallel links and loops left out." if dropped else ""),
            "zh": f"导入自 {source['title']}。" + (f"略去 {dropped} 条平行链路和自环。" if dropped else ""),
        },
        "sources": {"imported": source},
        "figures": {
            "fibre_us_per_km": {"value": 4.9, "assumption": "standard single-mode fibre, group index 1.468"},
            "route_factor": {
                "value": 1.6,
                "assumption": "as Chinese trunk cables: 1.56 to 1.67 great circles",
            },
            "capacity_gbps": {
                "value": ASSUMED_CAPACITY_GBPS,
                "assumption": "one 100G wavelength where no capacity is stated",
            },
        },
        "sites": {ids[node.key]: _site(node) for node in nodes},
        "links": list(entries.values()),
    }


def _site(node: RawNode) -> dict[str, Any]:
    name = "".join(character for character in node.name if character.isprintable())[:200].strip() or node.key
    return {
        "name": {"en": name, "zh": CHINESE_NAMES.get(name, name)},
        "kind": "pop",
        "location": list(node.place or ()),
        "source": "imported",
    }


def _link(link: RawLink, ids: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"ends": [ids[link.a], ids[link.b]], "source": "imported"}
    if link.route_km is not None:
        entry["route_km"] = link.route_km
    if link.capacity_gbps is not None:
        entry["capacity_gbps"] = link.capacity_gbps
    return entry


_NO_DEGREES = "the coordinates are positions on a drawing, not degrees, so no distance follows from them"
_DEGREES_HINT = "each node needs its latitude and longitude; sndlib/germany50, for example, has them"


def _check_nodes(nodes: list[RawNode], where: str) -> None:
    if len(nodes) < 2:
        raise InputError(f"the network has {len(nodes)} nodes; expected at least two", where=where)
    without = [node.name for node in nodes if node.place is None]
    if without:
        shown = ", ".join(without[:10]) + (", …" if len(without) > 10 else "")
        raise InputError(
            f"{len(without)} of {len(nodes)} nodes have no coordinates: {shown}",
            where=where,
            hint="add 'Latitude' and 'Longitude' (degrees) to these nodes",
        )
    if not all(_is_on_earth(node.place) for node in nodes if node.place is not None):
        raise InputError(_NO_DEGREES, where=where, hint=_DEGREES_HINT)


def _is_on_earth(place: tuple[float, float]) -> bool:
    return abs(place[0]) <= 90 and abs(place[1]) <= 180


def _slug(text: str, otherwise: str) -> str:
    """An id as near to ``text`` as ids may be: ASCII, at most 31 characters."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_text.casefold().replace("'", "")).strip("-")
    if slug and not slug[0].isalpha():
        slug = f"{otherwise}-{slug}"
    return slug[:31].strip("-") or otherwise


def _unique_ids(names: Iterable[str]) -> Iterator[str]:
    """One id for each name, in order; later namesakes get a number."""
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for name in names:
        slug = candidate = _slug(name, "site")
        while candidate in taken:
            next_number[slug] = next_number.get(slug, 1) + 1
            ending = f"-{next_number[slug]}"
            candidate = slug[: 31 - len(ending)].rstrip("-") + ending
        taken.add(candidate)
        yield candidate


def _refuse_declarations(text: str, where: str) -> None:
    """A document type is needed for nothing here, and its entities can explode or read other files."""

    def refuse(*_: Any) -> None:
        raise InputError(
            "found a DOCTYPE declaration; a GraphML file needs none", where=where, hint="remove it"
        )

    parser = xml.parsers.expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except xml.parsers.expat.ExpatError as error:
        reason = xml.parsers.expat.ErrorString(error.code)
        raise InputError(
            f"this is not XML: {reason}", where=f"{where}:{error.lineno}:{error.offset + 1}"
        ) from None


def _attribute(attributes: dict[str, Any], *names: str) -> Any:
    lowered = {str(key).casefold(): value for key, value in attributes.items()}
    return next((lowered[name] for name in names if name in lowered), None)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _topohub_hint(name: str) -> str:
    folder = Path(topohub.__file__).parent / "data"
    group = name.split("/")[0]
    groups = sorted(path.name for path in folder.iterdir() if any(path.rglob("*.json")))
    if group in groups:
        files = sorted((folder / group).rglob("*.json"))
        known = [path.relative_to(folder).with_suffix("").as_posix() for path in files]
        hint = did_you_mean(name, known)
    else:
        hint = did_you_mean(group, groups)
    return hint if "mean" in hint else "for example topohub:topozoo/Chinanet, topohub:sndlib/germany50"
