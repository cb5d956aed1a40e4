"""What can fail: links, sites and shared-risk groups; alone, two at a time, or as a given list says.

A failed site takes all its links with it, a failed group all links that name it (RFC 4202, section 4.1.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.proposals.resilience.wiring import Booleans, Integers, Wiring
from topology.errors import InputError, Problem
from topology.hints import did_you_mean
from topology.network import Network

SITE, GROUP = "site:", "group:"

Scenarios = Integers  # one row each: the numbers of the elements that fail together, filled up with NOTHING
NOTHING = -1
NOTHING_FAILS: Scenarios = np.empty((1, 0), dtype=np.int64)  # one scenario


@dataclass(frozen=True)
class Elements:
    """Everything that can fail, numbered.

    Attributes:
        names: a link's id, ``site:ID`` or ``group:NAME``.
        takes: whether a link fails with an element, shape ``(elements + 1, links)``; the last row, which
            ``NOTHING`` leads to, is empty.
    """

    names: tuple[str, ...]
    takes: Booleans

    def __len__(self) -> int:
        return len(self.names)

    def failed_links(self, scenarios: Scenarios) -> Booleans:
        """Which links each scenario takes, shape ``(links, scenarios)``."""
        failed = np.zeros((len(scenarios), self.takes.shape[1]), dtype=np.bool_)
        for column in scenarios.T:
            failed |= self.takes[column]
        return failed.T

    def named(self, scenario: Integers) -> tuple[str, ...]:
        """The names of what fails."""
        return tuple(self.names[element] for element in scenario.tolist() if element != NOTHING)

    def given(self, scenarios: Iterable[Iterable[str]], where: str = "") -> Scenarios:
        """Scenarios by names. Raises ``InputError`` with every name that is unknown."""
        known = {name: number for number, name in enumerate(self.names)}
        asked = [tuple(dict.fromkeys(names)) for names in scenarios]
        unknown = [name for name in dict.fromkeys(n for names in asked for n in names) if name not in known]
        if unknown:
            raise InputError.of(
                [
                    Problem(f"no link, site or group that can fail is called '{name}'", where, hint)
                    for name in unknown
                    for hint in [did_you_mean(name, self.names)]
                ]
            )
        found = np.full((len(asked), max(map(len, asked), default=0)), NOTHING, dtype=np.int64)
        for row, names in enumerate(asked):
            found[row, : len(names)] = [known[name] for name in names]
        return found


def elements(network: Network, wires: Wiring, *, sites: bool = True, groups: bool = True) -> Elements:
    """All links of a network, then its sites, then its groups in the order in which links name them."""
    count = len(wires.links)
    names = list(wires.links)
    takes: list[Booleans] = list(np.eye(count, dtype=np.bool_))
    if sites:
        names += [SITE + site for site in wires.sites]
        takes += [(wires.a == number) | (wires.b == number) for number in range(len(wires.sites))]
    if groups:
        members = groups_of(network)
        names += [GROUP + group for group in members]
        takes += [np.isin(wires.links, links) for links in members.values()]
    return Elements(tuple(names), np.array([*takes, np.zeros(count)], dtype=np.bool_))


def groups_of(network: Network) -> Mapping[str, Sequence[str]]:
    """The links of each shared-risk group."""
    members: dict[str, list[str]] = {}
    for link in network.links.values():
        for group in dict.fromkeys(link.shared_risk_groups):
            members.setdefault(group, []).append(link.id)
    return members


def singles(count: int) -> Scenarios:
    """Every one of ``count`` elements alone."""
    return np.arange(count, dtype=np.int64)[:, None]


def doubles(count: int) -> Scenarios:
    """Every two of ``count`` elements together."""
    return np.stack(np.triu_indices(count, 1), axis=1)


def everything(count: int) -> Scenarios:
    """Every subset of ``count`` elements; row ``n`` has those whose bits are 1 in ``n``."""
    numbers = np.arange(1 << count, dtype=np.int64)[:, None]
    bits = np.arange(count, dtype=np.int64)
    return np.where(numbers >> bits & 1, bits, NOTHING)
