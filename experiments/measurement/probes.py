"""Marked probes: sent from host to host, and caught on every interface they pass.

One capture socket sees all interfaces of the lab's network namespace; a filter in the kernel passes only the
probes' UDP port. The kernel queues each sighting as it happens, so their order is that of events.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from types import TracebackType

from experiments.measurement import packet_filter
from experiments.measurement.crossing import INITIAL_TTL, Sighting
from experiments.measurement.endpoint import Endpoint, receiving_socket, socket_in_namespace
from experiments.measurement.stamp import payload_of_frame
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    enable_kernel_timestamps,
    kernel_stamp_ns,
)
from topology.errors import MeasurementError

PORT = 33999  # above traceroute's range; nothing else in the lab uses it
_MAGIC = b"1HOP"
_PROBE = struct.Struct("!4s8sHH")  # magic, token of this measurement, pair, probe
_ROUNDS = 4  # a link may be declared lossy, so a probe may fail without anything being wrong
_ROUND_TIMEOUT_S = 1.5
_SPACING_S = 0.002
_WARM_UP = 0xFFFF  # number of probes that make flows and time stamps ready, and do not count
_WARM_UP_S = 0.05
_SETTLE_S = 0.02  # what a probe leaves behind on the last wires may be read a little later than its arrival
_BUFFER_BYTES = 1 << 24
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_IP_TTL_OFFSET = 14 + 8


class ProbeCapture:
    """The sockets that send and catch probes, and what they have seen. A context manager: opens on entry.

    Attributes:
        sightings: by number of the pair and of the probe, in the order in which they happened.
        arrived: per pair, the TTL on arrival of each probe that reached the destination host.
    """

    def __init__(self, pairs: Sequence[tuple[Endpoint, Endpoint]], dscp: int) -> None:
        self.sightings: dict[tuple[int, int], list[Sighting]] = {}
        self.arrived: list[dict[int, int]] = [{} for _ in pairs]
        self._pairs = pairs
        self._dscp = dscp
        self._token = os.urandom(8)
        self._senders: list[socket.socket] = []
        self._receivers: dict[str, socket.socket] = {}

    def __enter__(self) -> ProbeCapture:
        self._capture = _capture_socket()
        try:
            for source, destination in self._pairs:
                sender = socket_in_namespace(source)
                self._senders.append(sender)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, INITIAL_TTL)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)
                if destination.ip not in self._receivers:
                    self._receivers[destination.ip] = receiving_socket(destination, PORT)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for opened in (self._capture, *self._senders, *self._receivers.values()):
            opened.close()

    def send_until_arrived(self, probes: int) -> None:
        """Send in rounds, each time what is missing, until ``probes`` of every pair have arrived."""
        for number, (_, destination) in enumerate(self._pairs):
            self._send(number, _WARM_UP, destination)
        self._collect(_WARM_UP_S)
        next_probe = [0] * len(self._pairs)
        for _ in range(_ROUNDS):
            for number, (_, destination) in enumerate(self._pairs):
                for _ in range(probes - len(self.arrived[number])):
                    self._send(number, next_probe[number], destination)
                    next_probe[number] += 1
                    self._collect(_SPACING_S)
            deadline = time.monotonic() + _ROUND_TIMEOUT_S
            while time.monotonic() < deadline and not self._all_arrived(probes):
                self._collect(_SETTLE_S)
            if self._all_arrived(probes):
                break
        self._collect(_SETTLE_S)

    def _all_arrived(self, probes: int) -> bool:
        return all(len(arrived) >= probes for arrived in self.arrived)

    def _send(self, number: int, probe: int, destination: Endpoint) -> None:
        payload = _PROBE.pack(_MAGIC, self._token, number, probe)
        try:
            self._senders[number].sendto(payload, (destination.ip, PORT))
        except OSError as error:
            raise MeasurementError(
                f"a probe to {destination.ip} cannot be sent: {error.strerror}",
                where=f"host of {self._pairs[number][0].site}",
            ) from None

    def _collect(self, wait_s: float) -> None:
        """Take in what comes until it has been silent for ``wait_s``."""
        poll = select.poll()
        opened = {each.fileno(): each for each in (self._capture, *self._receivers.values())}
        for descriptor in opened:
            poll.register(descriptor, select.POLLIN)
        while ready := poll.poll(wait_s * 1000):
            for descriptor, _ in ready:
                if descriptor == self._capture.fileno():
                    self._take_frame()
                else:
                    self._take_arrival(opened[descriptor])

    def _take_frame(self) -> None:
        frame, ancillary, _, address = self._capture.recvmsg(2048, ANCILLARY_BYTES)
        number, probe = self._identify(payload_of_frame(frame))
        if number >= 0:
            sighting = Sighting(
                interface=address[0],
                entering=address[2] != _PACKET_OUTGOING,
                time_ns=kernel_stamp_ns(ancillary) or time.time_ns(),
                ttl=frame[_IP_TTL_OFFSET],
            )
            self.sightings.setdefault((number, probe), []).append(sighting)

    def _take_arrival(self, receiver: socket.socket) -> None:
        payload, ancillary, _, _ = receiver.recvmsg(2048, ANCILLARY_BYTES)
        number, probe = self._identify(payload)
        for level, kind, data in ancillary:
            if number >= 0 and level == socket.IPPROTO_IP and kind == socket.IP_TTL:
                self.arrived[number][probe] = int.from_bytes(data, sys.byteorder)

    def _identify(self, payload: bytes) -> tuple[int, int]:
        """(pair, probe) of one of our probes; (-1, -1) for anything else."""
        if len(payload) >= _PROBE.size:
            magic, token, number, probe = _PROBE.unpack_from(payload)
            ours = magic == _MAGIC and token == self._token and number < len(self._pairs)
            if ours and probe != _WARM_UP:
                return int(number), int(probe)
        return -1, -1


def _capture_socket() -> socket.socket:
    try:
        # Other frames may slip in before the filter is there; only those with our token will count.
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        packet_filter.attach(capture, packet_filter.udp_destination_port(PORT))
        capture.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        enable_kernel_timestamps(capture, transmit=False)
    except OSError as error:
        raise MeasurementError(
            f"packets cannot be captured: {error.strerror}", hint="the lab needs root (CAP_NET_RAW)"
        ) from None
    return capture
