"""A site's switch at the other end of a connection: what it reports, what it is sent, what it confirms."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import wire
from controller.changes import Change
from controller.connection import SwitchConnection
from controller.wire import Installed

_NOBODY_WAITS = 0  # a barrier's number; those that are waited for count from 1
_REPORTS = {
    ofproto.OFPMP_METER_CONFIG: parser.OFPMeterConfigStatsRequest,
    ofproto.OFPMP_GROUP_DESC: parser.OFPGroupDescStatsRequest,
    ofproto.OFPMP_FLOW: parser.OFPFlowStatsRequest,
}


class BarrierPromise:
    """Kept when the barrier's reply comes, broken when the connection ends first."""

    def __init__(self) -> None:
        self._decided = threading.Event()
        self._kept = False

    def decide(self, kept: bool) -> None:
        """Let those who wait go on."""
        self._kept = kept
        self._decided.set()

    def wait(self, timeout: float) -> bool:
        """Whether the reply came within ``timeout`` seconds."""
        return self._decided.wait(timeout) and self._kept


class Ports:
    """Which ports of a switch are up.

    A switch that reports liveness (``OFPPS_LIVE``) knows more of a port than its carrier: Open vSwitch takes
    BFD into account. For such a switch a port that is not live is down.
    """

    def __init__(self) -> None:
        self._up: dict[int, tuple[bool, bool]] = {}  # carrier and administratively up; live
        self._reports_liveness = False

    def describe(self, port: Any, *, deleted: bool = False) -> bool:
        """Take an ``OFPPort`` in; whether the port now counts as up where it did not, or the other way."""
        before = port.port_no in self.up
        down = port.config & ofproto.OFPPC_PORT_DOWN or port.state & ofproto.OFPPS_LINK_DOWN
        live = bool(port.state & ofproto.OFPPS_LIVE)
        self._reports_liveness = self._reports_liveness or live
        self._up[port.port_no] = (not down and not deleted, live)
        return before != (port.port_no in self.up)

    @property
    def up(self) -> frozenset[int]:
        """The numbers of the ports that are up."""
        return frozenset(
            port for port, (up, live) in self._up.items() if up and (live or not self._reports_liveness)
        )


class ConnectedSwitch:
    """A site's switch, as the programmer sees it.

    Attributes:
        installed: what it held when it had connected, once it has reported all of it.
    """

    def __init__(self, connection: SwitchConnection, site: str, ports: Ports) -> None:
        self.connection = connection
        self.site = site
        self.ports = ports
        self.installed: Installed | None = None
        self._reported: dict[int, list[Any]] = {}
        self._awaited: set[int] = set()
        self._lock = threading.Lock()
        self._promises: dict[int, BarrierPromise] = {}
        self._refused: set[int] = set()
        self._next_xid = 1

    def ask_what_it_holds(self, *, reservations: bool) -> None:
        """Ask for its entries; with ``reservations`` for groups and meters too."""
        for kind, request in _REPORTS.items():
            if reservations or kind == ofproto.OFPMP_FLOW:
                self._awaited.add(kind)
                self._reported[kind] = []
                self.connection.send_msg(request(self.connection))

    def report(self, kind: int, body: Sequence[Any], *, more: bool = False) -> bool:
        """Take a part of an answer in; whether it was the last of all. Nothing asked for is no answer."""
        if kind not in self._awaited:
            return False
        self._reported[kind] += body
        if not more:
            self._awaited.discard(kind)
        if self._awaited:
            return False
        self.installed = wire.read(*(self._reported.get(kind, ()) for kind in reversed(_REPORTS)))
        self._reported.clear()
        return True

    def apply(self, changes: Sequence[Change], foreign: Sequence[bytes]) -> BarrierPromise:
        """Send changes and removals and a barrier, as one piece."""
        messages = list(_messages(changes))
        promise = BarrierPromise()
        with self._lock:
            xid = self._next_xid
            self._next_xid += 1
            self._promises[xid] = promise
        if not self.connection.send(b"".join([*messages, *foreign, wire.barrier(xid)])):
            promise.decide(False)
        return promise

    def confirmed(self, xid: int) -> None:
        """A barrier reply came."""
        with self._lock:
            promise = self._promises.pop(xid, None)
        if promise is not None:
            promise.decide(True)

    def ended(self) -> None:
        """No more replies will come."""
        with self._lock:
            promises = list(self._promises.values())
            self._promises.clear()
        for promise in promises:
            promise.decide(False)

    def refuse(self, cookie: int) -> None:
        """The switch refused the entry, group or meter with this cookie."""
        with self._lock:
            self._refused.add(cookie)

    def refused(self) -> set[int]:
        """Cookies of what was refused since last asked."""
        with self._lock:
            refused, self._refused = self._refused, set()
        return refused

    def disconnect(self, reason: str) -> None:
        """End the connection."""
        self.connection.disconnect(reason)


def _messages(changes: Sequence[Change]) -> Iterator[bytes]:
    """The changes in order; a barrier keeps groups and meters, and the entries that use them, apart."""
    for number, change in enumerate(changes):
        if number and change.rank != changes[number - 1].rank:
            yield wire.barrier(_NOBODY_WAITS)
        yield wire.remove(change.entry) if change.remove else wire.put(change.entry, change.replaces)
