"""Carries changes out on the connected switches and keeps the account of what each of them holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from controller.changes import Change
from controller.entries import FlowTable
from controller.events import Events
from controller.members import Confirmation, Member
from controller.updates import after, lingers
from controller.wire import Installed

CONFIRM_SECONDS = 5.0


class Installer:
    """Used by the programmer's thread only.

    Attributes:
        members: the switches that take part, by site.
        last_barrier: when the last confirmation came (monotonic seconds).
    """

    def __init__(self, events: Events) -> None:
        self.members: dict[str, Member] = {}
        self.last_barrier = 0.0
        self._events = events

    def carry_out(self, part: Sequence[Change]) -> None:
        """Send one round; returns when all of its switches have confirmed it, or have been given up."""
        by_site: dict[str, list[Change]] = {}
        for change in part:
            by_site.setdefault(change.site, []).append(change)
        waiting = [
            (site, changes, self.members[site].switch.apply(changes, ()))
            for site, changes in by_site.items()
            if site in self.members
        ]
        for site, changes, confirmation in waiting:
            self._await(site, changes, confirmation)

    def remove_foreign(self, sites: Sequence[str], tables: Mapping[str, FlowTable]) -> None:
        """Remove entries that are not ours."""
        waiting = []
        for site in sites:
            member = self.members.get(site)
            if member is None or not member.installed.foreign:
                continue
            # One of a key of ours has been replaced already.
            stale = [data for key, data in member.installed.foreign if key not in tables[site].by_key]
            member.installed = Installed(member.installed.entries)
            member.removed += len(stale)
            waiting.append((site, member.switch.apply((), stale)))
        for site, confirmation in waiting:
            self._await(site, (), confirmation)

    def check(self, site: str, table: FlowTable) -> bool:
        """Whether a site's switch holds its table: all of it, and nothing else but ways that linger."""
        member = self.members[site]
        wanted, held = table.by_key, member.installed.entries
        member.confirmed = held == wanted or (
            all(held.get(key) == item for key, item in wanted.items())
            and all(key in wanted or lingers(item) for key, item in held.items())
        )
        return member.confirmed

    def is_confirmed(self, site: str) -> bool:
        """Whether it did when last looked at, and is still connected."""
        return site in self.members and self.members[site].confirmed

    def missing(self, site: str, table: FlowTable) -> list[str]:
        """The reservations that need something at a site which its switch has not confirmed."""
        member = self.members.get(site)
        held = {} if member is None else member.installed.entries
        lacking = (item for item in table.by_key.values() if held.get(item.key) != item)
        return list(dict.fromkeys(item.reservation for item in lacking if item.reservation))

    def _await(self, site: str, changes: Sequence[Change], confirmation: Confirmation) -> None:
        member = self.members[site]
        if not confirmation.wait(CONFIRM_SECONDS):
            member.switch.disconnect(f"confirmed nothing within {CONFIRM_SECONDS:.0f} s")
            del self.members[site]  # its place is taken again when it reconnects and is read
            self._events.emit("switch-lost", site=site, reason="did not confirm its entries")
            return
        self.last_barrier = time.monotonic()
        refused = member.switch.refused()
        done = [change for change in changes if change.remove or change.entry.cookie not in refused]
        entries = after({site: member.installed.entries}, done)[site]
        member.installed = Installed(entries, member.installed.foreign)
        member.added += sum(1 for change in done if not change.remove)
        member.removed += sum(1 for change in done if change.remove)
