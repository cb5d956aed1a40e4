"""The STAMP session reflector (RFC 8762 section 4.3): one process for all destination hosts of a measurement.

It answers each test packet at once, in the packet's own DSCP, and keeps a sequence number per session
(stateful mode). To its parent it reports, as ``Record`` on the worker's channel, every packet that reached
it and the kernel's transmit stamp of every answer. That stamp is too late for the answer itself; RFC 8972
section 4.7 (Follow-Up Telemetry) would carry it in the next one.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from experiments.measurement import stamp
from experiments.measurement.endpoint import Endpoint, receiving_socket
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    enable_kernel_timestamps,
    kernel_stamp_ns,
    ntp_from_ns,
    ttl_and_tos,
)
from experiments.measurement.worker import WorkerChannel, run_worker

ARRIVED = 1
ANSWER_LEFT = 2
_BUFFER_BYTES = 1 << 21
_PACKET_BYTES = 2048
_MAX_BATCH = 64


@dataclass(frozen=True, slots=True)
class Record:
    """What the reflector saw.

    Attributes:
        kind: ``ARRIVED``: a test packet came, ``time_ns`` is its kernel receive stamp.
            ``ANSWER_LEFT``: ``time_ns`` is the kernel transmit stamp of the answer.
        ssid: the session (RFC 8972 section 3).
        ttl: the test packet's TTL on arrival (0 for ``ANSWER_LEFT``).
    """

    kind: int
    ttl: int
    ssid: int
    sender_sequence: int
    reflector_sequence: int
    time_ns: int

    layout: ClassVar[struct.Struct] = struct.Struct("=BBHIIQ")

    def pack(self) -> bytes:
        """The record as bytes, all of one length."""
        return self.layout.pack(
            self.kind, self.ttl, self.ssid, self.sender_sequence, self.reflector_sequence, self.time_ns
        )

    @classmethod
    def unpack_all(cls, data: bytes) -> list[Record]:
        """Read whole records; ``data`` must be a multiple of their length."""
        return [cls(*fields) for fields in cls.layout.iter_unpack(data)]


@dataclass(slots=True)
class _Port:
    """The reflector's socket on one host and the next sequence number of each of its sessions."""

    socket: socket.socket
    next_sequence: dict[tuple[Any, int], int] = field(default_factory=dict)


def reflect_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``endpoints`` (fields of ``Endpoint`` each), ``port``."""
    ports = {}
    poll = select.epoll()
    for fields in configuration["endpoints"]:
        opened = _open(Endpoint(**fields), configuration["port"])
        ports[opened.fileno()] = _Port(opened)
        poll.register(opened.fileno(), select.EPOLLIN)
    poll.register(channel.socket.fileno(), select.EPOLLIN)
    channel.ready()
    while True:
        for descriptor, events in poll.poll():
            if descriptor == channel.socket.fileno():
                return
            port = ports[descriptor]
            records = _answer_waiting(port) if events & select.EPOLLIN else []
            records += _transmit_stamps(port.socket)
            if records:
                channel.socket.sendall(b"".join(record.pack() for record in records))


def _open(endpoint: Endpoint, port: int) -> socket.socket:
    opened = receiving_socket(endpoint, port)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    enable_kernel_timestamps(opened, transmit=True)
    return opened


def _answer_waiting(port: _Port) -> list[Record]:
    records: list[Record] = []
    while len(records) < _MAX_BATCH:
        try:
            packet, ancillary, _, sender = port.socket.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            break
        if len(packet) < stamp.BASE_BYTES:
            continue
        received_ns = kernel_stamp_ns(ancillary) or time.time_ns()
        ttl, tos = ttl_and_tos(ancillary)
        (ssid,) = stamp.SSID.unpack_from(packet, stamp.SSID_OFFSET)
        sequence = port.next_sequence.get((sender, ssid), 0)
        port.next_sequence[sender, ssid] = sequence + 1
        answer = stamp.reflect(packet, sequence, ntp_from_ns(received_ns), ttl)
        stamp.patch(answer, sequence, ntp_from_ns(time.time_ns()))
        tos_message = (socket.IPPROTO_IP, socket.IP_TOS, tos.to_bytes(4, sys.byteorder))
        with contextlib.suppress(OSError):  # lost on the way back, and counted as that: it arrived here
            port.socket.sendmsg([answer], [tos_message], 0, sender)
        (sender_sequence,) = struct.unpack_from("!I", packet)
        records.append(Record(ARRIVED, ttl, ssid, sender_sequence, sequence, received_ns))
    return records


def _transmit_stamps(sock: socket.socket) -> list[Record]:
    """The kernel's stamps of answers sent; each comes with a copy of the answer's frame."""
    records: list[Record] = []
    while True:
        try:
            frame, ancillary, _, _ = sock.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
        except (BlockingIOError, OSError):
            return records
        left_ns = kernel_stamp_ns(ancillary)
        answer = stamp.Reflected.parse(stamp.payload_of_frame(frame))
        if left_ns and answer is not None:
            records.append(
                Record(
                    ANSWER_LEFT, 0, answer.ssid, answer.sender_sequence, answer.reflector_sequence, left_ns
                )
            )


if __name__ == "__main__":
    sys.exit(run_worker(reflect_until_parent_leaves))
