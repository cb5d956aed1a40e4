"""Scenarios: files that say what the network is. ``schema`` has the format, ``docs/scenarios.md`` the tour.

A reference is the name of a shipped scenario (``qingyang-baseline``), the path of a ``.yaml`` or ``.graphml``
file, or a network of the TopoHub collection (``topohub:topozoo/Cernet``).
"""

from __future__ import annotations

from collections.abc import Iterable

from topology.errors import InputError, Problem
from topology.network import Network
from topology.scenario.demands import load_with_demands
from topology.scenario.locate import shipped
from topology.scenario.reading import Reading, read
from topology.scenario.schema import json_schema

__all__ = ["check", "json_schema", "load", "load_many", "load_pair", "load_with_demands", "shipped"]


def load(reference: str) -> Network:
    """The network of a scenario. Raises ``InputError`` with all its problems."""
    return _sound(read(reference))


def load_many(references: Iterable[str]) -> list[Network]:
    """The networks of several scenarios. Raises ``InputError`` with the problems of all of them."""
    networks: list[Network] = []
    problems: list[Problem] = []
    for reference in references:
        try:
            networks.append(load(reference))
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise InputError.of(problems)
    return networks


def load_pair(reference: str) -> tuple[Network, Network]:
    """``(base, proposal)`` of an overlay, which are always compared as a pair. Raises ``InputError``."""
    reading = read(reference)
    proposal = _sound(reading)
    if reading.base is None:
        raise InputError(
            "this scenario is no overlay, so there is nothing to compare it with",
            where=reference,
            hint="name an overlay (a file with 'base:')",
        )
    return _sound(reading.base), proposal


def check(reference: str) -> list[Problem]:
    """Every problem of a scenario; empty if it is sound. Never raises for bad input."""
    try:
        return read(reference).problems
    except InputError as error:
        return list(error.problems)


def _sound(reading: Reading) -> Network:
    if reading.network is None:
        raise InputError.of(reading.problems)
    return reading.network
