"""The Ryu application (os-ken): OpenFlow 1.3 in, OpenFlow 1.3 out; the decisions are the programmer's.

A switch that has shaken hands is asked for its ports and for what it holds, then handed to the
``Programmer``.
Handlers run in the application's own thread and never wait: what takes time happens in the programmer's
thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import wire
from controller.connection import SwitchConnection
from controller.events import Events
from controller.expired import time_exceeded
from controller.members import Joined, Left, PortChanged
from controller.programmer import Programmer
from controller.switch import ConnectedSwitch, Ports
from topology.emulation.layout import Layout
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

_Handler = TypeVar("_Handler", bound=Callable[..., None])
_ALL_PORT_CHANGES = 1 << ofproto.OFPPR_ADD | 1 << ofproto.OFPPR_DELETE | 1 << ofproto.OFPPR_MODIFY


def on(event: Any, *states: str) -> Callable[[_Handler], _Handler]:
    """``set_ev_cls`` with types."""
    decorate: Callable[[_Handler], _Handler] = set_ev_cls(event, list(states))
    return decorate


class OneHopController(app_manager.OSKenApp):
    """Connects switches with the programmer."""

    OFP_VERSIONS = (ofproto.OFP_VERSION,)
    LOGGER_NAME = "onehop.controller"

    def __init__(
        self, *, network: Network, layout: Layout, events: Events, state: Path | None = None
    ) -> None:
        super().__init__()
        self.programmer = Programmer(network, layout, events, state)
        self._reservations = network.routing.reserved is not None
        self._layout = layout
        self._stream = events
        self._switches: dict[SwitchConnection, ConnectedSwitch] = {}
        self._ports_of: dict[SwitchConnection, Ports] = {}

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
        ports = self._ports_of.setdefault(event.msg.datapath, Ports())
        for port in event.msg.body:
            ports.describe(port)

    @on(ofp_event.EventOFPStateChange, MAIN_DISPATCHER)
    def handshake_done(self, event: Any) -> None:
        """Ask a switch of ours for what it holds; turn any other away."""
        connection: SwitchConnection = event.datapath
        dpid = connection.id
        assert dpid is not None  # the handshake is done
        site = self._layout.site_of_dpid.get(dpid)
        if site is None:
            self._stream.emit("unknown-switch", dpid=f"{dpid:#018x}", address=connection.peer)
            LOG.warning("switch %#018x at %s is no site of the scenario", dpid, connection.peer)
            connection.disconnect("no site of the scenario")
            return
        switch = ConnectedSwitch(connection, site, self._ports_of.pop(connection, Ports()))
        self._switches[connection] = switch
        # Of packets, only those whose TTL ran out; see ``expired``.
        connection.send_msg(
            parser.OFPSetAsync(connection, [1 << ofproto.OFPR_INVALID_TTL, 0], [_ALL_PORT_CHANGES, 0], [0, 0])
        )
        switch.ask_what_it_holds(reservations=self._reservations)

    @on(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def entries_reported(self, event: Any) -> None:
        """A part of what it holds."""
        self._reported(event, ofproto.OFPMP_FLOW)

    @on(ofp_event.EventOFPGroupDescStatsReply, MAIN_DISPATCHER)
    def groups_reported(self, event: Any) -> None:
        """A part of what it holds."""
        self._reported(event, ofproto.OFPMP_GROUP_DESC)

    @on(ofp_event.EventOFPMeterConfigStatsReply, MAIN_DISPATCHER)
    def meters_reported(self, event: Any) -> None:
        """A part of what it holds."""
        self._reported(event, ofproto.OFPMP_METER_CONFIG)

    def _reported(self, event: Any, kind: int) -> None:
        switch = self._switches.get(event.msg.datapath)
        if switch is not None:
            more = bool(event.msg.flags & ofproto.OFPMPF_REPLY_MORE)
            self._join_if(switch, switch.report(kind, event.msg.body, more=more))

    def _join_if(self, switch: ConnectedSwitch, whole: bool) -> None:
        """All it holds is known with the last part of the last answer: now it may join."""
        if whole and switch.installed is not None:
            joined = Joined(switch.site, switch, switch.ports.up, switch.installed, time.monotonic())
            self.programmer.tell(joined)

    @on(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)
    def port_changed(self, event: Any) -> None:
        """A port came, went or changed."""
        switch = self._switches.get(event.msg.datapath)
        if switch is None:
            return
        port = event.msg.desc.port_no
        changed = switch.ports.describe(event.msg.desc, deleted=event.msg.reason == ofproto.OFPPR_DELETE)
        if changed and switch.installed is not None:
            up = port in switch.ports.up
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
        failed = bytes(event.msg.data)
        report = wire.report_of_failed(failed)
        if report is not None:  # a switch without groups or meters has none
            self._join_if(switch, switch.report(report, ()))
            return
        cookie = wire.cookie_of_failed(failed)
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
            if switch.installed is not None:
                self.programmer.tell(Left(switch.site, switch, connection.end_reason))
