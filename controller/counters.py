"""Port counters, read from the switches when somebody asks (OpenFlow 1.3.5, A.3.5.6), and kept for a second.

An os-ken application of its own beside the controller's: it follows connections and replies by itself, and
whatever it does holds nobody up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller.app import on
from controller.connection import SwitchConnection

FRESH_SECONDS = 1.0
_ANSWER_SECONDS = 1.0
_NOT_COUNTED = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class PortCounters:
    """What has crossed one port of a switch since it came up; ``None`` where the switch does not count.

    *received* is what came into the switch there, *sent* what left it.
    """

    received_packets: int | None
    received_bytes: int | None
    received_dropped: int | None
    received_errors: int | None
    sent_packets: int | None
    sent_bytes: int | None
    sent_dropped: int | None
    sent_errors: int | None


@dataclass(frozen=True, slots=True)
class CounterReading:
    """Counters of many switches.

    Attributes:
        at: when it was made, in seconds of the monotonic clock.
        ports: by ``(site, port)``.
        silent_sites: connected, but did not answer in time.
    """

    at: float
    ports: Mapping[tuple[str, int], PortCounters]
    silent_sites: tuple[str, ...] = ()


class PortCounting(app_manager.OSKenApp):  # type: ignore[misc]
    """Reads the counters of all switches that are connected.

    Args:
        site_of_dpid: site id by datapath id.
    """

    OFP_VERSIONS = (ofproto.OFP_VERSION,)
    LOGGER_NAME = "onehop.counters"

    def __init__(self, *, site_of_dpid: Mapping[int, str]) -> None:
        super().__init__()
        self._site_of_dpid = site_of_dpid
        self._connections: dict[SwitchConnection, str] = {}
        self._ports: dict[str, dict[int, PortCounters]] = {}
        self._waiting_for: set[str] = set()
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._last = CounterReading(float("-inf"), {})

    def read(self) -> CounterReading:
        """The counters, at most ``FRESH_SECONDS`` old. Callers at the same time share one reading."""
        with self._reading:
            if time.monotonic() - self._last.at >= FRESH_SECONDS:
                self._last = self._ask_all()
            return self._last

    def _ask_all(self) -> CounterReading:
        with self._changed:
            connections = dict(self._connections)
            self._waiting_for = set(connections.values())
            self._ports = {site: {} for site in connections.values()}
        for connection in connections:
            connection.send_msg(parser.OFPPortStatsRequest(connection, 0, ofproto.OFPP_ANY))
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting_for, _ANSWER_SECONDS)
            silent = tuple(site for site in connections.values() if site in self._waiting_for)
            self._waiting_for = set()
            ports = {
                (site, number): counters
                for site, ports in self._ports.items()
                for number, counters in sorted(ports.items())
            }
        return CounterReading(time.monotonic(), ports, silent)

    @on(ofp_event.EventOFPStateChange, MAIN_DISPATCHER, DEAD_DISPATCHER)
    def connection_changed(self, event: Any) -> None:
        """A switch came or went."""
        connection: SwitchConnection = event.datapath
        site = self._site_of_dpid.get(connection.id) if connection.id is not None else None
        with self._changed:
            if event.state == MAIN_DISPATCHER and site is not None:
                self._connections[connection] = site
            elif (left := self._connections.pop(connection, None)) is not None:
                self._waiting_for.discard(left)
                self._changed.notify_all()

    @on(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def counted(self, event: Any) -> None:
        """Some or all of a switch's ports."""
        with self._changed:
            site = self._connections.get(event.msg.datapath)
            if site is None or site not in self._waiting_for:
                return
            self._ports[site] |= {
                s.port_no: _counters(s) for s in event.msg.body if s.port_no <= ofproto.OFPP_MAX
            }
            if not event.msg.flags & ofproto.OFPMPF_REPLY_MORE:
                self._waiting_for.discard(site)
                self._changed.notify_all()


def _counters(stats: Any) -> PortCounters:
    values = (
        *(stats.rx_packets, stats.rx_bytes, stats.rx_dropped, stats.rx_errors),
        *(stats.tx_packets, stats.tx_bytes, stats.tx_dropped, stats.tx_errors),
    )
    return PortCounters(*(None if value == _NOT_COUNTED else value for value in values))
