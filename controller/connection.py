"""Connections of switches: what os-ken's native hub lacks, on top of its protocol classes.

os-ken's own ``Datapath`` serves a switch with a bounded send queue (one switch that does not read stalls the
application), leaves a thread behind when a switch goes, and never reports that it went. ``SwitchConnection``
keeps its interface and its message handling and replaces the two loops: sending never blocks and joins what
is queued into one write; an end, whatever its reason, is seen at once. ``SwitchListener`` accepts and watches
them: a peer that does not shake hands, or falls silent, is cut off.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import os_ken.base.app_manager  # noqa: F401  must come before os_ken.controller.controller
from os_ken.controller import ofp_event
from os_ken.controller.controller import Datapath
from os_ken.controller.handler import DEAD_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER
from os_ken.controller.ofp_handler import OFPHandler
from os_ken.ofproto import ofproto_common, ofproto_parser, ofproto_v1_3

HANDSHAKE_SECONDS = 5.0
ECHO_AFTER_SECONDS = 5.0
SILENT_AFTER_SECONDS = 15.0
_WATCH_SECONDS = 0.5
_READ_BYTES = 1 << 16
_MAX_UNSENT_BYTES = 256 << 20  # a switch that does not read; far above the largest table


class _Budget:
    """So many a second. Not exact between threads, which is good enough to shed load."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = self._taken = 0

    def take(self) -> bool:
        """Whether one more is within the budget."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return self._taken <= self._per_second


# Packets whose TTL ran out, from all switches together: they must not keep the controller from its work.
_PACKET_INS = _Budget(per_second=200)

BadPeer = Callable[[str, str], None]  # address, reason


class SwitchConnection(Datapath):  # type: ignore[misc]  # os-ken has no types
    """One control connection, from accept to end."""

    def __init__(self, sock: socket.socket, address: tuple[str, int]) -> None:
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._sendable = threading.Condition()
        self._ending = False
        self.opened = self.last_heard = time.monotonic()
        self.end_reason = ""
        super().__init__(sock, address)
        self.socket.settimeout(None)

    @property
    def peer(self) -> str:
        """The other end as ``host:port``."""
        return f"{self.address[0]}:{self.address[1]}"

    def send(self, buf: bytes, close_socket: bool = False) -> bool:
        """Queue bytes; ``close_socket`` ends the connection once they are sent. Never blocks."""
        with self._sendable:
            if self._ending:
                return False
            self._unsent.append(bytes(buf))
            self._unsent_bytes += len(buf)
            self._ending = close_socket
            self._sendable.notify()
            stuck = self._unsent_bytes > _MAX_UNSENT_BYTES
        if stuck:
            self.disconnect("does not read what it is sent")
        return True

    def disconnect(self, reason: str) -> None:
        """End the connection from any thread; the reading thread then reports the end."""
        self.end_reason = self.end_reason or reason
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Called once, by the reading thread, when the connection has ended."""
        with self._sendable:
            self._ending = True
            self._unsent.clear()
            self._sendable.notify()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.is_active = False
        self.set_state(DEAD_DISPATCHER)

    def serve(self) -> None:
        """Speak with the switch until the connection ends; ``end_reason`` then says why.

        Whatever the peer sends, only its own connection suffers.
        """
        writer = threading.Thread(target=self._write_loop, name=f"to {self.peer}", daemon=True)
        writer.start()
        try:
            self.send_msg(self.ofproto_parser.OFPHello(self))
            self._read_loop()
            self.end_reason = self.end_reason or "closed by the other side"
        except OSError as error:
            self.end_reason = self.end_reason or (error.strerror or type(error).__name__)
        except Exception as error:  # a malformed message can break os-ken's parser anywhere
            self.end_reason = self.end_reason or f"sent what is not OpenFlow 1.3 ({type(error).__name__})"
        finally:
            self.close()
            writer.join()
            self.socket.close()

    def _read_loop(self) -> None:
        buffer = bytearray()
        while chunk := self.socket.recv(_READ_BYTES):
            self.last_heard = time.monotonic()
            buffer += chunk
            start = 0
            while len(buffer) - start >= ofproto_common.OFP_HEADER_SIZE:
                version, kind, length, xid = ofproto_parser.header(
                    buffer[start : start + ofproto_common.OFP_HEADER_SIZE]
                )
                if length < ofproto_common.OFP_HEADER_SIZE:
                    raise ValueError("a message shorter than its header")
                if len(buffer) - start < length:
                    break
                self._receive(version, kind, length, xid, bytes(buffer[start : start + length]))
                start += length
            del buffer[:start]

    def _receive(self, version: int, kind: int, length: int, xid: int, data: bytes) -> None:
        if kind == ofproto_v1_3.OFPT_PACKET_IN and not _PACKET_INS.take():
            return
        if version != self.ofproto.OFP_VERSION and self.state != HANDSHAKE_DISPATCHER:
            raise ValueError("a message of another OpenFlow version")
        message = ofproto_parser.msg(self, version, kind, length, xid, data)
        if message is None:
            raise ValueError("a message that cannot be read")
        event = ofp_event.ofp_msg_to_ev(message)
        self.ofp_brick.send_event_to_observers(event, self.state)
        for handler in self.ofp_brick.get_handlers(event, self.state):
            handler(event)

    def _write_loop(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._sendable:
                    self._sendable.wait_for(lambda: self._unsent or self._ending)
                    data = b"".join(self._unsent)
                    self._unsent.clear()
                    self._unsent_bytes = 0
                    ending = self._ending
                self.socket.sendall(data)
                if ending:
                    break
        self.disconnect("")


class Handshake(OFPHandler):  # type: ignore[misc]
    """os-ken's handshake and echo handling without its listener; ``SwitchListener`` is ours."""

    LOGGER_NAME = "os_ken.handshake"

    def start(self) -> None:
        """Start the event loop only."""
        super(OFPHandler, self).start()

    def _hello_failed(self, datapath: Any, error_desc: str) -> None:
        datapath.end_reason = "speaks no OpenFlow 1.3"
        ofproto = datapath.ofproto
        datapath.send_msg(
            datapath.ofproto_parser.OFPErrorMsg(
                datapath, ofproto.OFPET_HELLO_FAILED, ofproto.OFPHFC_INCOMPATIBLE, error_desc.encode()
            ),
            close_socket=True,
        )


class SwitchListener:
    """Accepts connections and watches over them. Raises ``OSError`` if the address cannot be had."""

    def __init__(self, host: str, port: int, bad_peer: BadPeer) -> None:
        self._bad_peer = bad_peer
        self._connections: set[SwitchConnection] = set()
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
        for connection in self._current():
            connection.disconnect("the controller stops")

    def _current(self) -> list[SwitchConnection]:
        with self._lock:
            return list(self._connections)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, address = self._socket.accept()
            except OSError:
                # Closed, or out of descriptors: then wait until some connection ends.
                self._stopping.wait(_WATCH_SECONDS)
                continue
            threading.Thread(
                target=self._serve, args=(sock, address), name=f"from {address}", daemon=True
            ).start()

    def _serve(self, sock: socket.socket, address: tuple[str, int]) -> None:
        try:
            connection = SwitchConnection(sock, address)
        except OSError:  # gone before it began
            sock.close()
            return
        with self._lock:
            self._connections.add(connection)
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.discard(connection)
            if connection.id is None and not self._stopping.is_set():
                self._bad_peer(connection.peer, connection.end_reason or "left without a handshake")

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            now = time.monotonic()
            for connection in self._current():
                silent = now - connection.last_heard
                if connection.state == MAIN_DISPATCHER:
                    if silent > SILENT_AFTER_SECONDS:
                        connection.disconnect(f"silent for {silent:.0f} s")
                    elif silent > ECHO_AFTER_SECONDS:
                        connection.send_msg(connection.ofproto_parser.OFPEchoRequest(connection))
                elif now - connection.opened > HANDSHAKE_SECONDS:
                    connection.disconnect("did not finish the handshake")
