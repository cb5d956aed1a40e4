"""YAML text as a tree of nodes that remember where they stood, so that every later error names its place.

Reads the part of YAML 1.2 that a description needs: mappings, sequences, scalars of the core schema. Anchors,
aliases and tags are refused: they hide what a scenario says, and aliases can explode. All mistakes of a text
are collected; only what YAML itself cannot follow ends the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from topology.errors import InputError, Problem
from topology.scenario.findings import Findings
from topology.scenario.node import Node, Place, Scalar, show
from topology.scenario.scalars import core_scalar

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a UTF-16 pair, written as an escape: no text

# What PyYAML says about the commonest slips, and what cures them.
_SYNTAX_HINTS = {
    "'\\t'": "indent with spaces; YAML does not allow tabs there",
    "mapping values are not allowed": "put a text that contains ': ' in quotes, or mend the indentation",
    "could not find expected ':'": "write 'key: value', with a space after the colon",
    "expected <block end>": "lines of one mapping or list begin in the same column",
    "expected ',' or": "separate the entries by commas and close the bracket",
    "found unexpected end of stream": "close the quotes",
    "found character '%'": "put a text that begins with '%' in quotes",
    "found character '@'": "put a text that begins with '@' in quotes",
    "found character '`'": "put a text that begins with '`' in quotes",
    "found unknown escape character": "write a backslash in double quotes twice, or use single quotes",
}


def read_text(path: Path, display: str, max_bytes: int = MAX_BYTES) -> str:
    """The text of a file, at most ``max_bytes`` long, in UTF-8. Raises ``InputError`` where that fails."""
    try:
        if path.is_dir():
            raise InputError("this is a directory; expected a file", where=display)
        size = path.stat().st_size
        if size <= max_bytes:
            with path.open("rb") as file:
                content = file.read(max_bytes + 1)
            size = len(content)
        if size > max_bytes:
            raise InputError(
                f"the file has more than {max_bytes // 1024} KiB, the most a scenario may have",
                where=display,
                hint="is this the right file? a scenario of 45 sites has about 30 KiB",
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot read the file: {reason}", where=display) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the file is not UTF-8: byte 0x{content[error.start]:02x} at offset {error.start}",
            where=f"{display}:{line}",
            hint="save it as UTF-8 (a Chinese text may be in GB 18030)",
        ) from None


def parse(text: str, file: str, begins: str = "onehop: 1") -> Node:
    """The tree of a YAML text that ``begins`` so. Raises ``InputError`` with every problem found."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError("the file contains a NUL byte; expected text", where=f"{file}:{line}")
    composer = _Composer(text, file, begins)
    try:
        root = composer.document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{int(error.character):04X}"
        raise InputError(f"the character {code} is not allowed in YAML", where=f"{file}:{line}") from None
    except yaml.MarkedYAMLError as error:
        raise InputError.of([*composer.findings.problems(), _syntax_problem(error, file)]) from None
    except _Stop:
        root = None
    if composer.findings or root is None:
        raise InputError.of(composer.findings.problems())
    if not isinstance(root.value, dict):
        raise InputError(f"found {show(root)}; expected a mapping of keys to values", where=str(root.place))
    return root


class _Stop(Exception):  # noqa: N818 - no error by itself: the findings are in the composer
    """Reading on would help nobody."""


class _Composer:
    """Builds nodes from the parser's events, one document."""

    def __init__(self, text: str, file: str, begins: str) -> None:
        self.file = file
        self.begins = begins
        self.findings = Findings()
        self._marks: set[str] = set()
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)

    def document(self) -> Node:
        next(self._events)  # the stream starts
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            self.findings.add(Place(self.file, 1, 1, ""), "the file is empty", f"begin with '{self.begins}'")
            raise _Stop
        node = self._node(next(self._events), Place(self.file, 1, 1, ""), 0)
        next(self._events)  # the document ends
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._found(event, "", "a second document begins here; expected one per file", "remove the '---'")
        return node

    def _node(self, event: Any, place: Place, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._found(event, "", f"nested deeper than {MAX_DEPTH} levels; a scenario needs 6")
            raise _Stop
        self._refuse_specials(event, place.path)
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(place, depth), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(place, depth), place)
        if isinstance(event, yaml.AliasEvent):
            return Node(None, place)
        value: Scalar = core_scalar(event.value) if event.implicit[0] else event.value
        return Node(value, place, written=event.value)

    def _mapping(self, place: Place, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, self._place(event, place.path), depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                self._found(event, place.path, "found a key that is no text", "write 'key: value'")
            entry = self._place(event, place.child(key.written))
            value = self._node(next(self._events), entry, depth + 1)
            if key.written in entries:
                line = entries[key.written].place.line
                self._found(
                    event,
                    entry.path,
                    f"the key {show(key.written)} is already in line {line}",
                    "keep one of the two",
                )
            entries[key.written] = value
        return entries

    def _sequence(self, place: Place, depth: int) -> list[Node]:
        entries: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            here = self._place(event, f"{place.path}[{len(entries)}]")
            entries.append(self._node(event, here, depth + 1))
        return entries

    def _refuse_specials(self, event: Any, path: str) -> None:
        if event.anchor is not None:
            is_alias = isinstance(event, yaml.AliasEvent)
            mark = f"alias {show(f'*{event.anchor}')}" if is_alias else f"anchor {show(f'&{event.anchor}')}"
            if mark not in self._marks:  # an alias is told once, however often it is used
                plainly = "write the value out; a scenario has no anchors, aliases and merge keys"
                self._found(event, path, f"found the {mark}", plainly)
            self._marks.add(mark)
        if getattr(event, "tag", None) not in (None, "!"):
            self._found(event, path, f"found the tag {show(event.tag)}", "a scenario has no tags")
        if isinstance(event, yaml.ScalarEvent) and _SURROGATE.search(event.value):
            self._found(event, path, f"found half a character in {show(event.value)}", "write the character")

    def _place(self, event: Any, path: str) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1, path)

    def _found(self, event: Any, path: str, what: str, hint: str = "") -> None:
        self.findings.add(self._place(event, path), what, hint)
        if self.findings.full:
            raise _Stop


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    problem = error.problem or "unknown mistake"
    if problem.startswith("found undefined tag handle"):
        return Problem(
            "found a tag; a scenario has no tags", where, "put a text that begins with '!' in quotes"
        )
    hint = next((cure for slip, cure in _SYNTAX_HINTS.items() if slip in problem), "")
    context = f" {error.context}" if error.context else ""
    return Problem(f"this is not YAML:{context}{',' if context else ''} {problem}", where, hint)
