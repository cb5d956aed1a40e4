"""Which traffic is gathered into one commodity: all from a site, or all towards one.

Flows that begin at one site may be added up, and so may flows that end at one: what leaves the common end can
be told apart again by where it goes. The fewer commodities, the smaller the programme. The fewest that have
every pair are a smallest vertex cover between sources and destinations; taking the largest first comes close
to it, and finds it where traffic has few hubs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.proposals.flow.arcs import Pair


@dataclass(frozen=True, slots=True)
class Root:
    """The common end of some pairs.

    Attributes:
        towards: whether it is their destination; else it is their source.
        pairs: their numbers, ascending.
        leaves: their other ends, beside ``pairs``.
    """

    site: int
    towards: bool
    pairs: tuple[int, ...]
    leaves: tuple[int, ...]


def roots_of(pairs: Sequence[Pair]) -> tuple[Root, ...]:
    """Roots that have every pair once, those with the most pairs first; ties: sources first, lowest site."""
    left = dict(enumerate(pairs))
    roots = []
    while left:
        gathered: dict[tuple[bool, int], list[int]] = {}
        for number, (source, destination) in left.items():
            gathered.setdefault((False, source), []).append(number)
            gathered.setdefault((True, destination), []).append(number)
        towards, site = min(gathered, key=lambda end: (-len(gathered[end]), end))
        own = gathered[towards, site]
        leaves = tuple(left.pop(number)[0 if towards else 1] for number in own)
        roots.append(Root(site, towards, tuple(own), leaves))
    return tuple(roots)
