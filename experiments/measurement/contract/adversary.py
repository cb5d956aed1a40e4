"""Best effort in the way of promises: far more than a link carries, in full frames, on and off.

Frames of ``ETH_P_LOAD`` go into the queues in front of links and are taken off behind them, so they cost no
switch anything. While a load is on, more comes than the link could ever send, so its best-effort queue is
full; then it falls silent for a moment, and begins again with a burst. The sending is done by ``flooder``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import TracebackType

from experiments.measurement.worker import Worker

FRAME_BYTES = 1514
_SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent into one end of ``link``, at the switch-side ``interface``; the rate is a mean."""

    link: str
    interface: str
    rate_mbps: float


@dataclass(frozen=True, slots=True)
class AdversaryReport:
    """Over ``seconds``: frames offered by each of ``loads``. How many of them a queue drops, it knows itself
    (``shaping.rest_drops``).
    """

    seconds: float
    loads: tuple[Load, ...]
    offered: tuple[int, ...]

    def offered_mbps(self, number: int) -> float:
        """What was really offered to a link's queue."""
        return self.offered[number] * FRAME_BYTES * 8 / 1e6 / self.seconds if self.seconds else 0.0

    @property
    def achieved_ratio(self) -> float:
        """Offered over asked for, of the load that fell behind most: below 1 the machine was too slow."""
        return min(
            (self.offered_mbps(number) / load.rate_mbps for number, load in enumerate(self.loads)),
            default=1.0,
        )


class Adversary:
    """Loads for as long as it is entered; ``report`` is there after leaving.

    Raises ``MeasurementError`` if the process cannot start, or dies.
    """

    def __init__(self, loads: Sequence[Load], *, seed: int) -> None:
        self.loads = tuple(loads)
        self.report = AdversaryReport(0.0, (), ())
        self._configuration = {"loads": [asdict(load) for load in loads], "seed": seed}
        self._worker: Worker | None = None

    def __enter__(self) -> Adversary:
        if self.loads:
            self._worker = Worker("experiments.measurement.contract.flooder", self._configuration)
            time.sleep(_SETTLE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is None:
            return
        told = self._worker.conclude("the adversary traffic", kind)
        if told is not None:
            self.report = AdversaryReport(told["seconds"], self.loads, tuple(told["offered"]))
