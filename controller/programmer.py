"""The programmer: brings every switch to the tables the plan and the promises want, and keeps it there.

One thread owns all state; what happens reaches it as messages, so nothing needs a lock. After each message
(or burst of messages) it *converges*: failed links from ports, ways of the reservations and plan from failed
links, tables from both, changes from tables and what the switches hold, sent round by round, each round
confirmed by barriers. Reservations go first: they move before a new plan is even computed.

It never wipes: a switch that joins is first read, then given what it lacks and relieved of what is stale. A
switch that already forwards and would have to change waits until all sites have joined, or no other has
joined for a moment: a restarted controller must not act on half a picture.

A switch whose control connection is lost keeps forwarding by its entries (``fail_mode=secure``); its links
count as they were last seen.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from controller.admission import Standing
from controller.desk import Desk
from controller.entries import FlowEntry, FlowTable
from controller.events import Events
from controller.flowtables import routed_tables, with_reservations
from controller.installer import Installer
from controller.members import (
    Asked,
    Inquiry,
    Joined,
    Left,
    Links,
    Member,
    Message,
    PortChanged,
    Withdrawn,
)
from controller.plan import RoutingPlan
from controller.promises import Promises, carried, report_changes
from controller.snapshot import Snapshot
from controller.updates import is_route, rounds
from topology.emulation.layout import Layout
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

SETTLE_SECONDS = 0.5
LINGER_SECONDS = 0.5  # longer than any packet is on its way
_REMEMBERED_PLANS = 16


Routes = tuple[RoutingPlan, Mapping[str, FlowTable]]
Combined = tuple[Standing, Mapping[str, FlowTable]]


class Programmer:
    """Runs in a thread of its own from ``start`` to ``stop``; ``tell`` is how the world reaches it.

    Attributes:
        snapshot: what it knew when it last came to rest; replaced as a whole, so any thread may read it.
    """

    def __init__(self, network: Network, layout: Layout, events: Events, state: Path | None = None) -> None:
        """``state`` is the file that keeps the reservations. Raises as ``Promises`` does."""
        self._network = network
        self._layout = layout
        self._events = events
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="programmer", daemon=True)
        self._installer = Installer(events)
        self._members = self._installer.members
        self._links = Links(layout)
        self._remembered: OrderedDict[tuple[str, ...], Routes] = OrderedDict()
        self._combined: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Combined] = OrderedDict()
        self._entries: dict[tuple[FlowEntry, int], FlowEntry] = {}
        self._failed: tuple[str, ...] = ()
        self._first_join = self._last_join = 0.0
        self._news_at = 0.0  # when what is being dealt with came to be known
        self._linger_until = 0.0  # former ways of reservations stay until then
        self._lingering = False
        self._complete = False  # all sites hold their tables
        self._in_service = False  # they did once, or a port has changed: from now on a new plan is a repair
        self._promises = Promises(network, state)
        self._desk = Desk(self._promises, events)
        self._standing = self._promises.standing(())
        self.plan, self._routed = self._planned(())
        self.tables = self._with_reservations()
        self._snapshots = itertools.count()
        self.snapshot = self._taken(self._pending())

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Finish the current round and end. Switches keep what they have."""
        self._inbox.put(None)
        self._thread.join(timeout_seconds)

    def tell(self, message: Message) -> None:
        """Hand a message over. Never blocks."""
        self._inbox.put(message)

    def _run(self) -> None:
        self._desk.report_first()
        while True:
            messages = self._next_messages()
            if None in messages:
                self._promises.close()
                return
            self._news_at = time.monotonic()
            for message in messages:
                self._take_in(message)
            try:
                self._converge()
            except Exception:  # the thread must live: log, and the next message tries again
                LOG.exception("cannot bring the switches to the plan")

    def _next_messages(self) -> list[Message]:
        """Everything that waits, at least one message, or none if it is time to look at what was put off."""
        waits = [SETTLE_SECONDS] if any(not self._may_change(site) for site in self._members) else []
        if self._lingering:
            waits.append(max(self._linger_until - time.monotonic(), 0.0))
        try:
            first = self._inbox.get(timeout=min(waits) if waits else None)
        except queue.Empty:
            return []
        messages = [first]
        while not self._inbox.empty():
            messages.append(self._inbox.get())
        return messages

    def _take_in(self, message: Message) -> None:
        match message:
            case Joined(site, switch, live_ports, installed, at):
                former = self._members.get(site)
                if former is not None:
                    former.switch.disconnect("the switch connected anew")
                self._news_at = min(self._news_at, at)
                self._first_join = self._first_join or at
                self._last_join = at
                self._members[site] = Member(switch, installed, at)
                self._links.live_ports[site] = set(live_ports)
            case Left(site, switch, reason):
                if site in self._members and self._members[site].switch is switch:
                    del self._members[site]
                    self._complete = False
                    self._events.emit("switch-lost", site=site, reason=reason)
                    LOG.info("%s: control connection lost (%s); it keeps forwarding", site, reason)
            case PortChanged(site, switch, port, up, at):
                if site in self._members and self._members[site].switch is switch:
                    (set.add if up else set.discard)(self._links.live_ports[site], port)
                    self._news_at = min(self._news_at, at)
                    self._in_service = True
            case Asked() | Withdrawn() | Inquiry():
                self._desk.take_in(message)

    def _may_change(self, site: str) -> bool:
        """Whether a switch may be changed now, or has to wait until the picture is whole."""
        member = self._members[site]
        forwards = any(is_route(item) for item in member.installed.entries.values())
        return (
            not forwards
            or member.reported
            or len(self._members) == len(self._layout.sites)
            or time.monotonic() - self._last_join >= SETTLE_SECONDS
        )

    def _converge(self) -> None:
        former = self.plan
        failed = self._links.failed()
        self._announce(failed)
        self._desk.answer(failed)
        ready = [site for site in self._members if self._may_change(site)]
        changed, steps, moved = self._move_reservations(failed, ready)
        if self.plan.without_links != failed:
            self.plan, self._routed = self._planned(failed)
            self.tables = self._with_reservations()
        more_changed, more_steps = self._program(ready)
        self._installer.remove_foreign(ready, self.tables)
        for site in ready:
            self._report(site)
        pending = self._pending()
        self._desk.confirm(pending)
        if self.plan is not former and self._in_service:
            self._report_repair(former, changed + more_changed, steps + more_steps, moved)
        self._report_completion()
        self.snapshot = self._taken(pending)

    def _announce(self, failed: tuple[str, ...]) -> None:
        for link in self._layout.links:
            was, now = link in self._failed, link in failed
            if was != now:
                end = self._links.down_end(link)
                place = {"site": end.site, "port": end.port} if end is not None else {}
                self._events.emit("link-down" if now else "link-up", link=link, **place)
                LOG.info("link %s is %s", link, "down" if now else "up")
        self._failed = failed

    def _move_reservations(self, failed: tuple[str, ...], ready: list[str]) -> tuple[int, int, list[str]]:
        """Before a new plan is computed. How many changes and rounds it took, and whose promise changed."""
        former, self._standing = self._standing, self._promises.standing(failed)
        if self._standing.held == former.held:
            return 0, 0, []
        self._linger_until = time.monotonic() + LINGER_SECONDS
        self.tables = self._with_reservations()
        changed, steps = self._program(ready)
        moved = report_changes(
            self._events.emit,
            former,
            self._standing,
            seconds=round(time.monotonic() - self._news_at, 6),
            last_barrier=round(self._installer.last_barrier, 6),
        )
        return changed, steps, moved

    def _planned(self, failed: tuple[str, ...]) -> Routes:
        """Plan and tables without the failed links; the last few are kept, for links that come and go."""
        if failed not in self._remembered:
            plan = RoutingPlan.of(self._network, without_links=failed)
            tables = routed_tables(plan, self._network, self._layout)
            self._remembered[failed] = plan, {site: self._shared(table) for site, table in tables.items()}
        self._remembered.move_to_end(failed)
        while len(self._remembered) > _REMEMBERED_PLANS:
            self._remembered.popitem(last=False)
        return self._remembered[failed]

    def _shared(self, table: FlowTable) -> FlowTable:
        """The same table of the objects that other tables have too: comparing an entry to itself is cheap."""
        known = self._entries
        return FlowTable(tuple(known.setdefault((entry, entry.hops_left), entry) for entry in table.entries))

    def _with_reservations(self) -> Mapping[str, FlowTable]:
        """The tables of plan and standing; the last few are kept, too."""
        key = self.plan.without_links, self._standing.failed_links
        standing, tables = self._combined.get(key, (None, self._routed))
        if standing is not self._standing:
            routes = carried(self._standing)
            tables = with_reservations(self._routed, self._network, self._layout, routes)
            self._combined[key] = self._standing, tables
        self._combined.move_to_end(key)
        while len(self._combined) > 2 * _REMEMBERED_PLANS:
            self._combined.popitem(last=False)
        return tables

    def _program(self, ready: list[str]) -> tuple[int, int]:
        """Bring the switches that may change to the tables; how many changes and rounds that took."""
        self._lingering = time.monotonic() < self._linger_until
        installed = {site: self._members[site].installed.entries for site in ready if site in self._members}
        parts = rounds(installed, self.tables, lingering=self._lingering)
        for part in parts:
            self._installer.carry_out(part)
        return sum(len(part) for part in parts), len(parts)

    def _pending(self) -> dict[str, tuple[str, ...]]:
        """The switches that have not confirmed what a reservation needs, by the demand's id."""
        found: dict[str, list[str]] = {}
        for site, table in self.tables.items():
            if not self._installer.is_confirmed(site):
                for reservation in self._installer.missing(site, table):
                    found.setdefault(reservation, []).append(site)
        return {reservation: tuple(sites) for reservation, sites in found.items()}

    def _taken(self, pending: Mapping[str, tuple[str, ...]]) -> Snapshot:
        return Snapshot(
            number=next(self._snapshots),
            plan=self.plan,
            tables=self.tables,
            failed_links=self._failed,
            reservations=dict(self._promises.reservations),
            standing=self._standing,
            pending=pending,
            switches={site: member.confirmed for site, member in self._members.items()},
        )

    def _report(self, site: str) -> None:
        member = self._members.get(site)
        if member is None:
            return
        if self._installer.check(site, self.tables[site]) and not member.reported:
            member.reported = True
            self._events.emit(
                "switch",
                site=site,
                entries=len(self.tables[site].entries),
                added=member.added,
                removed=member.removed,
                seconds=round(time.monotonic() - member.joined_at, 6),
            )

    def _report_repair(
        self, former: RoutingPlan, changed: int, rounds_done: int, promises: list[str]
    ) -> None:
        seconds = round(time.monotonic() - self._news_at, 6)
        rerouted = former.rerouted(self.plan)
        self._events.emit(
            "repaired",
            seconds=seconds,
            last_barrier=round(self._installer.last_barrier, 6),
            rerouted=rerouted,
            promises=promises,
            entries=changed,
            rounds=rounds_done,
            without_links=list(self.plan.without_links),
            unreachable=[[pair.source, pair.destination] for pair in self.plan.unreachable],
            unconfirmed=[site for site in self._layout.sites if not self._installer.is_confirmed(site)],
        )
        LOG.info("%d paths rerouted, %d entries changed in %.3f s", rerouted, changed, seconds)

    def _report_completion(self) -> None:
        complete = all(self._installer.is_confirmed(site) for site in self._layout.sites)
        self._in_service = self._in_service or complete
        if complete and not self._complete:
            seconds = round(time.monotonic() - self._first_join, 6)
            tables = self.tables.values()
            entries = sum(len(table.entries) for table in tables)
            self._events.emit(
                "programmed",
                switches=len(self._members),
                entries=entries,
                groups=sum(len(table.groups) for table in tables),
                meters=sum(len(table.meters) for table in tables),
                seconds=seconds,
                without_links=list(self.plan.without_links),
            )
            LOG.info("all %d switches hold their tables: %d entries", len(self._members), entries)
        self._complete = complete
