"""The experiments: one file each. A user's own is one more file; ``onehop run FILE.py`` runs it.

An experiment is a class with four texts (``asks``, ``needs``, ``concludes`` and its ``name``) and one method
``run``. It gets a ``Run`` (``experiments.run``): the scenarios, the options, labs to bring up, a folder to
write to. What it returns becomes ``summary.json``.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from experiments.results import Variant
from experiments.run import Run
from topology.errors import InputError, OneHopError
from topology.network import Network

_OWN = "onehop_user_"  # how modules of users' own files are called

Outcome = BaseModel | Mapping[str, object]


class Experiment(ABC):
    """The interface of an experiment.

    Attributes:
        name: as on the command line.
        asks: the question, one sentence.
        needs: what it needs from scenario and machine.
        concludes: what its answer looks like.
        scenario: the one network it measures if the user names no other; empty: it compares two, a base and a
            proposal.
        spreads: whether its networks may lie on several machines (``run --machines``): then it has to measure
            by what a lab offers, and from sites of the machine that leads.
    """

    name: ClassVar[str]
    asks: ClassVar[str]
    needs: ClassVar[str]
    concludes: ClassVar[str]
    scenario: ClassVar[str] = ""
    spreads: ClassVar[bool] = False

    @classmethod  # noqa: B027 - most accept any network
    def check(cls, networks: Mapping[Variant, Network]) -> None:
        """Raise ``InputError`` if these networks will not do. Called before anything is created."""

    @abstractmethod
    def run(self, run: Run) -> Outcome:
        """Do it, inside a cell. Returns what goes into ``summary.json``."""


def shipped() -> dict[str, type[Experiment]]:
    """The experiments that come with OneHop, by name."""
    from experiments.catalog.determinism import Determinism
    from experiments.catalog.failover import Failover
    from experiments.catalog.one_hop import OneHop

    return {experiment.name: experiment for experiment in (OneHop, Determinism, Failover)}


def find(reference: str) -> type[Experiment]:
    """An experiment by name, or from a Python file that defines one.

    Raises ``InputError`` if there is none, or the file does not define exactly one.
    """
    if reference.endswith(".py"):
        return _from_file(Path(reference))
    known = shipped()
    if reference not in known:
        raise InputError(
            f"there is no experiment {reference!r}",
            hint=f"known: {', '.join(known)}; or give a Python file of your own (docs/experiments.md)",
        )
    return known[reference]


def is_users_own(experiment: type[Experiment]) -> bool:
    """Whether an experiment comes from a user's file."""
    return experiment.__module__.startswith(_OWN)


def failure_of(experiment: type[Experiment], error: Exception, folder: Path) -> OneHopError:
    """What to tell the author of an experiment that failed; the traceback goes to ``error.txt``.

    Errors of our own, such as a link that could not be built, are told as they are.
    """
    if isinstance(error, OneHopError):
        return error
    (folder / "error.txt").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return OneHopError(
        f"the experiment {experiment.name} failed: {type(error).__name__}: {error}",
        where=f"{last.filename}:{last.lineno}",
        hint=f"the whole traceback is in {folder / 'error.txt'}",
    )


def _from_file(path: Path) -> type[Experiment]:
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    spec = importlib.util.spec_from_file_location(f"{_OWN}{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError("cannot be read as Python", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"fails on import: {type(error).__name__}: {error}", where=str(path)) from error
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Experiment)
        and not inspect.isabstract(value)
        and value.__module__ == spec.name
    ]
    if len(found) != 1:
        raise InputError(
            f"defines {len(found)} experiments; exactly one is expected",
            where=str(path),
            hint="derive one class from experiments.catalog.Experiment: name, asks, needs, concludes, run",
        )
    for attribute in ("name", "asks", "needs", "concludes"):
        if not isinstance(getattr(found[0], attribute, None), str):
            raise InputError(f"{found[0].__name__} lacks the text {attribute!r}", where=str(path))
    return found[0]
