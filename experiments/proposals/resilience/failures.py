"""What can fail: links, sites and shared-risk groups; alone, two at a time, or as a given list says.

A failed site takes all its links with it, a failed group all links that name it (RFC 4202, section 4.1.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.proposals.resilience.wiring import Booleans, Wiring, links_of
from topology.errors import InputError, Problem
from topology.hints import did_you_mean
from topology.network import Network

SITE, GROUP = "site:", "group:"

Scenario = tuple[int, ...]  # numbers of the elements that fail together, ascending


@dataclass(frozen=True)
class Elements:
    """Everything that can fail, numbered.

    Attributes:
        names: a link's id, ``site:ID`` or ``group:NAME``.
        links: of each element, the links that fail with it, as numbers of the wiring.
    """

    names: tuple[str, ...]
    links: tuple[tuple[int, ...], ...]

    def numbers(self, names: Iterable[str], where: str = "") -> Scenario:
        """The scenario in which ``names`` fail. Raises ``InputError`` with every name that is unknown."""
        known = {name: number for number, name in enumerate(self.names)}
        names = tuple(names)
        problems = [
            Problem(f"nothing called '{name}' can fail", where, did_you_mean(name, self.names))
            for name in names
            if name not in known
        ]
        if problems:
            raise InputError.of(problems)
        return tuple(sorted({known[name] for name in names}))

    def failed_links(self, scenarios: Sequence[Scenario], link_count: int) -> Booleans:
        """Which links each scenario takes, shape ``(links, scenarios)``."""
        failed = np.zeros((link_count, len(scenarios)), dtype=np.bool_)
        rows: list[int] = []
        columns: list[int] = []
        for column, scenario in enumerate(scenarios):
            for element in scenario:
                rows += self.links[element]
                columns += [column] * len(self.links[element])
        failed[rows, columns] = True
        return failed


def elements(network: Network, wires: Wiring, *, sites: bool = True, groups: bool = True) -> Elements:
    """All links of a network, then its sites, then its groups in the order in which links name them."""
    found: dict[str, tuple[int, ...]] = {link: (number,) for number, link in enumerate(wires.links)}
    if sites:
        for number, site in enumerate(wires.sites):
            found[SITE + site] = tuple(links_of(wires, [number]))
    if groups:
        for group, members in groups_of(network).items():
            found[GROUP + group] = tuple(wires.links.index(member) for member in members)
    return Elements(tuple(found), tuple(found.values()))


def groups_of(network: Network) -> Mapping[str, tuple[str, ...]]:
    """The links of each shared-risk group."""
    members: dict[str, list[str]] = {}
    for link in network.links.values():
        for group in dict.fromkeys(link.shared_risk_groups):
            members.setdefault(group, []).append(link.id)
    return {group: tuple(links) for group, links in members.items()}


def singles(chosen: Elements) -> Iterator[Scenario]:
    """Every element alone."""
    return ((element,) for element in range(len(chosen.names)))


def doubles(chosen: Elements) -> Iterator[Scenario]:
    """Every two elements together."""
    return itertools.combinations(range(len(chosen.names)), 2)
