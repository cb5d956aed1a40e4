"""The controller as one object: application, handshake and listener, from start to stop.

os-ken keeps its applications in module-wide registries, so a process holds one controller at a time.
"""

from __future__ import annotations

import logging
import os

from os_ken.base.app_manager import AppManager

from controller.app import ConnectedSwitch, OneHopController
from controller.connection import Handshake, SwitchListener
from controller.events import Events
from controller.flowtables import digest_of_tables
from topology.emulation.layout import Layout
from topology.errors import EmulationError
from topology.network import Network

LOG = logging.getLogger("onehop.controller")

_STOP_SECONDS = 0.1


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
        self._app: OneHopController = self._manager.instantiate(
            OneHopController, network=network, layout=layout, events=events
        )
        self.host, self.port = "", 0

    def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises ``EmulationError`` if the address cannot be had."""
        try:
            self._listener = SwitchListener(host, port, self._turned_away)
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

    def _turned_away(self, address: str, reason: str) -> None:
        self._events.emit("bad-peer", address=address, reason=reason)
        LOG.warning("%s turned away: %s", address, reason)
