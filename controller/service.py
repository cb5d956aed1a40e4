"""The controller as one object: application, handshake and listener, from start to stop.

os-ken keeps its applications in module-wide registries, so a process holds one controller at a time.
"""

from __future__ import annotations

import logging
import os

from os_ken.base.app_manager import AppManager

from controller.allowance import Allowance
from controller.app import ConnectedSwitch, OneHopController
from controller.claims import DuplicateDatapathError
from controller.connection import Handshake
from controller.events import Events
from controller.flowtables import digest_of_tables
from controller.listener import SwitchListener
from controller.tls import TlsFiles
from topology.emulation.layout import Layout
from topology.errors import EmulationError
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

_STOP_SECONDS = 0.1
_WAITING_PEERS = 64  # that may be shaking hands, beside two for every site


class ControllerService:
    """Routes ``network`` over every switch that connects.

    Attributes:
        host, port: where it listens, once started.
    """

    def __init__(self, network: Network, layout: Layout, events: Events) -> None:
        # os-ken's own words are for its developers; what a user needs to know is an event or our log line.
        logging.getLogger("os_ken").setLevel(logging.CRITICAL + 1)
        self._network = network
        self._layout = layout
        self._events = events
        self._manager = AppManager()
        self._handshake = self._manager.instantiate(Handshake)
        self._turned_away = _TurnedAway(events)
        self._app: OneHopController = self._manager.instantiate(
            OneHopController, network=network, layout=layout, events=events
        )
        self.host, self.port = "", 0

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
        self._app.start()
        self._listener.start()

    def stop(self) -> None:
        """End all connections and threads. The switches keep their entries and go on forwarding."""
        self._app.programmer.stop(_STOP_SECONDS)  # first, or it would report every connection as lost
        self._listener.stop()
        self._manager.close()
        self._events.emit("stopped")

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
