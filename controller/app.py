"""The Ryu application (os-ken): OpenFlow 1.3 in, OpenFlow 1.3 out; the decisions are the programmer's.

A switch that has shaken hands is asked for its ports and its entries, then handed to the ``Programmer``.
Handlers run in the application's own thread and never wait: what takes time happens in the programmer's
thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import wire
from controller.changes import Change
from controller.connection import SwitchConnection
from controller.events import Events
from controller.expired import time_exceeded
from controller.members import Joined, Left, PortChanged
from controller.programmer import Programmer
from topology.emulation.layout import Layout
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

_Handler = TypeVar("_Handler", bound=Callable[..., None])
_NOBODY_WAITS = 0  # a barrier's number; those that are waited for count from 1
_ALL_PORT_CHANGES = 1 << ofproto.OFPPR_ADD | 1 << ofproto.OFPPR_DELETE | 1 << ofproto.OFPPR_MODIFY


def on(event: Any, *states: str) -> Callable[[_Handler], _Handler]:
    """``set_ev_cls`` with types."""
    decorate: Callable[[_Handler], _Handler] = set_ev_cls(event, list(states))
    return decorate


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


class ConnectedSwitch:
    """A site's switch at the other end of a connection, as the programmer sees it."""

    def __init__(self, connection: SwitchConnection, site: str) -> None:
        self.connection = connection
        self.site = site
        self.live_ports: set[int] = set()
        self.reported_entries: list[Any] = []
        self.joined = False
        self._lock = threading.Lock()
        self._promises: dict[int, BarrierPromise] = {}
        self._refused: set[int] = set()
        self._next_xid = 1

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
        """The switch refused the entry with this cookie."""
        with self._lock:
            self._refused.add(cookie)

    def refused(self) -> set[int]:
        """Cookies of the entries refused since last asked."""
        with self._lock:
            refused, self._refused = self._refused, set()
        return refused

    def disconnect(self, reason: str) -> None:
        """End the connection."""
        self.connection.disconnect(reason)


class OneHopController(app_manager.OSKenApp):
    """Connects switches with the programmer."""

    OFP_VERSIONS = (ofproto.OFP_VERSION,)
    LOGGER_NAME = "onehop.controller"

    def __init__(self, *, network: Network, layout: Layout, events: Events) -> None:
        super().__init__()
        self.programmer = Programmer(network, layout, events)
        self._layout = layout
        self._stream = events
        self._switches: dict[SwitchConnection, ConnectedSwitch] = {}
        self._ports_of: dict[SwitchConnection, set[int]] = {}

    def start(self) -> None:
        """Start the event loop and the programmer."""
        super().start()
        self.programmer.start()

    def switch_of(self, site: str) -> ConnectedSwitch | None:
        """The switch of a site if it is connected."""
        return next((switch for switch in list(self._switches.values()) if switch.site == site), None)

    @on(ofp_event.EventOFPPortDescStatsReply, CONFIG_DISPATCHER, MAIN_DISPATCHER)
    def ports_described(self, event: Any) -> None:
        """Part of the handshake: which ports are up now."""
        live = self._ports_of.setdefault(event.msg.datapath, set())
        live.update(port.port_no for port in event.msg.body if _is_up(port))

    @on(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def handshake_done(self, event: Any) -> None:
        """Ask a switch of ours for its entries; turn any other away."""
        connection: SwitchConnection = event.datapath
        site = self._layout.site_of_dpid.get(connection.id)
        if site is None:
            self._stream.emit("unknown-switch", dpid=f"{connection.id:#018x}", address=connection.peer)
            LOG.warning("switch %#018x at %s is no site of the scenario", connection.id, connection.peer)
            connection.disconnect("no site of the scenario")
            return
        switch = ConnectedSwitch(connection, site)
        switch.live_ports = self._ports_of.pop(connection, set())
        self._switches[connection] = switch
        # Of packets, only those whose TTL ran out; see ``expired``.
        connection.send_msg(
            parser.OFPSetAsync(connection, [1 << ofproto.OFPR_INVALID_TTL, 0], [_ALL_PORT_CHANGES, 0], [0, 0])
        )
        connection.send_msg(parser.OFPFlowStatsRequest(connection))

    @on(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def entries_reported(self, event: Any) -> None:
        """All entries are known with the last part of the reply: now the switch may join."""
        switch = self._switches.get(event.msg.datapath)
        if switch is None or switch.joined:
            return
        switch.reported_entries += event.msg.body
        if not event.msg.flags & ofproto.OFPMPF_REPLY_MORE:
            switch.joined = True
            installed = wire.read(switch.reported_entries)
            switch.reported_entries = []
            live_ports = frozenset(switch.live_ports)
            self.programmer.tell(Joined(switch.site, switch, live_ports, installed, time.monotonic()))

    @on(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_changed(self, event: Any) -> None:
        """A port came, went or changed."""
        switch = self._switches.get(event.msg.datapath)
        if switch is None:
            return
        port = event.msg.desc.port_no
        up = event.msg.reason != ofproto.OFPPR_DELETE and _is_up(event.msg.desc)
        if up != (port in switch.live_ports):
            (set.add if up else set.discard)(switch.live_ports, port)
            if switch.joined:
                self.programmer.tell(PortChanged(switch.site, switch, port, up, time.monotonic()))

    @on(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def barrier_reached(self, event: Any) -> None:
        """Everything sent before this barrier has been done."""
        switch = self._switches.get(event.msg.datapath)
        if switch is not None:
            switch.confirmed(event.msg.xid)

    @on(ofp_event.EventOFPErrorMsg, MAIN_DISPATCHER)
    def message_refused(self, event: Any) -> None:
        """The switch could not do what it was asked."""
        switch = self._switches.get(event.msg.datapath)
        if switch is None:
            return
        cookie = wire.cookie_of_failed(bytes(event.msg.data))
        if cookie is not None:
            switch.refuse(cookie)
        entry = "" if cookie is None else f"{cookie:#018x}"
        self._stream.emit(
            "switch-error", site=switch.site, type=event.msg.type, code=event.msg.code, entry=entry
        )
        LOG.warning("%s: error type %d code %d %s", switch.site, event.msg.type, event.msg.code, entry)

    @on(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_expired(self, event: Any) -> None:
        """Answer like a router; the answer goes through the switch's own tables."""
        switch = self._switches.get(event.msg.datapath)
        if switch is None or event.msg.reason != ofproto.OFPR_INVALID_TTL:
            return
        site = self._layout.sites[switch.site]
        answer = time_exceeded(
            bytes(event.msg.data),
            gateway_ip=site.gateway_ip,
            gateway_mac=site.gateway_mac,
            known_hosts=self._layout.site_of_ip,
        )
        if answer is not None:
            switch.connection.send_msg(
                parser.OFPPacketOut(
                    switch.connection,
                    buffer_id=ofproto.OFP_NO_BUFFER,
                    in_port=ofproto.OFPP_CONTROLLER,
                    actions=[parser.OFPActionOutput(ofproto.OFPP_TABLE)],
                    data=answer,
                )
            )

    @on(ofp_event.EventOFPStateChange, DEAD_DISPATCHER)
    def connection_ended(self, event: Any) -> None:
        """Whatever the reason."""
        connection: SwitchConnection = event.datapath
        self._ports_of.pop(connection, None)
        switch = self._switches.pop(connection, None)
        if switch is not None:
            switch.ended()
            if switch.joined:
                self.programmer.tell(Left(switch.site, switch, connection.end_reason))


def _messages(changes: Sequence[Change]) -> Iterator[bytes]:
    """The changes in order; a barrier keeps groups and meters, and the entries that use them, apart."""
    for number, change in enumerate(changes):
        if number and change.rank != changes[number - 1].rank:
            yield wire.barrier(_NOBODY_WAITS)
        yield wire.remove(change.entry) if change.remove else wire.put(change.entry, change.replaces)


def _is_up(port: Any) -> bool:
    return not port.config & ofproto.OFPPC_PORT_DOWN and not port.state & ofproto.OFPPS_LINK_DOWN
