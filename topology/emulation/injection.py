"""Frames of our own sent over links and seen at both of their ends: the instrument of the read-back.

A frame is sent at a link's switch-side interface, so it passes HTB, then the pipe. It is seen twice, each
time with a kernel timestamp: when HTB lets it go, and when it arrives at the far switch-side interface.
Between the two lies nothing but the pipe. The switches see the frames too and drop them: no flow matches the
ethertype, or the addresses of those that are IP because a link tells its classes apart by DSCP.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from topology.emulation.links.packetsocket import (
    ANCILLARY_BYTES,
    ETH_P_EXPERIMENTAL,
    ETH_P_IP,
    IP_EXPERIMENTAL,
    OUTGOING,
    SNAPSHOT_BYTES,
    kernel_drops,
    open_sender,
    open_tap,
    stamp_ns,
)
from topology.errors import EmulationError

SMALLEST_FRAME_BYTES = 64
_ETHERNET_ADDRESSES = bytes.fromhex("026f6e65686f026f6e656870")  # to and from addresses nobody has
_IP_ADDRESSES = bytes.fromhex("c0000201c0000202")  # of TEST-NET-1 (RFC 5737)
_BODY = struct.Struct("!4sIHHI")  # magic, run, phase, direction, sequence number
_MAGIC = b"1hop"
_BODY_AT = {ETH_P_EXPERIMENTAL: 14, ETH_P_IP: 14 + 20}  # by ethertype
_RECEIVE_BUFFER_BYTES = 64 << 20
_SEND_BUFFER_BYTES = 32 << 20
_STAMPING_STARTS_SECONDS = 0.03  # the kernel turns time stamping on from a work queue
_LAST_ARRIVAL_SECONDS = 0.03
_READ_EVERY_SECONDS = 0.01
_TOP_UP_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a link by its two switch-side interfaces, and how long frames stay under way.

    ``dscp``: mark of the frames, which are IPv4 then; ``None``: frames without IP.
    """

    sender: str
    receiver: str
    delay_ms: float
    rate_mbps: float
    dscp: int | None = None


@dataclass(frozen=True, slots=True)
class Train:
    """Frames sent to keep a link's queue filled, so that they leave at the link's rate.

    ``ahead_bytes`` are sent at once; the more, the longer may the sender be held up without the queue running
    dry. They must fit the queue.
    """

    frames: int
    frame_bytes: int
    ahead_bytes: int


@dataclass(slots=True)
class Sightings:
    """What was seen of the frames of one direction: sequence numbers and kernel times (ns), in order.

    ``left``: frames that HTB let go; ``arrived``: frames at the far end.
    """

    left: list[tuple[int, int]] = field(default_factory=list)
    arrived: list[tuple[int, int]] = field(default_factory=list)


class Injector:
    """Sends frames over links and reports where and when they were seen. A context manager."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        """Directions are known by their place in ``directions``. Raises ``EmulationError``."""
        self._directions = list(directions)
        # Frames of an earlier run, or of an earlier phase of this one, may still be under way.
        self._run = int.from_bytes(os.urandom(4))
        self._phase = 0
        interfaces = {name: None for entry in self._directions for name in (entry.sender, entry.receiver)}
        try:
            self._tap = open_tap(list(interfaces), _RECEIVE_BUFFER_BYTES)
            self._sender = open_sender(_SEND_BUFFER_BYTES)
        except OSError as error:
            raise EmulationError(f"cannot send frames over the links: {error.strerror}") from None
        time.sleep(_STAMPING_STARTS_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tap.close()
        self._sender.close()

    def probes(self, numbers: Sequence[int], count: int, seconds: float) -> dict[int, Sightings]:
        """Send ``count`` small frames in each direction, spread evenly over ``seconds`` and interleaved."""
        self._phase += 1
        seen = {number: Sightings() for number in numbers}
        gap = seconds / max(1, count * len(numbers))
        begun = time.monotonic()
        for index, (sequence, number) in enumerate(
            (sequence, number) for sequence in range(count) for number in numbers
        ):
            ahead = begun + index * gap - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
            self._send(number, sequence, SMALLEST_FRAME_BYTES)
            if index % 64 == 0:
                self._collect(seen)
        self._wait_and_collect(seen)
        return seen

    def trains(self, groups: Sequence[Mapping[int, Train]]) -> dict[int, Sightings]:
        """Send trains of frames, those of one group at the same time, group after group."""
        self._phase += 1
        seen = {number: Sightings() for group in groups for number in group}
        if not seen:
            return seen
        for group in groups:
            self._send_trains(group)
            self._collect(seen)
        self._wait_and_collect(seen)
        return seen

    def _send_trains(self, group: Mapping[int, Train]) -> None:
        """Keep the queues of a group's links filled until all frames are sent and have left."""
        sent = dict.fromkeys(group, 0)
        bytes_per_second = {number: self._directions[number].rate_mbps * 1e6 / 8 for number in group}
        begun = time.monotonic()
        while sent:
            elapsed = time.monotonic() - begun
            for number in list(sent):
                train = group[number]
                allowed = int((train.ahead_bytes + elapsed * bytes_per_second[number]) / train.frame_bytes)
                until = min(train.frames, max(1, allowed))
                for sequence in range(sent[number], until):
                    self._send(number, sequence, train.frame_bytes)
                sent[number] = until
                if until == train.frames:
                    del sent[number]
            if sent:
                time.sleep(_TOP_UP_SECONDS)
        longest = max(t.frames * t.frame_bytes / bytes_per_second[number] for number, t in group.items())
        time.sleep(max(0.0, begun + longest - time.monotonic()))

    def _send(self, number: int, sequence: int, frame_bytes: int) -> None:
        direction = self._directions[number]
        body = _BODY.pack(_MAGIC, self._run, self._phase, number, sequence)
        ethertype = ETH_P_EXPERIMENTAL if direction.dscp is None else ETH_P_IP
        header = _ETHERNET_ADDRESSES + ethertype.to_bytes(2, "big")
        if direction.dscp is not None:
            header += ip_header(direction.dscp, frame_bytes - _BODY_AT[ETH_P_EXPERIMENTAL])
        try:
            self._sender.sendto((header + body).ljust(frame_bytes, b"\0"), (direction.sender, ethertype))
        except OSError:
            return  # HTB's queue is full (ENOBUFS) or the interface down: the frame is not seen to leave

    def _wait_and_collect(self, seen: dict[int, Sightings]) -> None:
        """Read until everything sent must have arrived."""
        slowest_ms = max(self._directions[number].delay_ms for number in seen)
        until = time.monotonic() + slowest_ms / 1e3 * 1.1 + _LAST_ARRIVAL_SECONDS
        while (left := until - time.monotonic()) > 0:
            self._collect(seen)
            time.sleep(min(left, _READ_EVERY_SECONDS))
        self._collect(seen)
        if kernel_drops(self._tap):
            raise EmulationError(
                "the machine is too busy to read the links back: captured frames were dropped",
                hint="stop other work on it and run again",
            )

    def _collect(self, seen: dict[int, Sightings]) -> None:
        for interface, kind, frame, time_ns in self._read():
            at = _BODY_AT[int.from_bytes(frame[12:14], "big")]
            magic, run, phase, number, sequence = _BODY.unpack_from(frame, at)
            if (magic, run, phase) != (_MAGIC, self._run, self._phase) or number not in seen:
                continue
            if kind == OUTGOING:
                if self._directions[number].sender == interface:
                    seen[number].left.append((sequence, time_ns))
            elif self._directions[number].receiver == interface:
                seen[number].arrived.append((sequence, time_ns))

    def _read(self) -> Iterator[tuple[str, int, bytes, int]]:
        receive = self._tap.recvmsg
        while True:
            try:
                frame, ancillary, _flags, address = receive(SNAPSHOT_BYTES, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            yield address[0], address[2], frame, stamp_ns(ancillary)


def ip_header(dscp: int, packet_bytes: int) -> bytes:
    """An IPv4 header for ``packet_bytes``, itself included, that no router would pass on. Pure."""
    fields = struct.pack("!BBHHHBB", 0x45, dscp << 2, packet_bytes, 0, 0, 1, IP_EXPERIMENTAL)
    total = sum(struct.unpack("!9H", fields + _IP_ADDRESSES))  # without the checksum itself
    total = (total & 0xFFFF) + (total >> 16)
    checksum: int = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return fields + checksum.to_bytes(2, "big") + _IP_ADDRESSES
