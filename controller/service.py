"""The controller as one object: application, handshake and listener, from start to stop.

os-ken keeps its applications in module-wide registries, so a process holds one controller at a time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from os_ken.base.app_manager import AppManager

from controller.admission import Usage
from controller.allowance import Allowance
from controller.app import OneHopController
from controller.claims import DuplicateDatapathError
from controller.connection import Handshake
from controller.counters import CounterReading, PortCounting
from controller.events import Events
from controller.flowtables import digest_of_tables
from controller.listener import SwitchListener
from controller.members import Asked, Inquiry, Message, Withdrawn
from controller.reservations import Answer, Reservation
from controller.snapshot import Snapshot
from controller.switch import ConnectedSwitch
from controller.tls import TlsFiles
from topology.emulation.layout import Layout
from topology.errors import EmulationError
from topology.network import Demand, Network

LOG = logging.getLogger("onehop.controller")

_STOP_SECONDS = 0.1
_ANSWER_SECONDS = 30.0
_WAITING_PEERS = 64  # that may be shaking hands, beside two for every site

_T = TypeVar("_T")


class ControllerService:
    """Routes ``network`` over every switch that connects.

    Attributes:
        host, port: where it listens, once started.
    """

    def __init__(
        self, network: Network, layout: Layout, events: Events, *, state: Path | None = None
    ) -> None:
        """``state`` is the file that keeps the reservations; without one they end with the controller.

        Asks for the scenario's reserved demands unless the file knows better. Raises ``InputError`` if they
        or the file make no sense for this network, ``MachineError`` if the file cannot be used.
        """
        # os-ken's own words are for its developers; what a user needs to know is an event or our log line.
        logging.getLogger("os_ken").setLevel(logging.CRITICAL + 1)
        self._network = network
        self._layout = layout
        self._events = events
        self._manager = AppManager()
        self._handshake = self._manager.instantiate(Handshake)
        self._turned_away = _TurnedAway(events)
        self._app: OneHopController = self._manager.instantiate(
            OneHopController, network=network, layout=layout, events=events, state=state
        )
        self._counting: PortCounting = self._manager.instantiate(
            PortCounting, site_of_dpid=layout.site_of_dpid
        )
        self.host, self.port = "", 0

    @property
    def network(self) -> Network:
        """What is routed."""
        return self._network

    @property
    def layout(self) -> Layout:
        """Its numbers and names."""
        return self._layout

    def start(self, host: str, port: int, tls: TlsFiles | None = None) -> None:
        """Listen; port 0 takes any free one. Raises ``EmulationError`` if the address cannot be had, and
        ``InputError`` if the files of ``tls`` will not do."""
        context = tls.context() if tls is not None else None
        try:
            self._listener = SwitchListener(
                host,
                port,
                self._turned_away,
                tls=context,
                bind_dpid=tls is not None and tls.bind_dpid,
                most_waiting=_WAITING_PEERS + 2 * len(self._layout.sites),
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise EmulationError(
                f"the controller cannot listen on {host}:{port}: {reason}",
                hint="another controller may be running; --listen takes another address",
            ) from None
        self.host, self.port = self._listener.host, self._listener.port
        tables = self._app.programmer.tables
        self._events.emit(
            "listening",
            host=self.host,
            port=self.port,
            scenario=self._network.id,
            sites=len(self._layout.sites),
            entries=sum(len(table.entries) for table in tables.values()),
            plan=self._app.programmer.plan.digest(),
            tables=digest_of_tables(tables),
        )
        self._handshake.start()
        self._counting.start()
        self._app.start()
        self._listener.start()

    def stop(self) -> None:
        """End all connections and threads. The switches keep their entries and go on forwarding."""
        self._app.programmer.stop(_STOP_SECONDS)  # first, or it would report every connection as lost
        self._listener.stop()
        self._manager.close()
        self._events.emit("stopped")

    @property
    def snapshot(self) -> Snapshot:
        """What the controller knows: plan, tables, links, reservations, switches. For any thread."""
        return self._app.programmer.snapshot

    def ask(self, demand: Demand, *, timeout_seconds: float = _ANSWER_SECONDS) -> Answer:
        """Ask for a reservation, from any thread; answered when the switches have confirmed it.

        Those that have not, because they are not connected or do not answer, are named in
        ``snapshot.pending``; they get what they lack as soon as they can. Raises ``InputError`` if the demand
        makes no sense here, ``MachineError`` if it cannot be kept, ``EmulationError`` if no answer comes.
        """
        answer: Future[Answer] = Future()
        return self._answered(Asked(demand, answer, time.monotonic()), answer, timeout_seconds)

    def withdraw(self, demand_id: str, *, timeout_seconds: float = _ANSWER_SECONDS) -> Reservation:
        """Give a reservation back, from any thread; its flow is best effort when this returns.

        Raises ``InputError`` if nothing is reserved under this id, else as ``ask``.
        """
        answer: Future[Reservation] = Future()
        return self._answered(Withdrawn(demand_id, answer, time.monotonic()), answer, timeout_seconds)

    def usage(self, *, timeout_seconds: float = _ANSWER_SECONDS) -> Mapping[tuple[str, str], Usage]:
        """What is reserved on each link direction, by ``(from site, to site)``. Raises as ``ask``."""
        answer: Future[Mapping[tuple[str, str], Usage]] = Future()
        inquiry = Inquiry(lambda promises: promises.admission.usage, answer)
        return self._answered(inquiry, answer, timeout_seconds)

    def counters(self) -> CounterReading:
        """Port counters of all connected switches, at most a second old, from any thread."""
        return self._counting.read()

    def _answered(self, message: Message, answer: Future[_T], timeout_seconds: float) -> _T:
        self._app.programmer.tell(message)
        try:
            return answer.result(timeout_seconds)
        except TimeoutError:
            raise EmulationError(
                f"the controller has not answered within {timeout_seconds:g} s",
                hint="it may be busy or stopping; the list of demands will show what is admitted",
            ) from None

    def switch(self, site: str) -> ConnectedSwitch | None:
        """The connected switch of a site, for those who measure or look closer."""
        return self._app.switch_of(site)


class _TurnedAway:
    """Tells of peers that did not become switches; of a flood of them only as many as somebody may read."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._allowance = Allowance(per_second=5, burst=50)
        self._withheld = 0

    def bad_peer(self, address: str, reason: str) -> None:
        """It did not finish the handshake, or sent what is not OpenFlow 1.3."""
        self._tell("bad-peer", address=address, reason=reason)

    def duplicate(self, address: str, error: DuplicateDatapathError) -> None:
        """It claimed the datapath id of a live switch."""
        self._tell("duplicate-dpid", dpid=f"{error.dpid:#018x}", address=address, held_by=error.held_by)

    def _tell(self, event: str, **fields: str) -> None:
        if not self._allowance.take():
            self._withheld += 1  # not exact between threads
            return
        withheld, self._withheld = self._withheld, 0
        self._events.emit(event, **fields, **({"withheld": withheld} if withheld else {}))
        LOG.warning("%s: %s", event, ", ".join(fields.values()))
