"""From what a network holds to what it should hold: what to send, in which order.

Traffic flows while entries change, switch by switch, so the order decides whether packets can circle or get
lost in between. Reservations come first, see ``reserved_updates``. For paths that form a tree per destination
(least-delay plans do) the order of the rest has no loop at any moment, whichever of the switches of one round
are done:

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

from controller.changes import Change, Place, Round, by_steps, in_order
from controller.entries import EntryKey, FlowEntry, FlowTable, Item
from controller.reserved_updates import is_from_host, of_reservation, reserved_rounds

Items = Mapping[EntryKey, Item]

_COMPUTE, _REST, _REMOVAL = range(3)


def rounds(
    installed: Mapping[str, Items], wanted: Mapping[str, FlowTable], *, lingering: bool = False
) -> list[Round]:
    """The changes that lead from ``installed`` to ``wanted``, for the sites of ``installed``.

    All changes of a round may be sent at once; the next round begins when the switches have confirmed it.
    An entry that is already there, with the same actions, is not touched. ``lingering`` leaves the former
    ways of reservations in place behind their first switch, for the packets that are on them.
    """
    at_once: list[Change] = []
    routed: list[Change] = []
    reserved: list[Change] = []
    for site, present in installed.items():
        if present == wanted[site].by_key:
            continue  # by far the most common case, and the cheapest to see
        fresh = not any(is_route(item) for item in present.values())
        for change in _changes(site, present, wanted[site]):
            kind = at_once if fresh else reserved if of_reservation(change.entry) else routed
            kind.append(change)
    first, last = reserved_rounds(reserved, lingering=lingering)
    parts = [at_once, *first, *_routed_rounds(routed, wanted), *last]
    return [in_order(part) for part in parts if part]


def after(installed: Mapping[str, Items], done: Iterable[Change]) -> dict[str, dict[EntryKey, Item]]:
    """What is installed once the changes of ``done`` are made."""
    result = {site: dict(items) for site, items in installed.items()}
    for change in done:
        if change.remove:
            result[change.site].pop(change.entry.key, None)
        else:
            result[change.site][change.entry.key] = change.entry
    return result


def _changes(site: str, present: Items, table: FlowTable) -> Iterable[Change]:
    for key, item in table.by_key.items():
        if present.get(key) != item:
            yield Change(site, item, replaces=key in present)
    for key, item in present.items():
        if key not in table.by_key:
            yield Change(site, item, remove=True)


def is_route(item: Item) -> bool:
    """Whether a switch that holds this may be forwarding packets."""
    return isinstance(item, FlowEntry) and item.match.ipv4_dst is not None


def lingers(item: Item) -> bool:
    """Whether this may stay for a while when it is no longer wanted, see ``rounds``."""
    return of_reservation(item) and not is_from_host(item)


def _routed_rounds(changes: Iterable[Change], wanted: Mapping[str, FlowTable]) -> list[list[Change]]:
    def destination(change: Change) -> str | None:  # only its own entries have to wait for each other
        return change.entry.match.ipv4_dst if isinstance(change.entry, FlowEntry) else None

    return by_steps(changes, destination, lambda change: _place(change, wanted[change.site]))


def _place(change: Change, table: FlowTable) -> Place:
    entry = change.entry
    if not isinstance(entry, FlowEntry):
        return _REST, 0
    if change.remove:
        return _REMOVAL, _hops_left_without(entry, table)
    return (_COMPUTE if entry.match.ip_dscp is not None else _REST), entry.hops_left


def _hops_left_without(entry: FlowEntry, table: FlowTable) -> int:
    """Links still to cross from here once ``entry`` is gone and another one takes its packets, else 0."""
    destination = entry.match.ipv4_dst
    taking_over = [
        e.hops_left for e in table.entries if e.match.ipv4_dst == destination and e.table == entry.table
    ]
    return max(taking_over, default=0) if destination is not None else 0
