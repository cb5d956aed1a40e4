"""The programmer: brings every switch to the tables the plan wants, and keeps it there.

One thread owns all state; what happens reaches it as messages, so nothing needs a lock. After each message
(or burst of messages) it *converges*: failed links from ports, plan from failed links, tables from plan,
changes from tables and what the switches hold, sent round by round, each round confirmed by barriers.

It never wipes: a switch that joins is first read, then given what it lacks and relieved of what is stale. A
switch that already forwards and would have to change waits until all sites have joined, or no other has
joined for a moment: a restarted controller must not act on half a picture.

A switch whose control connection is lost keeps forwarding by its entries (``fail_mode=secure``); its links
count as they were last seen.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from controller.changes import Change
from controller.entries import FlowTable
from controller.events import Events
from controller.flowtables import flow_tables
from controller.members import Confirmation, Joined, Left, Links, Member, Message, PortChanged
from controller.plan import RoutingPlan
from controller.updates import after, is_route, rounds
from controller.wire import Installed
from topology.emulation.layout import Layout
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

SETTLE_SECONDS = 0.5
CONFIRM_SECONDS = 5.0
_REMEMBERED_PLANS = 16


Routes = tuple[RoutingPlan, Mapping[str, FlowTable]]


class Programmer:
    """Runs in a thread of its own from ``start`` to ``stop``; ``tell`` is how the world reaches it."""

    def __init__(self, network: Network, layout: Layout, events: Events) -> None:
        self._network = network
        self._layout = layout
        self._events = events
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="programmer", daemon=True)
        self._members: dict[str, Member] = {}
        self._links = Links(layout)
        self._remembered: OrderedDict[tuple[str, ...], Routes] = OrderedDict()
        self._failed: tuple[str, ...] = ()
        self._first_join = self._last_join = 0.0
        self._news_at = 0.0  # when what is being dealt with came to be known
        self._complete = False  # all sites hold their tables
        self._in_service = False  # they did once, or a port has changed: from now on a new plan is a repair
        self.plan, self.tables = self._planned(())

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
        while True:
            messages = self._next_messages()
            if None in messages:
                return
            self._news_at = time.monotonic()
            for message in messages:
                self._take_in(message)
            try:
                self._converge()
            except Exception:  # the thread must live: log, and the next message tries again
                LOG.exception("cannot bring the switches to the plan")

    def _next_messages(self) -> list[Message]:
        """Everything that waits, at least one message, or none if it is time to look at those held back."""
        held_back = any(not self._may_change(site) for site in self._members)
        try:
            first = self._inbox.get(timeout=SETTLE_SECONDS if held_back else None)
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
        self._follow_links()
        ready = [site for site in self._members if self._may_change(site)]
        parts = rounds({site: self._members[site].installed.entries for site in ready}, self.tables)
        changed = sum(len(part) for part in parts)
        for part in parts:
            self._carry_out(part)
        self._remove_foreign(ready)
        for site in ready:
            self._report(site)
        if self.plan is not former and self._in_service:
            self._report_repair(former, changed, len(parts))
        self._report_completion()

    def _follow_links(self) -> None:
        failed = self._links.failed()
        if failed == self._failed:
            return
        for link in self._layout.links:
            was, now = link in self._failed, link in failed
            if was != now:
                end = self._links.down_end(link)
                place = {"site": end.site, "port": end.port} if end is not None else {}
                self._events.emit("link-down" if now else "link-up", link=link, **place)
                LOG.info("link %s is %s", link, "down" if now else "up")
        self._failed = failed
        self.plan, self.tables = self._planned(failed)

    def _planned(self, failed: tuple[str, ...]) -> Routes:
        """Plan and tables without the failed links; the last few are kept, for links that come and go."""
        if failed not in self._remembered:
            plan = RoutingPlan.of(self._network, without_links=failed)
            self._remembered[failed] = plan, flow_tables(plan, self._network, self._layout)
        self._remembered.move_to_end(failed)
        while len(self._remembered) > _REMEMBERED_PLANS:
            self._remembered.popitem(last=False)
        return self._remembered[failed]

    def _carry_out(self, part: Sequence[Change]) -> None:
        by_site: dict[str, list[Change]] = {}
        for change in part:
            by_site.setdefault(change.site, []).append(change)
        waiting = [
            (site, changes, self._members[site].switch.apply(changes, ()))
            for site, changes in by_site.items()
            if site in self._members
        ]
        for site, changes, confirmation in waiting:
            self._await(site, changes, confirmation)

    def _await(self, site: str, changes: Sequence[Change], confirmation: Confirmation) -> None:
        member = self._members[site]
        if not confirmation.wait(CONFIRM_SECONDS):
            member.switch.disconnect(f"confirmed nothing within {CONFIRM_SECONDS:.0f} s")
            del self._members[site]  # its place is taken again when it reconnects and is read
            self._complete = False
            self._events.emit("switch-lost", site=site, reason="did not confirm its entries")
            return
        refused = member.switch.refused()
        done = [change for change in changes if change.remove or change.entry.cookie not in refused]
        entries = after({site: member.installed.entries}, done)[site]
        member.installed = Installed(entries, member.installed.foreign)
        member.added += sum(1 for change in done if not change.remove)
        member.removed += sum(1 for change in done if change.remove)

    def _remove_foreign(self, sites: Sequence[str]) -> None:
        waiting = []
        for site in sites:
            member = self._members.get(site)
            if member is None or not member.installed.foreign:
                continue
            # One of a key of ours has been replaced already.
            stale = [data for key, data in member.installed.foreign if key not in self.tables[site].by_key]
            member.installed = Installed(member.installed.entries)
            member.removed += len(stale)
            waiting.append((site, member.switch.apply((), stale)))
        for site, confirmation in waiting:
            self._await(site, (), confirmation)

    def _report(self, site: str) -> None:
        member = self._members.get(site)
        if member is None:
            return
        member.confirmed = member.installed.entries == self.tables[site].by_key
        if member.confirmed and not member.reported:
            member.reported = True
            self._events.emit(
                "switch",
                site=site,
                entries=len(member.installed.entries),
                added=member.added,
                removed=member.removed,
                seconds=round(time.monotonic() - member.joined_at, 6),
            )

    def _report_repair(self, former: RoutingPlan, changed: int, rounds_done: int) -> None:
        seconds = round(time.monotonic() - self._news_at, 6)
        rerouted = former.rerouted(self.plan)
        self._events.emit(
            "repaired",
            seconds=seconds,
            rerouted=rerouted,
            entries=changed,
            rounds=rounds_done,
            without_links=list(self.plan.without_links),
            unreachable=[[pair.source, pair.destination] for pair in self.plan.unreachable],
            unconfirmed=[site for site in self._layout.sites if not self._is_confirmed(site)],
        )
        LOG.info("%d paths rerouted, %d entries changed in %.3f s", rerouted, changed, seconds)

    def _report_completion(self) -> None:
        complete = all(self._is_confirmed(site) for site in self._layout.sites)
        self._in_service = self._in_service or complete
        if complete and not self._complete:
            seconds = round(time.monotonic() - self._first_join, 6)
            entries = sum(len(table.entries) for table in self.tables.values())
            self._events.emit(
                "programmed",
                switches=len(self._members),
                entries=entries,
                seconds=seconds,
                without_links=list(self.plan.without_links),
            )
            LOG.info("all %d switches hold their tables: %d entries", len(self._members), entries)
        self._complete = complete

    def _is_confirmed(self, site: str) -> bool:
        return site in self._members and self._members[site].confirmed
