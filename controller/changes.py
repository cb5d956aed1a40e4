"""One change of a switch, and the grouping of changes into rounds. See ``updates`` for the order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from controller.entries import FlowEntry, Item


@dataclass(frozen=True, slots=True)
class Change:
    """One entry, group or meter to put on a site's switch, or to remove from it.

    Attributes:
        replaces: whether the switch has one of this key already; for groups and meters it must be told.
    """

    site: str
    entry: Item
    remove: bool = False
    replaces: bool = False

    @property
    def rank(self) -> int:
        """What must be done before what, on one switch: groups and meters exist while entries use them."""
        if isinstance(self.entry, FlowEntry):
            return 1
        return 2 if self.remove else 0


Round = tuple[Change, ...]
Place = tuple[int, int]


def by_steps(
    changes: Iterable[Change],
    party: Callable[[Change], Hashable],
    place: Callable[[Change], Place],
) -> list[list[Change]]:
    """Rounds in which every party takes its next step: the least of the places that its changes have."""
    placed = [(change, party(change), place(change)) for change in changes]
    steps: dict[Hashable, set[Place]] = {}
    for _, who, where in placed:
        steps.setdefault(who, set()).add(where)
    number_of = {
        (who, where): number for who, found in steps.items() for number, where in enumerate(sorted(found))
    }
    result: list[list[Change]] = [[] for _ in range(max(number_of.values(), default=-1) + 1)]
    for change, who, where in placed:
        result[number_of[who, where]].append(change)
    return result


def in_order(changes: Sequence[Change]) -> Round:
    """The changes of a round as they may be sent to each switch."""
    return tuple(sorted(changes, key=lambda change: change.rank))
