"""A small YAML or JSON file of servers and flows, read exactly, with every mistake at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from controller.bounds.curves import RateLatency, TokenBucket
from controller.bounds.quantities import EXAMPLES, LEAST, MOST, NAMES, Kind, Written, factor, units, written
from controller.bounds.schema import BoundFile
from controller.bounds.system import Flow, Multiplexing, Server, overloads
from controller.bounds.system import System as Analysed
from topology.errors import InputError
from topology.hints import did_you_mean
from topology.scenario.check import check_shape
from topology.scenario.document import parse, read_text
from topology.scenario.findings import Findings
from topology.scenario.node import Node, show

_NAME = re.compile(r"[^\W_][\w.-]{0,39}")
_SERVER = {"rate": Kind.RATE, "latency": Kind.TIME, "link_rate": Kind.RATE, "max_packet": Kind.DATA}
_FLOW = {"rate": Kind.RATE, "burst": Kind.DATA, "max_packet": Kind.DATA}
_START = "begin with 'servers:'; 'onehop bound --example fifo' prints a file to start from"


@dataclass(frozen=True, slots=True)
class Question:
    """What a file asks.

    Attributes:
        data_unit, time_unit: those that answers are best given in; empty: numbers without units.
    """

    title: str
    system: Analysed
    multiplexing: tuple[Multiplexing, ...]
    data_unit: str = ""
    time_unit: str = ""


def load(path: Path, display: str = "") -> Question:
    """Read a file. Raises ``InputError`` with every mistake in it."""
    display = display or str(path)
    return read(read_text(path, display), display)


def read(text: str, display: str) -> Question:
    """Read a text; ``display`` is its name in messages. Raises ``InputError`` with every mistake in it."""
    if not text.strip():
        raise InputError("the file is empty; expected servers and flows", where=display, hint=_START)
    root = parse(text, display)
    findings = Findings()
    check_shape(root, BoundFile, findings)
    reading = _Reading(findings, *_default_units(root, findings))
    servers = [_server(name, node, reading) for name, node in root.at(["servers"]).entries().items()]
    known = root.get("servers")
    flows = [_flow(name, node, reading, known) for name, node in root.at(["flows"]).entries().items()]
    _check_units(reading)
    if findings:
        raise InputError.of(findings.problems())
    system = Analysed.of([s for s in servers if s is not None], [f for f in flows if f is not None])
    for problem in overloads(system):
        findings.add(root.at(["servers", problem.where.split(" ", 1)[1]]), problem.what, problem.hint)
    if findings:
        raise InputError.of(findings.problems())
    asked = BoundFile.model_validate(root.plain())
    return Question(asked.title, system, tuple(dict.fromkeys(asked.multiplexing)), *reading.shown_units())


@dataclass(slots=True)
class _Reading:
    """What is known of units while a file is read."""

    findings: Findings
    data: str
    time: str
    bare: list[tuple[Node, Kind]] = field(default_factory=list)
    dressed: bool = False

    @property
    def stated(self) -> bool:
        """Whether the file has units for bare numbers."""
        return bool(self.data)

    def shown_units(self) -> tuple[str, str]:
        if self.stated:
            return self.data, self.time
        return ("bit", "ms") if self.dressed else ("", "")

    def quantity(self, part: Node, key: str, kind: Kind, default: Fraction | None) -> Fraction | None:
        """One value in bits, seconds or bit/s, or in no unit; ``None`` also where it is no quantity."""
        node = part.get(key)
        if node is None or (node.value is None and not node.written):
            return default
        found = written(node.written) if isinstance(node.value, (str, int, float)) else None
        if found is None or isinstance(node.value, bool):
            self.findings.add(node, f"found {show(node)}; expected {_expected(kind)}", _negative(node))
            return None
        value = self._in_base_units(node, found, kind)
        if value is not None and value != 0 and not LEAST <= value <= MOST:
            self.findings.add(node, f"found {show(node)}; expected 0, or from 1e-18 to 1e24", "is it a slip?")
            return None
        return value

    def _in_base_units(self, node: Node, found: Written, kind: Kind) -> Fraction | None:
        unit = found.unit or self._default(kind)
        if not found.unit:
            self.bare.append((node, kind))
        else:
            self.dressed = True
        if not unit:
            return found.number
        scale = factor(unit, kind)
        if scale is None:
            self.findings.add(
                node, f"found {show(node)}; expected {NAMES[kind]} in {units(kind)}", _slip(unit, kind)
            )
            return None
        return found.number * scale

    def _default(self, kind: Kind) -> str:
        if not self.stated:
            return ""
        return {Kind.DATA: self.data, Kind.TIME: self.time, Kind.RATE: f"{self.data}/{self.time}"}[kind]


def _default_units(root: Node, findings: Findings) -> tuple[str, str]:
    """The units of bare numbers; empty if the file states none."""
    node = root.get("units")
    if node is None or not isinstance(node.value, dict):
        return "", ""
    found = []
    for key, kind, usual in (("data", Kind.DATA, "bit"), ("time", Kind.TIME, "s")):
        entry = node.get(key)
        unit = usual if entry is None else (entry.text() or "")
        if entry is not None and unit and factor(unit, kind) is None:
            findings.add(entry, f"found {show(entry)}; expected one of {units(kind)}", _slip(unit, kind))
            unit = usual
        found.append(unit or usual)
    return found[0], found[1]


def _check_units(reading: _Reading) -> None:
    """Numbers without units are refused where others have one; 0 needs none."""
    if reading.stated or not reading.dressed:
        return
    for node, kind in reading.bare:
        if (found := written(node.written)) is not None and found.number == 0:
            continue
        what = f"found {show(node)} without a unit, while others have one"
        reading.findings.add(node, what, f"write for example '{EXAMPLES[kind]}', or state units: at the top")


def _server(name: str, node: Node, reading: _Reading) -> Server | None:
    _check_name(name, node, reading.findings)
    rate, latency, link_rate, max_packet = _quantities(node, reading, _SERVER, {"latency", "max_packet"})
    if rate is not None and rate <= 0:
        reading.findings.add(node.at(["rate"]), f"found {show(node.at(['rate']))}; expected more than 0")
        return None
    if rate is None or latency is None or max_packet is None:
        return None
    if link_rate is not None and link_rate < rate:
        place = node.at(["link_rate"])
        what = f"the link_rate {show(place)} is below the rate {show(node.at(['rate']))}"
        reading.findings.add(place, what, "a server cannot put out less than it serves")
    return Server(name, RateLatency(rate, latency), link_rate, max_packet)


def _flow(name: str, node: Node, reading: _Reading, servers: Node | None) -> Flow | None:
    _check_name(name, node, reading.findings)
    path = tuple(_path(node, reading.findings, servers.entries() if servers is not None else {}))
    rate, burst, max_packet = _quantities(node, reading, _FLOW, {"max_packet"})
    priority = node.at(["priority"]).value if node.get("priority") is not None else 0
    if burst is not None and max_packet is not None and max_packet > burst:
        place = node.at(["max_packet"])
        what = f"the max_packet {show(place)} is above the burst {show(node.at(['burst']))}"
        reading.findings.add(place, what, "a packet comes at once, so a burst holds at least one")
    if rate is None or burst is None or max_packet is None or not isinstance(priority, int):
        return None
    return Flow(name, TokenBucket(rate, burst), path, priority, max_packet)


def _quantities(
    node: Node, reading: _Reading, keys: Mapping[str, Kind], zero: set[str]
) -> list[Fraction | None]:
    return [
        reading.quantity(node, key, kind, Fraction(0) if key in zero else None) for key, kind in keys.items()
    ]


def _path(flow: Node, findings: Findings, servers: Mapping[str, Node]) -> Iterator[str]:
    seen = set()
    for step in flow.at(["path"]).items() if flow.get("path") is not None else []:
        name = step.written
        if servers and name not in servers and isinstance(step.value, str):
            hint = did_you_mean(name, servers, otherwise="servers")
            findings.add(step, f"found {show(step)}; expected the name of a server", hint)
        elif name in seen:
            hint = "give the second visit a server of its own"
            findings.add(step, f"the path crosses {show(step)} twice; expected each server once", hint)
        seen.add(name)
        yield name


def _check_name(name: str, node: Node, findings: Findings) -> None:
    if not _NAME.fullmatch(name):
        expected = "a name: a letter or digit, then up to 39 letters, digits, '-', '_' and '.'"
        findings.add(node, f"found {show(name)}; expected {expected}")


def _expected(kind: Kind) -> str:
    return f"{NAMES[kind]}, 0 or more, such as 10, 2.5, 8/3 or {EXAMPLES[kind]}"


def _negative(node: Node) -> str:
    return "a negative one has no meaning here" if node.written.strip().startswith("-") else ""


def _slip(unit: str, kind: Kind) -> str:
    """The usual slips: ``Mbps``, ``mb``, ``Byte``."""
    plain = unit.casefold()
    if plain.endswith("bps"):
        return f"write '{unit[:-3]}bit/s'"
    if plain.startswith(("byte", "octet")):
        return "write B for bytes"
    known = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"] if kind is Kind.RATE else units(kind).split(", ")
    hint = did_you_mean(unit, known)
    return hint if "mean" in hint else ""
