"""Where switches connect: accepts them, and cuts off those that do not shake hands or fall silent.

A peer is first only an address. While it shakes hands it counts as waiting; of those there are never more
than ``most_waiting``: the one that has waited longest makes room for the next, so that peers which only hold
connections open keep no switch out, whose handshake takes milliseconds.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from os_ken.controller.handler import MAIN_DISPATCHER

from controller.claims import Claims, DuplicateDatapathError
from controller.connection import SwitchConnection
from controller.tls import TlsSocket, datapath_ids, reason_of

HANDSHAKE_SECONDS = 5.0
ECHO_AFTER_SECONDS = 5.0
SILENT_AFTER_SECONDS = 15.0
_WATCH_SECONDS = 0.5


class Reports(Protocol):
    """Who is told of peers that were turned away. Called from any thread; must not block."""

    def bad_peer(self, address: str, reason: str) -> None:
        """It did not become a switch of ours."""

    def duplicate(self, address: str, error: DuplicateDatapathError) -> None:
        """It claimed the datapath id of a live one."""


@dataclass(eq=False, slots=True)
class _Peer:
    """The other end of one connection, before and after it has become a ``SwitchConnection``."""

    socket: socket.socket
    address: str
    opened: float = field(default_factory=time.monotonic)
    connection: SwitchConnection | None = None
    cut_off_for: str = ""

    @property
    def waiting(self) -> bool:
        """Whether it has yet to finish the handshake."""
        return self.connection is None or self.connection.state != MAIN_DISPATCHER

    def cut_off(self, reason: str) -> None:
        """End it; its own thread then sees the end."""
        self.cut_off_for = self.cut_off_for or reason
        if self.connection is not None:
            self.connection.disconnect(reason)
        else:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


class SwitchListener:
    """Accepts connections and watches over them. Raises ``OSError`` if the address cannot be had.

    Args:
        tls: a context that demands certificates; ``None``: plain TCP.
        bind_dpid: whether a certificate must name the datapath ids it speaks for. One that names some is
            held to them in any case.
        most_waiting: how many may be shaking hands at once.
    """

    def __init__(
        self,
        host: str,
        port: int,
        reports: Reports,
        *,
        tls: ssl.SSLContext | None = None,
        bind_dpid: bool = False,
        most_waiting: int = 256,
    ) -> None:
        self._reports = reports
        self._tls = tls
        self._bind_dpid = bind_dpid
        self._most_waiting = most_waiting
        self._claims = Claims()
        self._peers: dict[_Peer, None] = {}  # in the order they came
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=1024)
        self.host, self.port = self._socket.getsockname()[:2]

    def start(self) -> None:
        """Begin to accept."""
        for target in (self._accept, self._watch):
            threading.Thread(target=target, name=target.__name__, daemon=True).start()

    def stop(self) -> None:
        """Accept no more and end all connections."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for peer in self._current():
            peer.cut_off("the controller stops")

    def _current(self) -> list[_Peer]:
        with self._lock:
            return list(self._peers)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, address = self._socket.accept()
            except OSError:
                # Closed, or out of descriptors: then wait until some connection ends.
                self._stopping.wait(_WATCH_SECONDS)
                continue
            waiting = [peer for peer in self._current() if peer.waiting]
            for peer in waiting[: max(0, len(waiting) - self._most_waiting + 1)]:
                peer.cut_off("made room for another that shakes hands")
            peer = _Peer(sock, f"{address[0]}:{address[1]}")
            with self._lock:
                self._peers[peer] = None
            threading.Thread(
                target=self._serve, args=(peer, address), name=f"from {peer.address}", daemon=True
            ).start()

    def _serve(self, peer: _Peer, address: tuple[str, int]) -> None:
        try:
            connection = self._opened(peer, address)
            if connection is not None:
                peer.connection = connection
                if peer.cut_off_for:
                    connection.disconnect(peer.cut_off_for)
                connection.serve()
                self._report(peer, connection)
        finally:
            with self._lock:
                del self._peers[peer]

    def _opened(self, peer: _Peer, address: tuple[str, int]) -> SwitchConnection | None:
        """The connection, after the TLS handshake if there is one; ``None`` if it came to nothing."""
        may_speak_for = None
        try:
            channel: socket.socket | TlsSocket = peer.socket
            if self._tls is not None:
                channel = TlsSocket(peer.socket, self._tls, HANDSHAKE_SECONDS)
                named = datapath_ids(channel.certificate())
                may_speak_for = named if named or self._bind_dpid else None
            return SwitchConnection(channel, address, self._claims, may_speak_for)
        except OSError as error:  # gone before it began, or no TLS
            peer.socket.close()
            if self._tls is not None and not self._stopping.is_set():
                self._reports.bad_peer(peer.address, peer.cut_off_for or reason_of(error))
            return None

    def _report(self, peer: _Peer, connection: SwitchConnection) -> None:
        if self._stopping.is_set():
            return
        if connection.refused is not None:
            self._reports.duplicate(peer.address, connection.refused)
        elif connection.malformed or not connection.shaken:
            self._reports.bad_peer(peer.address, connection.end_reason or "left without a handshake")

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            now = time.monotonic()
            for peer in self._current():
                if peer.waiting:
                    if now - peer.opened > HANDSHAKE_SECONDS:
                        peer.cut_off("did not finish the handshake")
                elif (connection := peer.connection) is not None:
                    silent = now - connection.last_heard
                    if silent > SILENT_AFTER_SECONDS:
                        connection.disconnect(f"silent for {silent:.0f} s")
                    elif silent > ECHO_AFTER_SECONDS:
                        connection.probe()
