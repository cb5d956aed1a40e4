"""Connections of switches: what os-ken's native hub lacks, on top of its protocol classes.

os-ken's own ``Datapath`` serves a switch with a bounded send queue (one switch that does not read stalls the
application), leaves a thread behind when a switch goes, never reports that it went, and trusts what it is
sent. ``SwitchConnection`` keeps its interface and its message handling and replaces the two loops: sending
never blocks and joins what is queued into one write; an end, whatever its reason, is seen at once; what is
read is looked at before it is parsed (``wellformed``), and is limited in what it may cost.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

import os_ken.base.app_manager  # noqa: F401  must come before os_ken.controller.controller
from os_ken.controller import ofp_event
from os_ken.controller.controller import Datapath
from os_ken.controller.handler import (
    CONFIG_DISPATCHER,
    DEAD_DISPATCHER,
    HANDSHAKE_DISPATCHER,
    MAIN_DISPATCHER,
    set_ev_handler,
)
from os_ken.controller.ofp_handler import OFPHandler
from os_ken.ofproto import ofproto_common, ofproto_parser, ofproto_v1_3

from controller.allowance import Allowance
from controller.claims import Claims, DuplicateDatapathError
from controller.tls import TlsSocket
from controller.wellformed import GREETINGS, HEARD, IGNORED, MalformedError, sound

_READ_BYTES = 1 << 16
_MAX_UNSENT_BYTES = 256 << 20  # a switch that does not read; far above the largest table
_MAX_HANDSHAKE_BYTES = 1 << 20  # either way, before the handshake is done: 16,000 ports
_MAX_PORTS = 1 << 14

# After the handshake a switch reports its tables (64 MiB are 400,000 entries), then little.
_REPORT_BYTES, _BYTES_PER_SECOND = 64 << 20, 64 << 10
# Packets whose TTL ran out must not keep the controller from its work: of one switch, and of all together.
_PACKET_INS_PER_SECOND = 50
_ALL_PACKET_INS = Allowance(per_second=200, burst=200)


class SwitchConnection(Datapath):  # type: ignore[misc]  # os-ken has no types
    """One control connection, from accept to end.

    Args:
        claims: who speaks for which datapath id.
        may_speak_for: the only datapath ids it may have; ``None``: any.

    Attributes:
        shaken, malformed: whether the handshake was finished, whether it sent what no switch sends.
        refused: why it may not have the datapath id it claimed.
    """

    id: Any  # the datapath id, None until it is known

    def __init__(
        self,
        sock: socket.socket | TlsSocket,
        address: tuple[str, int],
        claims: Claims,
        may_speak_for: Collection[int] | None = None,
    ) -> None:
        self._claims = claims
        self._may_speak_for = may_speak_for
        self._ports_named: set[int] = set()
        self._shaking_bytes = 0
        self._bytes = Allowance(_BYTES_PER_SECOND, _REPORT_BYTES)
        self._packet_ins = Allowance(_PACKET_INS_PER_SECOND, _PACKET_INS_PER_SECOND)
        self.refused: DuplicateDatapathError | None = None
        self.shaken = self.malformed = False
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
            most = _MAX_UNSENT_BYTES if self.state == MAIN_DISPATCHER else _MAX_HANDSHAKE_BYTES
            stuck = self._unsent_bytes > most
        if stuck:
            self.disconnect("does not read what it is sent")
        return True

    def set_state(self, state: str) -> None:
        """As os-ken's, which also calls it."""
        self.shaken = self.shaken or state == MAIN_DISPATCHER
        super().set_state(state)

    def probe(self) -> None:
        """Ask for a sign of life; the answer shows in ``last_heard``. Never blocks."""
        self.send_msg(self.ofproto_parser.OFPEchoRequest(self))

    def identify(self, dpid: int) -> None:
        """Take the datapath id the other end claims. Raises what ``serve`` turns into the end."""
        if self.id is not None:
            raise MalformedError("a second datapath id")
        if self._may_speak_for is not None and dpid not in self._may_speak_for:
            raise MalformedError(f"datapath id {dpid:#018x}, which is not in its certificate")
        self._claims.claim(dpid, self)
        self.id = dpid

    def name_ports(self, numbers: Sequence[int]) -> None:
        """Note that these ports exist. Raises ``MalformedError`` if no switch has so many."""
        self._ports_named.update(numbers)
        if len(self._ports_named) > _MAX_PORTS:
            raise MalformedError(f"more than {_MAX_PORTS} ports")

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
        except DuplicateDatapathError as error:
            self.refused = error
            self.end_reason = self.end_reason or str(error)
        except MalformedError as error:
            self.malformed = True
            self.end_reason = self.end_reason or f"sent {error}"
        except Exception as error:  # a malformed message can break os-ken's parser anywhere
            self.malformed = True
            self.end_reason = self.end_reason or f"sent what is not OpenFlow 1.3 ({type(error).__name__})"
        finally:
            self.close()
            self._claims.release(self)
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
                self._check_header(version, kind, length)
                if len(buffer) - start < length:
                    break
                self._receive(version, kind, length, xid, bytes(buffer[start : start + length]))
                start += length
            del buffer[:start]

    def _check_header(self, version: int, kind: int, length: int) -> None:
        """Tell what is no OpenFlow at once, not when as many bytes as it claims to have are there."""
        if length < ofproto_common.OFP_HEADER_SIZE:
            raise MalformedError("a message shorter than its header")
        if version != self.ofproto.OFP_VERSION and self.state != HANDSHAKE_DISPATCHER:
            raise MalformedError("a message of another OpenFlow version")
        if kind not in HEARD and kind not in IGNORED:
            raise MalformedError(f"a message of type {kind}, which no switch sends")

    def _receive(self, version: int, kind: int, length: int, xid: int, data: bytes) -> None:
        if not self._affordable(kind, length) or kind in IGNORED:
            return
        if self.id is None and kind not in self._before_identity():
            raise MalformedError("something else before it said who it is")
        message = ofproto_parser.msg(self, version, kind, length, xid, sound(version, kind, data))
        if message is None:
            raise MalformedError("a message that cannot be read")
        event = ofp_event.ofp_msg_to_ev(message)
        self.ofp_brick.send_event_to_observers(event, self.state)
        for handler in self.ofp_brick.get_handlers(event, self.state):
            handler(event)

    def _before_identity(self) -> frozenset[int]:
        """What may come while it is not known which switch this is."""
        named = {ofproto_v1_3.OFPT_FEATURES_REPLY} if self.state == CONFIG_DISPATCHER else set()
        return GREETINGS | named

    def _affordable(self, kind: int, length: int) -> bool:
        """Whether to look at a message at all. Raises ``MalformedError`` if there has been too much.

        Packet-ins are what hosts cause, not the switch: too many are dropped, never held against it.
        """
        if kind == ofproto_v1_3.OFPT_PACKET_IN and self.state == MAIN_DISPATCHER:
            return self._packet_ins.take() and _ALL_PACKET_INS.take()
        if self.state == MAIN_DISPATCHER:
            if not self._bytes.take(length):
                raise MalformedError("more than a switch has to say")
            return True
        self._shaking_bytes += length
        if self._shaking_bytes > _MAX_HANDSHAKE_BYTES:
            raise MalformedError("too much during the handshake")
        return bool(kind != ofproto_v1_3.OFPT_PACKET_IN)

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

    @set_ev_handler(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)  # type: ignore[untyped-decorator]
    def switch_features_handler(self, event: Any) -> None:
        """The switch says who it is: believe it or not, then ask for its ports."""
        connection: SwitchConnection = event.msg.datapath
        connection.identify(event.msg.datapath_id)
        connection.send_msg(connection.ofproto_parser.OFPPortDescStatsRequest(connection, 0))

    @set_ev_handler(ofp_event.EventOFPPortDescStatsReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])  # type: ignore[untyped-decorator]
    def multipart_reply_handler(self, event: Any) -> None:
        """The ports, in one message or several; the last ends the handshake (later it changes nothing)."""
        connection: SwitchConnection = event.msg.datapath
        connection.name_ports([port.port_no for port in event.msg.body])
        if not event.msg.flags & ofproto_v1_3.OFPMPF_REPLY_MORE:
            connection.set_state(MAIN_DISPATCHER)

    @set_ev_handler(ofp_event.EventOFPPortStatus, MAIN_DISPATCHER)  # type: ignore[untyped-decorator]
    def port_status_handler(self, event: Any) -> None:
        """What a port does is the application's business; here only how many there are."""
        event.msg.datapath.name_ports([event.msg.desc.port_no])
