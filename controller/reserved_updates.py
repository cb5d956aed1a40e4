"""The order in which reservations change: make before break, and before everything else.

1. What is new at its switch is put: meters, groups, and entries for ports that the flow has not come by yet.
   No packet of it comes by there until
2. what replaces something is put, those with the fewest links still to cross first, and the entry for the
   source's host last: a switch turns only when every switch onward has, on the path, back, and round.
3. Where a promise has ended, the entry for the source's host is removed.
4. What is no longer wanted elsewhere is removed; packets sent before may still need it, so this may be put
   off (*lingering*).
5. Groups and meters that no entry uses any more are removed.

Reservations do not wait for each other. Since entries match the port a packet comes by, the old way and the
new one have an entry in common only where they share a link, and in the same direction.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.changes import Change, by_steps
from controller.entries import FlowEntry, Item
from controller.groups import Group
from controller.meters import Meter
from topology.emulation.layout import HOST_PORT

_NEW, _REPLACED = range(2)


def of_reservation(item: Item) -> bool:
    """Whether it serves reservations. What a switch reports says so by what it matches only."""
    return not isinstance(item, FlowEntry) or item.match.ip_proto is not None


def reserved_rounds(
    changes: Sequence[Change], *, lingering: bool
) -> tuple[list[list[Change]], list[list[Change]]]:
    """Rounds that come before all others, and rounds that come after them."""
    puts = [change for change in changes if not change.remove]
    removals = [change for change in changes if change.remove]
    first = by_steps(puts, lambda change: change.entry.reservation, _place)
    first.append([change for change in removals if is_from_host(change.entry)])
    if lingering:
        return first, []
    elsewhere = [c for c in removals if isinstance(c.entry, FlowEntry) and not is_from_host(c.entry)]
    unused = [c for c in removals if isinstance(c.entry, Group | Meter)]
    return first, [elsewhere, unused]


def _place(change: Change) -> tuple[int, int]:
    item = change.entry
    if not change.replaces and not is_from_host(item):
        return _NEW, 0
    return _REPLACED, 0 if isinstance(item, Meter) else item.hops_left


def is_from_host(item: Item) -> bool:
    """Whether it lets the flow in."""
    return isinstance(item, FlowEntry) and item.match.in_port == HOST_PORT
