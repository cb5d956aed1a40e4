"""One value of a scenario file with the place it was written at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Step: TypeAlias = str | int

_PLAIN_KEY = re.compile(r"[\w-]{1,64}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: ``file:line:column key.path``. Line 0: not from a text with lines."""

    file: str
    line: int
    column: int
    path: str

    def __str__(self) -> str:
        position = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{position}{' ' if self.path else ''}{self.path}"

    def child(self, key: str) -> str:
        """The path of an entry below this one."""
        name = key if _PLAIN_KEY.fullmatch(key) else show(key)
        return f"{self.path}.{name}" if self.path else name


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. The place of a mapping's entry is that of its key.

    Attributes:
        written: a scalar as it was written, before it became a number or null.
    """

    value: Scalar | dict[str, Node] | list[Node]
    place: Place
    written: str = ""

    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    def items(self) -> list[Node]:
        """The items of a sequence; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    def text(self) -> str | None:
        """The value if it is a text."""
        return self.value if isinstance(self.value, str) else None

    def get(self, key: str) -> Node | None:
        """The entry of that name, if this is a mapping that has it."""
        return self.entries().get(key)

    def at(self, path: Sequence[Step]) -> Node:
        """The node at a path, or the nearest one above it that exists."""
        node = self
        for step in path:
            below = node.get(step) if isinstance(step, str) else _item(node, step)
            if below is None:
                break
            node = below
        return node

    def plain(self) -> Any:
        """The value without places, as the schema reads it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def with_value(self, value: dict[str, Node] | list[Node]) -> Node:
        """The same place with another content."""
        return Node(value, self.place)

    @classmethod
    def of(cls, data: Any, file: str, path: str = "") -> Node:
        """Plain data as a tree whose places know the source and the path, but no lines."""
        place = Place(file, 0, 0, path)
        if isinstance(data, dict):
            return cls({key: cls.of(value, file, place.child(key)) for key, value in data.items()}, place)
        if isinstance(data, list):
            return cls([cls.of(value, file, f"{path}[{i}]") for i, value in enumerate(data)], place)
        return cls(data, place, written=str(data))


def _item(node: Node, index: int) -> Node | None:
    items = node.items()
    return items[index] if 0 <= index < len(items) else None


def show(found: Node | str, limit: int = 60) -> str:
    """What a message says was found: short, and harmless on a terminal."""
    if isinstance(found, Node):
        if isinstance(found.value, dict):
            return "a mapping"
        if isinstance(found.value, list):
            return "a list"
        if not isinstance(found.value, str):
            return "nothing" if found.value is None and not found.written else _safe(found.written, limit)
        found = found.value
    return f"'{_safe(found, limit)}'"


def _safe(text: str, limit: int) -> str:
    short = text if len(text) <= limit else text[:limit] + "…"
    return "".join(_visible(short))


def _visible(text: str) -> Iterator[str]:
    for character in text:
        yield character if character.isprintable() else json.dumps(character)[1:-1]
