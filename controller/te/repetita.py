"""The field's exchange format: topologies and demands of REPETITA, one record a line.

```
NODES 2                             DEMANDS 1
label x y                           label src dest bw
0_Xian 108.94 34.26                 demand_0 0 1 435117
1_Beijing 116.40 39.90

EDGES 2
label src dest weight bw delay
edge_0 0 1 10 1000000 5100
edge_1 1 0 10 1000000 5100
```

Ends are numbers of nodes, from 0. Edges are directed and may be parallel. ``bw`` is in any unit, the same in
both files, by custom kbit/s; ``weight`` is the IGP's; ``delay`` is in microseconds. The line after a header
names the columns. Lines that begin with ``#`` are comments.

Source: Gay, Schaus, Vissicchio, "REPETITA: repeatable experiments for performance evaluation of
traffic-engineering algorithms", arXiv:1710.08665, and the framework's page on its data format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from controller.te.instance import Arc, Instance, Pair, merged
from topology.errors import InputError, Problem
from topology.scenario.document import read_text

MAX_BYTES = 64 * 1024 * 1024
MOST_PROBLEMS = 20  # shown of one file; the rest are counted
UNIT = "kbit/s"

_COLUMNS = {
    "NODES": ("label", "x", "y"),
    "EDGES": ("label", "src", "dest", "weight", "bw", "delay"),
    "DEMANDS": ("label", "src", "dest", "bw"),
}
_GRAPH, _DEMANDS = ("NODES", "EDGES"), ("DEMANDS",)
_WHOLE = re.compile(r"\d{1,9}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?")
_MOST, _LEAST = Fraction(10**18), Fraction(1, 10**9)
_NS_PER_US = 1000

T = TypeVar("T")


def read_graph(path: Path, display: str = "") -> Instance:
    """A topology, without demands yet. Raises ``InputError`` with every mistake of the file."""
    display = display or str(path)
    return graph_of(read_text(path, display, MAX_BYTES), display)


def read_demands(path: Path, nodes: int, display: str = "") -> tuple[dict[Pair, Fraction], tuple[str, ...]]:
    """Demands between nodes ``0 .. nodes - 1``, and notes. Raises ``InputError`` with every mistake."""
    display = display or str(path)
    return demands_of(read_text(path, display, MAX_BYTES), nodes, display)


def graph_of(text: str, display: str) -> Instance:
    """As ``read_graph``, from a text; ``display`` is its name in messages."""
    reading = _Reading(display)
    records = reading.sections(text, _GRAPH)
    nodes = max(len(records["NODES"]), reading.promised.get("NODES", 0))
    for record in records["NODES"]:
        record.number("x")
        record.number("y")
    arcs, loops = [], 0
    for record in records["EDGES"]:
        tail, head = record.node("src", nodes), record.node("dest", nodes)
        weight, capacity = record.weight(), record.number("bw", "from 1e-9 to 1e18")
        delay = record.number("delay", "0 or from 1e-9 to 1e18")
        if None in (tail, head, weight, capacity, delay):
            continue
        assert tail is not None
        assert head is not None
        assert capacity is not None
        assert delay is not None
        if tail == head:
            loops += 1
        else:
            arcs.append(Arc(record["label"], tail, head, capacity, round(delay * _NS_PER_US), weight))
    reading.finish()
    if not arcs:
        raise InputError("the topology has no edges between different nodes", where=display)
    notes = (f"edges from a node to itself, left out: {loops}",) if loops else ()
    labels = tuple(record["label"] for record in records["NODES"])
    return Instance(display, labels, tuple(arcs), {}, UNIT, notes=notes)


def demands_of(text: str, nodes: int, display: str) -> tuple[dict[Pair, Fraction], tuple[str, ...]]:
    """As ``read_demands``, from a text; ``display`` is its name in messages."""
    reading = _Reading(display)
    found: list[tuple[int, int, Fraction]] = []
    for record in reading.sections(text, _DEMANDS)["DEMANDS"]:
        source, destination = record.node("src", nodes), record.node("dest", nodes)
        rate = record.number("bw", "0 or from 1e-9 to 1e18")
        if source is not None and destination is not None and rate is not None:
            found.append((source, destination, rate))
    reading.finish()
    rates, dropped = merged(found)
    return rates, (f"demands of rate 0 or to where they come from, left out: {dropped}",) if dropped else ()


@dataclass(slots=True)
class _Reading:
    """Problems and promises found so far in one file."""

    display: str
    problems: list[Problem] = field(default_factory=list)
    promised: dict[str, int] = field(default_factory=dict)

    def add(self, line: int, what: str, hint: str = "") -> None:
        self.problems.append(Problem(what, f"{self.display}:{line}", hint))

    def finish(self) -> None:
        """Raises ``InputError`` if there were problems."""
        if not self.problems:
            return
        shown = self.problems[:MOST_PROBLEMS]
        if more := len(self.problems) - len(shown):
            shown.append(Problem(f"{more} more mistakes", self.display))
        raise InputError.of(shown)

    def sections(self, text: str, expected: Sequence[str]) -> dict[str, list[_Record]]:
        """The records of each section, in order; what cannot be followed is a problem."""
        records: dict[str, list[_Record]] = {name: [] for name in expected}
        headers: dict[str, int] = {}
        current, names_due = "", False
        for line, words in _lines(text):
            if words[0] in _COLUMNS and len(words) <= 2:  # no record is so short, whatever its label
                current, names_due = self._header(line, words, expected, headers), True
            elif tuple(words) == _COLUMNS.get(current) or (names_due and words[0] == "label"):
                names_due = False
            elif current:
                if names_due:
                    names = " ".join(_COLUMNS[current])
                    self.add(line, f"found {_quoted(words)}; expected the names of the columns: {names}")
                    names_due = False
                self._record(line, words, current, records)
            elif not headers:
                self.add(line, f"found {_quoted(words)}; expected '{expected[0]} N'", _hint(expected))
                self.finish()
        for name in expected:
            if name not in headers:
                last = text.count("\n") + 1
                self.add(
                    last, f"found no section {name}; expected '{name} N' and its records", _hint(expected)
                )
            elif name in self.promised and self.promised[name] != (got := len(records[name])):
                what = f"{name} says {self.promised[name]}, but {got} records follow"
                self.add(headers[name], what, "is the file cut short, or was a line added by hand?")
        return records

    def _header(self, line: int, words: list[str], expected: Sequence[str], headers: dict[str, int]) -> str:
        name = words[0]
        if name not in expected:
            self.add(line, f"found a section {name}; expected {' and '.join(expected)}", _hint(expected))
            self.finish()
        if name in headers:
            self.add(line, f"found a second section {name}; the first begins in line {headers[name]}")
        elif any(other in headers for other in expected[expected.index(name) + 1 :]):
            self.add(line, f"found {name} after {expected[-1]}; expected it before")
        headers.setdefault(name, line)
        if len(words) == 2 and _WHOLE.fullmatch(words[1]):
            self.promised[name] = int(words[1])
        else:
            self.add(line, f"found {_quoted(words)}; expected '{name} N', N being the number of records")
        return name

    def _record(self, line: int, words: list[str], name: str, records: dict[str, list[_Record]]) -> None:
        columns = _COLUMNS[name]
        record = _Record(self, line, dict(zip(columns, words, strict=False)))
        if len(words) != len(columns):
            what = f"found {len(words)} fields; expected {len(columns)}: {' '.join(columns)}"
            hint = "labels contain no spaces" if len(words) > len(columns) else ""
            self.add(line, what, hint)
            record.broken = True
        records[name].append(record)


@dataclass(slots=True)
class _Record:
    """One line; what it does not hold is told to the reading, once."""

    reading: _Reading
    line: int
    fields: dict[str, str]
    broken: bool = False  # its fields are not those of the columns

    def __getitem__(self, column: str) -> str:
        return _printable(self.fields[column])

    def node(self, column: str, nodes: int) -> int | None:
        def convert(text: str) -> int | None:
            return int(text) if _WHOLE.fullmatch(text) and int(text) < nodes else None

        return self._value(column, convert, f"a node's number, 0 to {nodes - 1}")

    def weight(self) -> int | None:
        def convert(text: str) -> int | None:
            return int(text) if _WHOLE.fullmatch(text) and int(text) > 0 else None

        return self._value("weight", convert, "a whole number, 1 or more")

    def number(self, column: str, bounds: str = "") -> Fraction | None:
        """A decimal number; with ``bounds`` a quantity within them."""

        def convert(text: str) -> Fraction | None:
            if not _NUMBER.fullmatch(text):
                return None
            value = Fraction(text)
            within = _LEAST <= value <= _MOST or (value == 0 and bounds.startswith("0"))
            return value if within or not bounds else None

        return self._value(column, convert, f"a number, {bounds}" if bounds else "a number")

    def _value(self, column: str, convert: Callable[[str], T | None], expected: str) -> T | None:
        if self.broken:
            return None
        text = self.fields[column]
        value = convert(text)
        if value is None:
            self.reading.add(self.line, f"found {column} {_quoted([text])}; expected {expected}")
        return value


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for line, content in enumerate(text.split("\n"), start=1):
        words = content.split()
        if words and not words[0].startswith("#"):
            yield line, words


def _quoted(words: Sequence[str]) -> str:
    text = _printable(" ".join(words))
    return f"'{text[:60]}{'…' if len(text) > 60 else ''}'"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _hint(expected: Sequence[str]) -> str:
    if tuple(expected) == _GRAPH:
        return "a topology (.graph) has the sections NODES and EDGES; demands are named with --demands"
    return "demands (.demands) have one section DEMANDS; the topology is named first"
