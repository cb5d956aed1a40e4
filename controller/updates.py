"""From the entries a network has to those it should have: what to send, in which order.

Traffic flows while entries change, switch by switch, so the order decides whether packets can circle in
between. For paths that form a tree per destination (least-delay plans do) this order has no loop at any
moment, whichever of the switches of one round are done:

1. *compute* entries are put, those nearest to the destination first;
2. best-effort entries are put, those nearest to the destination first;
3. what is no longer wanted is removed, nearest to the destination first.

Why: a switch turns to its new next hop only when every switch onward on the new path has turned already. A
packet that meets a changed switch therefore follows the new tree to its end; one that meets only unchanged
switches follows the old. The classes come one after the other because *compute* traffic uses the best-effort
entries where it has none: it gets its own before those change, or loses its own after. Adding before removing
means that no packet misses an entry in between.

Destinations do not wait for each other: the first step that each of them needs makes the first round, and so
on. A switch without any routing entry carries no traffic yet and is filled at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.entries import EntryKey, FlowEntry, FlowTable

Entries = Mapping[EntryKey, FlowEntry]

_COMPUTE, _REST, _REMOVAL = range(3)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry to put on a site's switch, or to remove from it."""

    site: str
    entry: FlowEntry
    remove: bool = False


Round = tuple[Change, ...]
Place = tuple[int, int]  # which of the three steps, and the links still to cross


def rounds(installed: Mapping[str, Entries], wanted: Mapping[str, FlowTable]) -> list[Round]:
    """The changes that lead from ``installed`` to ``wanted``, for the sites of ``installed``.

    All changes of a round may be sent at once; the next round begins when the switches have confirmed it.
    An entry that is already there, with the same actions, is not touched.
    """
    places: dict[Change, Place] = {}
    steps: dict[
        str | None, set[Place]
    ] = {}  # by destination: only its own entries have to wait for each other
    for site, present in installed.items():
        fresh = not any(_is_route(entry) for entry in present.values())
        for change in _changes(site, present, wanted[site]):
            places[change] = (_COMPUTE, 0) if fresh else _place(change, wanted[site])
            steps.setdefault(change.entry.match.ipv4_dst, set()).add(places[change])
    number_of = {
        (destination, place): number
        for destination, found in steps.items()
        for number, place in enumerate(sorted(found))
    }
    result: list[list[Change]] = [[] for _ in range(max(number_of.values(), default=-1) + 1)]
    for change, place in places.items():
        result[number_of[change.entry.match.ipv4_dst, place]].append(change)
    return [tuple(changes) for changes in result]


def after(installed: Mapping[str, Entries], done: Iterable[Change]) -> dict[str, dict[EntryKey, FlowEntry]]:
    """What is installed once the changes of ``done`` are made."""
    result = {site: dict(entries) for site, entries in installed.items()}
    for change in done:
        if change.remove:
            result[change.site].pop(change.entry.key, None)
        else:
            result[change.site][change.entry.key] = change.entry
    return result


def _changes(site: str, present: Entries, table: FlowTable) -> Iterable[Change]:
    for entry in table.entries:
        if present.get(entry.key) != entry:
            yield Change(site, entry)
    for key, entry in present.items():
        if key not in table.by_key:
            yield Change(site, entry, remove=True)


def _is_route(entry: FlowEntry) -> bool:
    return entry.match.ipv4_dst is not None


def _place(change: Change, table: FlowTable) -> Place:
    entry = change.entry
    if change.remove:
        return _REMOVAL, _hops_left_without(entry, table)
    return (_COMPUTE if entry.match.ip_dscp is not None else _REST), entry.hops_left


def _hops_left_without(entry: FlowEntry, table: FlowTable) -> int:
    """Links still to cross from here once ``entry`` is gone and another one takes its packets, else 0."""
    destination = entry.match.ipv4_dst
    taking_over = [e.hops_left for e in table.entries if e.match.ipv4_dst == destination]
    return max(taking_over, default=0) if destination is not None else 0
