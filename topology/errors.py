"""The one exception tree. Pure code raises; only ``experiments.cli`` prints.

Every error says *what* was found, *where*, and gives a *hint* towards the cure. Several problems of one
input travel together in one ``InputError``, so that a user mends a file once, not once per mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an input.

    Attributes:
        what: what was found and what was expected, one sentence.
        where: the place: ``file.yaml:12:3 sites.beijing.kind``, or the option's name.
        hint: what to do about it; empty where nothing helpful can be said.
    """

    what: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{hint}"


class OneHopError(Exception):
    """Root of every error a user may see. ``exit_code`` is what the command then returns."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.problems: tuple[Problem, ...] = (Problem(what, where, hint),)
        super().__init__(what)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InputError(OneHopError):
    """Bad input: a file or an option. Nothing has been created. Exit code 2."""

    exit_code = 2

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> InputError:
        """All problems of one input as one error; ``problems`` must not be empty."""
        error = cls(problems[0].what)
        error.problems = tuple(problems)
        return error


class MachineError(OneHopError):
    """This machine lacks something (a program, root, a kernel feature). Exit code 3."""

    exit_code = 3


class EmulationError(OneHopError):
    """The emulated network could not be built, or is not what was declared. Exit code 4."""

    exit_code = 4


class MeasurementError(OneHopError):
    """A measurement could not be made, or its host was too busy for a verdict. Exit code 5."""

    exit_code = 5
