"""A real-time priority that gives itself up before it starves the machine.

A delay line wakes thousands of times a second for a few microseconds each; behind an ordinary process it
would wait up to a scheduler slice (milliseconds) for its turn. So it asks for SCHED_FIFO, and steps down to
an ordinary, favoured priority as soon as it uses nearly a whole processor. Where the machine permits neither
it runs as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time

_PR_SET_TIMERSLACK = 29
_WINDOW_NS = 100_000_000
_STEP_DOWN = 0.9  # share of one processor; the kernel's own bound is 0.95
_STEP_DOWN_ALONE = 0.5  # on a machine with one processor
_STEP_UP = 0.6  # of the step-down share
_NICE = -15


class RealTime:
    """The calling process's priority: ``fifo``, ``nice`` or ``plain``."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        self._limit = _STEP_DOWN if len(os.sched_getaffinity(0)) > 1 else _STEP_DOWN_ALONE
        self._permitted = self._fifo()
        self.steps_down = 0
        self._window_start_ns = time.monotonic_ns()
        self._cpu_start_ns = time.process_time_ns()
        self._high = self._permitted

    @property
    def name(self) -> str:
        """How this process is scheduled now."""
        if self._high:
            return "fifo"
        return "nice" if os.getpriority(os.PRIO_PROCESS, 0) < 0 else "plain"

    def watch(self, now_ns: int) -> None:
        """Call often; every 100 ms it looks at the share of a processor used and steps down or up."""
        if not self._permitted or now_ns - self._window_start_ns < _WINDOW_NS:
            return
        cpu_ns = time.process_time_ns()
        share = (cpu_ns - self._cpu_start_ns) / (now_ns - self._window_start_ns)
        self._window_start_ns, self._cpu_start_ns = now_ns, cpu_ns
        if self._high and share > self._limit:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            self._high = False
            self.steps_down += 1
        elif not self._high and share < self._limit * _STEP_UP:
            self._high = self._fifo()

    @staticmethod
    def _fifo() -> bool:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            return False
        return True
