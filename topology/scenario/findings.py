"""Mistakes collected while a scenario is read, to be told all at once and in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass, field

from topology.errors import Problem
from topology.scenario.node import Node, Place

MAX_FINDINGS = 100  # more would help nobody, and a hint for each costs time


@dataclass(slots=True)
class Findings:
    """A list of mistakes with their places.

    Attributes:
        reported: ids whose absence has been told already; later checks keep silent about them.
    """

    reported: set[str] = field(default_factory=set)
    _found: list[tuple[Place, str, str]] = field(default_factory=list)

    def add(self, at: Node | Place, what: str, hint: str = "") -> None:
        """Note one mistake; beyond ``MAX_FINDINGS`` further ones are dropped."""
        if not self.full:
            self._found.append((at.place if isinstance(at, Node) else at, what, hint))

    @property
    def full(self) -> bool:
        """Whether looking further is of no use."""
        return len(self._found) >= MAX_FINDINGS

    def __bool__(self) -> bool:
        return bool(self._found)

    def problems(self) -> list[Problem]:
        """Each mistake once, file by file from top to bottom."""
        files = list(dict.fromkeys(place.file for place, _, _ in self._found))
        ordered = sorted(self._found, key=lambda f: (files.index(f[0].file), f[0].line, f[0].column))
        problems = list(dict.fromkeys(Problem(what, str(place), hint) for place, what, hint in ordered))
        if self.full:
            problems.append(Problem(f"these are the first {MAX_FINDINGS} mistakes; there may be more"))
        return problems
