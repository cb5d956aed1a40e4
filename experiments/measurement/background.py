"""Background traffic at a stated utilisation: Poisson arrivals of frames of one size, flow by flow.

With one frame size the queue before each link is M/D/1, whose mean wait is known (``experiments.queueing``).
A flow joins the hosts of two adjacent sites; that it really goes over the link between them is for the caller
to make sure of. The sending itself is done by ``generator``, a process of its own, at best effort (DSCP 0).
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from experiments.measurement.distribution import Distribution
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.worker import Worker
from topology.errors import InputError, MeasurementError

FRAME_BYTES = 1250  # Ethernet header included; 10,000 bits: 1 Mbit/s is 100 frames a second
HEADER_BYTES = 14 + 20 + 8  # Ethernet, IPv4, UDP
_MAX_FRAME_BYTES = 1514
_GENERATOR = "experiments.measurement.generator"
_SETTLE_S = 0.2
_REPORT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic one way from host to host, ``rate_mbps`` counted in Ethernet frames as links are."""

    source: Endpoint
    destination: Endpoint
    rate_mbps: float


@dataclass(frozen=True, slots=True)
class FlowReport:
    """What a flow did. ``refused``: frames that the sending host's kernel would not take."""

    source: str
    destination: str
    rate_mbps: float
    achieved_mbps: float
    sent: int
    refused: int
    arrived: int


@dataclass(frozen=True, slots=True)
class BackgroundReport:
    """What the generator did. ``late_ms``: how much later than planned frames left (every 16th is taken)."""

    seconds: float
    flows: tuple[FlowReport, ...]
    late_ms: Distribution | None

    @property
    def achieved_ratio(self) -> float:
        """Traffic sent over traffic asked for, of all flows together."""
        asked = sum(flow.rate_mbps for flow in self.flows)
        return sum(flow.achieved_mbps for flow in self.flows) / asked if asked else 1.0

    @property
    def arrived_ratio(self) -> float:
        """Frames arrived over frames sent: below 1, the links or this machine could not carry the traffic."""
        sent = sum(flow.sent for flow in self.flows)
        return sum(flow.arrived for flow in self.flows) / sent if sent else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)


class BackgroundTraffic:
    """Traffic for as long as it is entered; entering waits until it flows. ``report`` is there after leaving.

    Raises ``InputError`` for flows that make no sense, ``MeasurementError`` if the generator cannot start or
    dies.
    """

    def __init__(self, flows: Sequence[Flow], *, seed: int, frame_bytes: int = FRAME_BYTES) -> None:
        if not HEADER_BYTES < frame_bytes <= _MAX_FRAME_BYTES:
            raise InputError(f"a frame has {HEADER_BYTES + 1} to {_MAX_FRAME_BYTES} bytes, not {frame_bytes}")
        if any(flow.rate_mbps <= 0 for flow in flows):
            raise InputError("every flow needs a positive rate", where="background traffic")
        self.report: BackgroundReport | None = None
        self._flows = list(flows)
        self._configuration = {
            "flows": [asdict(flow) for flow in flows],
            "seed": seed,
            "frame_bytes": frame_bytes,
        }
        self._frame_bytes = frame_bytes
        self._worker: Worker | None = None

    def __enter__(self) -> BackgroundTraffic:
        if self._flows:
            self._worker = Worker(_GENERATOR, self._configuration)
            time.sleep(_SETTLE_S)
        else:
            self.report = BackgroundReport(0.0, (), None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is None:
            return
        with self._worker as worker:
            if kind is not None:
                worker.kill()
                return
            self.report = self._read_report(_last_message(worker))

    def _read_report(self, told: dict[str, Any]) -> BackgroundReport:
        seconds = told["seconds"]
        flows = [
            FlowReport(
                source=flow.source.site,
                destination=flow.destination.site,
                rate_mbps=flow.rate_mbps,
                achieved_mbps=sent * self._frame_bytes * 8 / 1e6 / seconds,
                sent=sent,
                refused=refused,
                arrived=arrived,
            )
            for flow, sent, refused, arrived in zip(
                self._flows, told["sent"], told["refused"], told["arrived"], strict=True
            )
        ]
        return BackgroundReport(seconds, tuple(flows), Distribution.of(told["late_ms"]))


def _last_message(worker: Worker) -> dict[str, Any]:
    """Ask the generator to end, and hear its report."""
    parts = []
    try:
        worker.channel.settimeout(_REPORT_TIMEOUT_S)
        worker.channel.shutdown(socket.SHUT_WR)
        while part := worker.channel.recv(1 << 16):
            parts.append(part)
        told: dict[str, Any] = json.loads(b"".join(parts))
    except (OSError, ValueError):
        raise MeasurementError(f"the background traffic failed: {worker.last_words()}") from None
    return told
