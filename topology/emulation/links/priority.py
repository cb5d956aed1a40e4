"""A real-time priority that gives itself up before it starves the machine.

A delay line wakes thousands of times a second for a few microseconds each; behind an ordinary process it
would wait up to a scheduler slice (milliseconds) for its turn. So it asks for SCHED_FIFO. It steps down as
soon as it uses nearly a whole processor: to a little more than others have, since all wait for what it does.
One that gives way steps further down, and sooner: as soon as it uses half a processor while the machine has
no time left it is in the way of those whose packets it carries, and gets what they leave. It steps up again
when there is time left. Where the machine permits no priority it runs as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from pathlib import Path

_PR_SET_TIMERSLACK = 29
_WINDOW_NS = 100_000_000
_STEP_DOWN = 0.9  # share of one processor; the kernel's own bound is 0.95
_STEP_DOWN_ALONE = 0.5  # on a machine with one processor, or one with no time left
_STEP_UP = 0.6  # of the step-down share
_NO_TIME_LEFT, _TIME_LEFT = 0.04, 0.1  # idle share of all processors
_NICE = -15
_NICE_ABOVE, _NICE_BELOW = -5, 10  # once it has stepped down: in common, and where it gives way


class RealTime:
    """The calling process's priority: ``fifo``, ``nice`` (better than others), ``plain`` or ``below``."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        self._limit = _STEP_DOWN if len(os.sched_getaffinity(0)) > 1 else _STEP_DOWN_ALONE
        self._permitted = self._fifo()
        self.steps_down = 0
        self._window_start_ns = time.monotonic_ns()
        self._cpu_start_ns = time.process_time_ns()
        self._idle_start_s = _idle_s()
        self._high = self._permitted

    @property
    def name(self) -> str:
        """How this process is scheduled now."""
        if self._high:
            return "fifo"
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        return "nice" if nice < 0 else "below" if nice > 0 else "plain"

    def watch(self, now_ns: int, *, gives_way: bool = False) -> None:
        """Call often; every 100 ms it looks at the share of a processor used and steps down or up."""
        window_ns = now_ns - self._window_start_ns
        if not self._permitted or window_ns < _WINDOW_NS:
            return
        cpu_ns, idle_s = time.process_time_ns(), _idle_s()
        share = (cpu_ns - self._cpu_start_ns) / window_ns
        left = (idle_s - self._idle_start_s) * 1e9 / window_ns / (os.cpu_count() or 1)
        self._window_start_ns, self._cpu_start_ns, self._idle_start_s = now_ns, cpu_ns, idle_s
        in_the_way = gives_way and share > _STEP_DOWN_ALONE and left < _NO_TIME_LEFT
        if self._high and (share > self._limit or in_the_way):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            self._high = False
            self.steps_down += 1
        elif not self._high and share < self._limit * _STEP_UP and left > _TIME_LEFT:
            self._high = self._fifo()
        if not self._high:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, _NICE_BELOW if gives_way else _NICE_ABOVE)

    @staticmethod
    def _fifo() -> bool:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            return False
        return True


def _idle_s() -> float:
    """Time that all processors together have had nothing to do."""
    with Path("/proc/uptime").open() as uptime:
        return float(uptime.read().split()[1])
