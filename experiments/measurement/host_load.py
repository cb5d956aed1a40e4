"""Whether this machine was too busy to be believed: CPU, steal and how late a timer wakes, while measuring.

Sources: proc(5) for ``/proc/stat``; Linux Documentation/accounting/psi.rst for pressure.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from experiments.measurement.distribution import Distribution
from experiments.measurement.timestamps import sharpen_timer

_STAT = Path("/proc/stat")
_PRESSURE = Path("/proc/pressure/cpu")
_NAP_S = 0.01
_NAPS_PER_READING = 25  # CPU counters tick at 100 Hz: a shorter window would be mostly rounding


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU time of the whole machine since it started, in clock ticks."""

    total: int
    idle: int
    steal: int

    @classmethod
    def parse(cls, stat: str) -> CpuTimes:
        """Read the ``cpu`` line of ``/proc/stat``; waiting for a disk counts as idle."""
        line = next(line for line in stat.splitlines() if line.startswith("cpu "))
        user, nice, system, idle, iowait, irq, softirq, steal = (
            int(word) for word in [*line.split()[1:], *"00000000"][:8]
        )
        return cls(user + nice + system + idle + iowait + irq + softirq + steal, idle + iowait, steal)

    def busy_ratio_since(self, earlier: CpuTimes) -> float:
        """Share of CPU time not idle (steal included), 0 to 1."""
        total = self.total - earlier.total
        return 1 - (self.idle - earlier.idle) / total if total > 0 else 0.0

    def steal_ratio_since(self, earlier: CpuTimes) -> float:
        """Share of CPU time the hypervisor gave to others, 0 to 1."""
        total = self.total - earlier.total
        return (self.steal - earlier.steal) / total if total > 0 else 0.0


def parse_pressure_us(text: str) -> int | None:
    """Microseconds in which some task waited for a CPU, from ``/proc/pressure/cpu``, if it says so."""
    for line in text.splitlines():
        if line.startswith("some "):
            for word in line.split():
                if word.startswith("total="):
                    return int(word.removeprefix("total="))
    return None


class HostLoad:
    """Watches the machine while it is entered; its figures hold from the moment it is left.

    Attributes:
        busy_ratio, busy_max_ratio: share of all CPU time in use, mean and the busiest quarter of a second.
        steal_ratio: share the hypervisor gave to others.
        pressure_ratio: share of time in which some task waited for a CPU; ``None`` without PSI.
        wakeup_ms: how late a sleeping thread of ours woke up.
        seconds: how long it watched.
    """

    def __init__(self) -> None:
        self.busy_ratio = 0.0
        self.busy_max_ratio = 0.0
        self.steal_ratio = 0.0
        self.pressure_ratio: float | None = None
        self.wakeup_ms: Distribution | None = None
        self.seconds = 0.0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host load", daemon=True)

    def __enter__(self) -> HostLoad:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        self._thread.join()

    @property
    def wakeup_p99_ms(self) -> float | None:
        """99th percentile of ``wakeup_ms``: below this, a delay that a program takes part in is noise."""
        return None if self.wakeup_ms is None else self.wakeup_ms.p99

    def too_busy(self, limit: float = 0.9) -> bool:
        """Whether the mean CPU use went beyond ``limit``, or a tenth of the machine was taken from us."""
        return self.busy_ratio > limit or self.steal_ratio > 0.1

    def _watch(self) -> None:
        sharpen_timer()
        begun, first, pressure_us = time.monotonic(), _read_cpu(), _read_pressure_us()
        last, late_ms, naps = first, [], 0
        while not self._leaving.is_set():
            asleep = time.monotonic()
            time.sleep(_NAP_S)
            late_ms.append((time.monotonic() - asleep - _NAP_S) * 1000)
            naps += 1
            if naps % _NAPS_PER_READING == 0:
                now = _read_cpu()
                self.busy_max_ratio = max(self.busy_max_ratio, now.busy_ratio_since(last))
                last = now
        end = _read_cpu()
        self.seconds = time.monotonic() - begun
        self.busy_ratio = end.busy_ratio_since(first)
        self.busy_max_ratio = max(self.busy_max_ratio, self.busy_ratio)
        self.steal_ratio = end.steal_ratio_since(first)
        self.wakeup_ms = Distribution.of(late_ms)
        pressure_after_us = _read_pressure_us()
        if pressure_us is not None and pressure_after_us is not None and self.seconds > 0:
            self.pressure_ratio = (pressure_after_us - pressure_us) / 1e6 / self.seconds


def _read_cpu() -> CpuTimes:
    return CpuTimes.parse(_STAT.read_text())


def _read_pressure_us() -> int | None:
    try:
        return parse_pressure_us(_PRESSURE.read_text())
    except OSError:  # not built in, or turned off: reading then fails
        return None
