"""Background traffic at a stated utilisation: it occupies the queue before a link, and nothing else.

Poisson arrivals of frames of one size at the switch-side interface of a link end. They pass its queue in
competition with all other frames and are taken off behind it (``ETH_P_LOAD``), so no switch, no delay line
and no other link spends anything on them. With one frame size the queue is M/D/1, whose mean wait is known
(``experiments.queueing``). The sending itself is done by ``generator``, a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from experiments.measurement.distribution import Distribution
from experiments.measurement.worker import Worker
from topology.emulation.parts.reach import Reach
from topology.errors import InputError

FRAME_BYTES = 1250  # Ethernet header included; 10,000 bits: 1 Mbit/s is 100 frames a second
_LEAST_FRAME_BYTES, _MOST_FRAME_BYTES = 60, 1514  # Ethernet without its check sequence
_GENERATOR = "experiments.measurement.generator"
_SETTLE_S = 0.2
_SEEDS_APART = 1_000_003


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic one way over ``link``, from the end at ``interface``; ``rate_mbps`` counts Ethernet frames.

    ``interface`` is the switch side of the link's end, in the network namespace of the caller; or in that of
    a part on another machine, to which ``reach`` leads.
    """

    link: str
    interface: str
    rate_mbps: float
    reach: Reach | None = None


@dataclass(frozen=True, slots=True)
class FlowReport:
    """What a flow did, in frames.

    Attributes:
        achieved_mbps: what entered the queue; scatters about ``rate_mbps`` as Poisson counts do.
        sent: frames that entered the queue.
        refused: frames that found it full (ENOBUFS), or the interface down.
        overdue: frames that this machine was too slow to send before the end.
    """

    link: str
    interface: str
    rate_mbps: float
    achieved_mbps: float
    sent: int
    refused: int
    overdue: int


@dataclass(frozen=True, slots=True)
class BackgroundReport:
    """What the generator did. ``late_ms``: how much later than planned frames left (every 16th is taken)."""

    seconds: float
    flows: tuple[FlowReport, ...]
    late_ms: Distribution | None

    @property
    def achieved_ratio(self) -> float:
        """Frames that entered the queues over frames that should have, of all flows together.

        Below 1, the machine was too slow or a queue overflowed. What should have is what the Poisson process
        brought, not its mean: chance makes a run no worse.
        """
        entered = sum(flow.sent for flow in self.flows)
        asked = entered + sum(flow.refused + flow.overdue for flow in self.flows)
        return entered / asked if asked else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)


class BackgroundTraffic:
    """Traffic for as long as it is entered; entering waits until it flows. ``report`` is there after leaving.

    Raises ``InputError`` for flows that make no sense, ``MeasurementError`` if the generator cannot start or
    dies.
    """

    def __init__(self, flows: Sequence[Flow], *, seed: int, frame_bytes: int = FRAME_BYTES) -> None:
        if not _LEAST_FRAME_BYTES <= frame_bytes <= _MOST_FRAME_BYTES:
            raise InputError(
                f"a frame has {_LEAST_FRAME_BYTES} to {_MOST_FRAME_BYTES} bytes, not {frame_bytes}"
            )
        if any(flow.rate_mbps <= 0 for flow in flows):
            raise InputError("every flow needs a positive rate", where="background traffic")
        self.report: BackgroundReport | None = None
        self._by_machine: dict[Reach | None, list[Flow]] = {}
        for flow in flows:
            self._by_machine.setdefault(flow.reach, []).append(flow)
        self._seed = seed
        self._frame_bytes = frame_bytes
        self._workers: list[Worker] = []

    def __enter__(self) -> BackgroundTraffic:
        with ExitStack() as stack:
            for number, (reach, flows) in enumerate(self._by_machine.items()):
                worker = Worker(_GENERATOR, self._configuration(number, flows), reach)
                stack.callback(worker.kill)
                self._workers.append(worker)
            stack.pop_all()
        if self._workers:
            time.sleep(_SETTLE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            for worker in self._workers:
                stack.callback(worker.kill)
            every = [worker.conclude("the background traffic", kind) for worker in self._workers]
        told = [one for one in every if one is not None]
        if len(told) == len(self._workers):
            self.report = self._read_report(told)

    def _configuration(self, number: int, flows: Sequence[Flow]) -> dict[str, Any]:
        """Of the generator on one machine, the ``number``-th; each draws for itself."""
        return {
            "flows": [
                {"link": flow.link, "interface": flow.interface, "rate_mbps": flow.rate_mbps}
                for flow in flows
            ],
            "seed": self._seed + number * _SEEDS_APART,
            "frame_bytes": self._frame_bytes,
        }

    def _read_report(self, told: Sequence[dict[str, Any]]) -> BackgroundReport:
        flows = [
            report
            for of_machine, one in zip(self._by_machine.values(), told, strict=True)
            for report in self._read_flows(of_machine, one)
        ]
        late_ms = [late for one in told for late in one["late_ms"]]
        seconds = max((one["seconds"] for one in told), default=0.0)
        return BackgroundReport(seconds, tuple(flows), Distribution.of(late_ms))

    def _read_flows(self, flows: Sequence[Flow], told: dict[str, Any]) -> list[FlowReport]:
        seconds = told["seconds"]
        return [
            FlowReport(
                link=flow.link,
                interface=flow.interface,
                rate_mbps=flow.rate_mbps,
                achieved_mbps=sent * self._frame_bytes * 8 / 1e6 / seconds,
                sent=sent,
                refused=refused,
                overdue=overdue,
            )
            for flow, sent, refused, overdue in zip(
                flows, told["sent"], told["refused"], told["overdue"], strict=True
            )
        ]
