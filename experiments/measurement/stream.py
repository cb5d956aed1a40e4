"""Numbered packets in a steady stream, to see what a fault does to them: lost, doubled, late, by which way.

Each packet carries its number and the time at which it was sent; the receiving kernel stamps it. Everything
is in ns of CLOCK_MONOTONIC, so it can be laid beside what else happened. Packets of a flow are seen at up to
three places: at the destination's host, as they leave a switch interface that is *tapped*, and at the source
as the answer of a switch at which their TTL ran out (which is how a loop would show).

The sending is done by ``streamer``, the watching by ``streamsink``: a process each, so that neither waits for
the other.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import ClassVar

from experiments.measurement.endpoint import Endpoint
from experiments.measurement.worker import Worker
from topology.errors import InputError, MeasurementError

PAYLOAD = struct.Struct("!4sIIQ")  # magic, flow, number, ns of CLOCK_MONOTONIC at which it was sent
MAGIC = b"1hop"
HEADER_BYTES = 14 + 20 + 8  # Ethernet, IPv4, UDP
ARRIVED, LEFT, EXPIRED = 1, 2, 3
_RECEIVE_BYTES = 1 << 16
_FIRST_SENT = struct.Struct("=q")


@dataclass(frozen=True, slots=True)
class StreamFlow:
    """Packets from a host to a UDP port of another.

    Attributes:
        tap: switch-side interface at which to see packets leave as well; empty for none.
    """

    source: Endpoint
    destination: Endpoint
    port: int
    tap: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet seen somewhere.

    Attributes:
        kind: ``ARRIVED`` at the destination, ``LEFT`` through the tap, or ``EXPIRED`` on the way.
        flow: number of the flow; ``number`` of the packet, from 0.
        sent_ns: when it was sent (0 for ``EXPIRED``, whose answer does not say).
        at_ns: when the kernel saw it here.
        ttl, dscp: as they were here.
    """

    kind: int
    flow: int
    number: int
    sent_ns: int
    at_ns: int
    ttl: int
    dscp: int

    layout: ClassVar[struct.Struct] = struct.Struct("=BBBxIIqq")

    def pack(self) -> bytes:
        """As bytes, all of one length."""
        return self.layout.pack(
            self.kind, self.ttl, self.dscp, self.flow, self.number, self.sent_ns, self.at_ns
        )

    @classmethod
    def unpack(cls, fields: tuple[int, ...]) -> Seen:
        """From the fields of ``layout``."""
        kind, ttl, dscp, flow, number, sent_ns, at_ns = fields
        return cls(kind, flow, number, sent_ns, at_ns, ttl, dscp)


class PacketStreams:
    """Streams for as long as it is entered. All flows at the same rate, one packet after the other.

    Args:
        packets_per_s: of each flow.
        payload_bytes: of each packet; on the wire 42 bytes come on top.

    Raises ``InputError`` for a payload too short, ``MeasurementError`` if a host cannot be used.
    """

    def __init__(
        self, flows: Sequence[StreamFlow], *, packets_per_s: int = 1000, payload_bytes: int = 64
    ) -> None:
        if payload_bytes < PAYLOAD.size:
            raise InputError(f"a packet needs at least {PAYLOAD.size} bytes, not {payload_bytes}")
        self.flows = tuple(flows)
        self.interval_ns = round(1e9 / packets_per_s)
        self.begun_ns = 0
        self._configuration = {
            "flows": [asdict(flow) for flow in flows],
            "interval_ns": self.interval_ns,
            "payload_bytes": payload_bytes,
        }
        self._sink: Worker | None = None
        self._streamer: Worker | None = None
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="streams", daemon=True)

    def __enter__(self) -> PacketStreams:
        self._sink = Worker("experiments.measurement.streamsink", self._configuration)
        try:
            self._reader.start()
            self._streamer = Worker("experiments.measurement.streamer", self._configuration)
            (self.begun_ns,) = _FIRST_SENT.unpack(_exactly(self._streamer, _FIRST_SENT.size))
        except BaseException:
            self._sink.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._streamer is not None:
            self._streamer.kill()  # it keeps nothing that we would want
        if self._sink is not None:
            self._sink.kill()
        self._reader.join(timeout=5.0)

    def scheduled_ns(self, flow: int, number: int) -> int:
        """When a packet was to be sent."""
        return self.begun_ns + number * self.interval_ns + flow * self.interval_ns // len(self.flows)

    def numbers(self, flow: int, begun_ns: int, ended_ns: int) -> range:
        """The packets that were to be sent from one moment until before another."""
        first = -(-(begun_ns - self.scheduled_ns(flow, 0)) // self.interval_ns)
        last = -(-(ended_ns - self.scheduled_ns(flow, 0)) // self.interval_ns)
        return range(max(first, 0), max(last, 0))

    def take(self) -> list[Seen]:
        """Everything seen since the last call, in the order in which it was seen at each place.

        Raises ``MeasurementError`` if sender or receiver have ended.
        """
        for worker in (self._sink, self._streamer):
            if worker is None or worker.has_ended():
                name = worker.name if worker else "stream"
                words = worker.last_words() if worker else "not started"
                raise MeasurementError(f"the {name} ended early: {words}")
        with self._lock:
            seen, self._seen = self._seen, []
        return seen

    def _read(self) -> None:
        assert self._sink is not None
        rest = b""
        while True:
            try:
                data = self._sink.channel.recv(_RECEIVE_BYTES)
            except OSError:
                return
            if not data:
                return
            data = rest + data
            whole = len(data) - len(data) % Seen.layout.size
            rest = data[whole:]
            new = [Seen.unpack(fields) for fields in Seen.layout.iter_unpack(data[:whole])]
            with self._lock:
                self._seen += new


def _exactly(worker: Worker, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = worker.channel.recv(size - len(data))
        if not part:
            raise MeasurementError(f"the {worker.name} did not start: {worker.last_words()}")
        data += part
    return data
