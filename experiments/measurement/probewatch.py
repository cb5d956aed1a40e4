"""Catching marked probes on one machine: on every interface of a lab's namespace, and at destination hosts.

The machine that measures does it in its own process; on the others a worker does, and tells of each packet in
a line of JSON.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from experiments.measurement import packet_filter
from experiments.measurement.crossing import Sighting
from experiments.measurement.endpoint import Endpoint, receiving_socket
from experiments.measurement.stamp import payload_of_frame
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    enable_kernel_timestamps,
    kernel_stamp_ns,
)
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.errors import MeasurementError

PORT = 33999  # above traceroute's range; nothing else in the lab uses it
WARM_UP = 0xFFFF  # number of probes that make flows and time stamps ready, and do not count
TOKEN_BYTES = 8
_MAGIC = b"1HOP"
_PROBE = struct.Struct("!4s8sHH")  # magic, token of this measurement, pair, probe
_BUFFER_BYTES = 1 << 24
_PACKET_BYTES = 2048
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_IP_TTL_OFFSET = 14 + 8


@dataclass(frozen=True, slots=True)
class Seen:
    """A probe that was seen: on an interface, or else at its destination's host, with ``ttl``."""

    pair: int
    probe: int
    sighting: Sighting | None
    ttl: int

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Seen:
        """What was seen whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        sighting = fields["sighting"]
        return cls(**{**fields, "sighting": None if sighting is None else Sighting(**sighting)})


def probe_payload(token: bytes, pair: int, probe: int) -> bytes:
    """What a probe carries."""
    return _PROBE.pack(_MAGIC, token, pair, probe)


class ProbeWatch:
    """The sockets that catch probes of one measurement. A context manager: opens on entry."""

    def __init__(self, token: bytes, pairs: int, destinations: Sequence[Endpoint]) -> None:
        self._token = token
        self._pairs = pairs
        self._destinations = {destination.ip: destination for destination in destinations}
        self._opened: dict[int, socket.socket] = {}

    def __enter__(self) -> ProbeWatch:
        try:
            capture = _capture_socket()
            self._capture = capture.fileno()
            self._opened[self._capture] = capture
            for destination in self._destinations.values():
                opened = receiving_socket(destination, PORT)
                self._opened[opened.fileno()] = opened
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._close()

    def _close(self) -> None:
        for opened in self._opened.values():
            opened.close()

    @property
    def descriptors(self) -> list[int]:
        """Those that become readable when something has been seen."""
        return list(self._opened)

    def take(self, descriptor: int) -> Seen | None:
        """The next packet of a descriptor that is readable; ``None`` if it is no probe that counts."""
        opened = self._opened[descriptor]
        packet, ancillary, _, address = opened.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES)
        if descriptor != self._capture:
            ttl = [
                int.from_bytes(data, sys.byteorder)
                for level, kind, data in ancillary
                if level == socket.IPPROTO_IP and kind == socket.IP_TTL
            ]
            return self._seen(packet, None, ttl[0]) if ttl else None
        sighting = Sighting(
            interface=address[0],
            entering=address[2] != _PACKET_OUTGOING,
            time_ns=kernel_stamp_ns(ancillary) or time.time_ns(),
            ttl=packet[_IP_TTL_OFFSET],
        )
        return self._seen(payload_of_frame(packet), sighting, sighting.ttl)

    def _seen(self, payload: bytes, sighting: Sighting | None, ttl: int) -> Seen | None:
        if len(payload) < _PROBE.size:
            return None
        magic, token, pair, probe = _PROBE.unpack_from(payload)
        ours = magic == _MAGIC and token == self._token and pair < self._pairs
        return Seen(int(pair), int(probe), sighting, ttl) if ours and probe != WARM_UP else None


def watch_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``token`` (hexadecimal), ``pairs`` (how many), ``destinations`` on this machine."""
    destinations = [Endpoint(**fields) for fields in configuration["destinations"]]
    token = bytes.fromhex(configuration["token"])
    with ProbeWatch(token, configuration["pairs"], destinations) as watch:
        poll = select.poll()
        for descriptor in (*watch.descriptors, channel.socket.fileno()):
            poll.register(descriptor, select.POLLIN)
        channel.ready()
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == channel.socket.fileno():
                    return
                seen = watch.take(descriptor)
                if seen is not None:
                    channel.socket.sendall(json.dumps(asdict(seen)).encode() + b"\n")


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


if __name__ == "__main__":
    sys.exit(run_worker(watch_until_parent_leaves))
