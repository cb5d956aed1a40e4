"""The STAMP session sender's sockets (RFC 8762 section 4.2): one session per pair, all in one thread."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType

from experiments.measurement import stamp
from experiments.measurement.endpoint import Endpoint, socket_in_namespace
from experiments.measurement.reflector import Record
from experiments.measurement.samples import Sample
from experiments.measurement.session import Session
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    IP_RECVTTL,
    ClockWatch,
    enable_kernel_timestamps,
    kernel_stamp_ns,
    ntp_from_ns,
)
from experiments.measurement.worker import Worker
from topology.errors import MeasurementError

_BUFFER_BYTES = 1 << 21
_PACKET_BYTES = 2048
_RECORDS_BYTES = 1 << 16
_WARM_UP_PACKETS = 3
_WARM_UP_SSID = 0x8000  # set in the session ids of warm-up packets, which no session counts


class _Port:
    """A session with its socket."""

    def __init__(self, number: int, opened: socket.socket, target: tuple[str, int], template: bytes) -> None:
        self.session = Session(number)
        self.socket = opened
        self.target = target
        self.ssid = number + 1  # 0 is not an SSID (RFC 8972 section 3)
        self.packet = bytearray(template)
        self.warm_answers = 0


class SessionSender:
    """Sends test packets and gathers what becomes of them. A context manager: sockets open on entry."""

    def __init__(
        self,
        pairs: Sequence[tuple[Endpoint, Endpoint]],
        reflectors: Sequence[Worker],
        *,
        dscp: int,
        port: int,
        payload_bytes: int,
    ) -> None:
        self._pairs = pairs
        self._reflectors = {each.channel.fileno(): each for each in reflectors}
        self._dscp = dscp
        self._target_port = port
        self._template = stamp.sender_template(1, payload_bytes)
        self._ports: list[_Port] = []
        self._by_descriptor: dict[int, _Port] = {}
        self._poll = select.epoll()
        self._partial_record = dict.fromkeys(self._reflectors, b"")
        self._clock = ClockWatch()

    def __enter__(self) -> SessionSender:
        try:
            for number, (source, destination) in enumerate(self._pairs):
                opened = self._open(source)
                port = _Port(number, opened, (destination.ip, self._target_port), self._template)
                self._ports.append(port)
                self._by_descriptor[opened.fileno()] = port
                self._poll.register(opened.fileno(), select.EPOLLIN)
            for descriptor in self._reflectors:
                self._poll.register(descriptor, select.EPOLLIN)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._poll.close()
        for port in self._ports:
            port.socket.close()

    def _open(self, source: Endpoint) -> socket.socket:
        opened = socket_in_namespace(source)
        try:
            opened.bind((source.ip, 0))
        except OSError as error:
            opened.close()
            raise MeasurementError(
                f"the address {source.ip} cannot be used: {error.strerror}", where=f"host of {source.site}"
            ) from None
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)  # RFC 8762 section 4.2.1
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        enable_kernel_timestamps(opened, transmit=True)
        return opened

    def warm_up(self, wait_s: float) -> None:
        """Send a few packets that are not counted, so that addresses and flows are known to all.

        Returns as soon as every pair has answered each of them, or after ``wait_s`` for each.
        """
        for number in range(1, _WARM_UP_PACKETS + 1):
            for port in self._ports:
                self._transmit(port, number, port.ssid | _WARM_UP_SSID)
            deadline = time.monotonic() + wait_s
            while time.monotonic() < deadline and any(port.warm_answers < number for port in self._ports):
                time.sleep(0.002)
                self.collect()

    def send(self, pair: int, sequence: int, due_monotonic_ns: int) -> None:
        """Send one test packet; one that the kernel refuses counts as lost on the way there."""
        port = self._ports[pair]
        t1_ns = self._transmit(port, sequence, port.ssid)
        port.session.sent(sequence, due_monotonic_ns + self._clock.offset_ns, t1_ns)

    def _transmit(self, port: _Port, sequence: int, ssid: int) -> int:
        stamp.SSID.pack_into(port.packet, stamp.SSID_OFFSET, ssid)
        now_ns = time.time_ns()
        stamp.patch(port.packet, sequence, ntp_from_ns(now_ns))
        with contextlib.suppress(OSError):  # no route, no buffer: the packet is lost, and counted as that
            port.socket.sendto(port.packet, port.target)
        return now_ns

    def collect(self) -> None:
        """Take in everything that has come; never waits.

        Raises ``MeasurementError`` if the reflector has died.
        """
        for descriptor, events in self._poll.poll(0):
            port = self._by_descriptor.get(descriptor)
            if port is None:
                self._take_records(descriptor)
                continue
            if events & select.EPOLLERR:
                self._take_transmit_stamps(port)
            if events & select.EPOLLIN:
                self._take_answers(port)

    def spoiled(self) -> tuple[int, list[int]]:
        """By how many ns the machine's clock was set just now, and the pairs of the packets it has spoiled.

        These are all that were waited for, one entry each: some of their stamps are of the old time and some
        of the new. They are forgotten, lost ones too, so sending as many again favours none.
        """
        step_ns = self._clock.step_ns()
        if not step_ns:
            return 0, []
        return step_ns, [port.session.pair for port in self._ports for _ in port.session.forget_waiting()]

    def complete(self) -> bool:
        """Whether every packet sent has come back."""
        return all(port.session.complete() for port in self._ports)

    def take_finished(self, *, older_than_ns: int) -> Iterator[Sample]:
        """Hand out the samples of packets sent longer ago than this."""
        before_ns = time.monotonic_ns() + self._clock.offset_ns - older_than_ns
        for port in self._ports:
            yield from port.session.take_finished(before_ns)

    def stray(self) -> list[int]:
        """Stray packets of each pair."""
        return [port.session.stray for port in self._ports]

    def _take_transmit_stamps(self, port: _Port) -> None:
        for frame, t1_ns, _ in _packets(port.socket, socket.MSG_ERRQUEUE):
            payload = stamp.payload_of_frame(frame)
            if t1_ns and len(payload) >= stamp.BASE_BYTES:
                (ssid,) = stamp.SSID.unpack_from(payload, stamp.SSID_OFFSET)
                if ssid == port.ssid:
                    port.session.left(stamp.SEQUENCE_AND_TIME.unpack_from(payload)[0], t1_ns)

    def _take_answers(self, port: _Port) -> None:
        for packet, t4_ns, ttl in _packets(port.socket):
            answer = stamp.Reflected.parse(packet)
            if answer is not None and answer.ssid == port.ssid | _WARM_UP_SSID:
                port.warm_answers += 1
                continue
            if answer is not None and answer.ssid != port.ssid:
                answer = None
            port.session.answered(answer, t4_ns or time.time_ns(), ttl)

    def _take_records(self, descriptor: int) -> None:
        reflector = self._reflectors[descriptor]
        data = reflector.channel.recv(_RECORDS_BYTES)
        if not data:
            raise MeasurementError(f"the reflector ended early: {reflector.last_words()}")
        data = self._partial_record[descriptor] + data
        whole = len(data) - len(data) % Record.layout.size
        self._partial_record[descriptor] = data[whole:]
        for record in Record.unpack_all(data[:whole]):
            if 1 <= record.ssid <= len(self._ports):
                self._ports[record.ssid - 1].session.recorded(record)


def _packets(opened: socket.socket, flags: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """What waits in a socket: (packet, kernel stamp in ns or 0, TTL or 0)."""
    while True:
        try:
            packet, ancillary, _, _ = opened.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES, flags)
        except OSError:  # nothing more
            return
        ttl = 0
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == socket.IP_TTL:
                ttl = int.from_bytes(data, sys.byteorder)
        yield packet, kernel_stamp_ns(ancillary), ttl
