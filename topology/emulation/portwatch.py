"""When a switch noticed: its ports watched through its own database, without a controller.

ovs-vswitchd writes what it finds of its ports (carrier, BFD) into its database, and the database tells those
who monitor it (RFC 7047, section 4.1.5). So this sees what the switch has seen about a millisecond before, in
time of CLOCK_MONOTONIC, whether a controller lives or not.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from topology.emulation.bfd import status_of
from topology.emulation.ovsdb import DATABASE, Connection, map_of
from topology.errors import EmulationError

_START_SECONDS = 10.0
_MONITOR = {
    "method": "monitor",
    "params": [
        DATABASE,
        None,
        {"Interface": {"columns": ["name", "link_state", "bfd", "bfd_status"]}},
    ],
    "id": "watch",
}


@dataclass(frozen=True, slots=True)
class PortEvent:
    """A port became live, or no longer is.

    Attributes:
        at_ns: when it was heard, CLOCK_MONOTONIC.
        interface: switch-side interface name.
        carrier: whether the interface has carrier.
        forwarding: what BFD says; true where there is no session.
    """

    at_ns: int
    interface: str
    carrier: bool
    forwarding: bool

    @property
    def live(self) -> bool:
        """Whether the switch uses the port."""
        return self.carrier and self.forwarding


class PortWatch:
    """Watches the ports of some switches while entered.

    Args:
        sockets: of the switches' databases (``db.sock``).
        interfaces: those of interest.
    """

    def __init__(self, sockets: Collection[Path], interfaces: Collection[str]) -> None:
        self._paths = sorted(set(sockets))
        self._interfaces = frozenset(interfaces)
        self._events: list[PortEvent] = []
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._stop, self._stopped = socket.socketpair()
        self._connections: list[Connection] = []
        self._known: dict[str, PortEvent] = {}
        self._initial = threading.Event()
        self._thread = threading.Thread(target=self._run, name="port watch", daemon=True)

    def __enter__(self) -> PortWatch:
        try:
            self._connections = [Connection(path) for path in self._paths]
        except OSError as error:
            raise EmulationError(f"a switch's database cannot be reached: {error.strerror}") from None
        for connection in self._connections:
            connection.send(_MONITOR)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._selector.register(self._stopped, selectors.EVENT_READ, None)
        self._thread.start()
        if not self._initial.wait(_START_SECONDS):
            self.__exit__(None, None, None)
            raise EmulationError("a switch's database does not answer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.close()
        self._thread.join()
        self._selector.close()
        self._stopped.close()
        for connection in self._connections:
            connection.close()

    @property
    def events(self) -> list[PortEvent]:
        """All changes so far, oldest first."""
        with self._lock:
            return list(self._events)

    def since(self, begun_ns: int) -> list[PortEvent]:
        """The changes from a moment on."""
        return [event for event in self.events if event.at_ns >= begun_ns]

    @property
    def live(self) -> dict[str, bool]:
        """Whether each interface is live now."""
        with self._lock:
            return {name: event.live for name, event in self._known.items()}

    @property
    def quiet_ns(self) -> int:
        """How long ago the last change was heard of; very long, if there was none since entering."""
        with self._lock:
            last_ns = self._events[-1].at_ns if self._events else 0
        return time.monotonic_ns() - last_ns

    def _run(self) -> None:
        unanswered = len(self._connections)
        if not unanswered:
            self._initial.set()
        while True:
            for key, _mask in self._selector.select():
                connection: Connection | None = key.data
                if connection is None:
                    return
                messages = connection.receive()
                now_ns = time.monotonic_ns()
                if messages is None:  # the database has ended, with its switch
                    self._selector.unregister(connection.socket)
                    continue
                for message in messages:
                    if message.get("id") == _MONITOR["id"]:
                        self._take(message["result"], now_ns, initial=True)
                        unanswered -= 1
                        if not unanswered:
                            self._initial.set()
                    elif message.get("method") == "update":
                        self._take(message["params"][1], now_ns, initial=False)

    def _take(self, tables: Mapping[str, Any], now_ns: int, *, initial: bool) -> None:
        for change in tables.get("Interface", {}).values():
            row = change.get("new")
            if row is None or row["name"] not in self._interfaces:
                continue
            event = _event(row, now_ns)
            with self._lock:
                former = self._known.get(event.interface)
                self._known[event.interface] = event
                if not initial and (former is None or former.live != event.live):
                    self._events.append(event)


def _event(row: Mapping[str, Any], now_ns: int) -> PortEvent:
    name: str = row["name"]
    watched = map_of(row["bfd"]).get("enable") == "true"
    forwarding = not watched or status_of(name, map_of(row["bfd_status"])).forwarding
    return PortEvent(now_ns, name, row["link_state"] == "up", forwarding)
