"""A timer with nanoseconds for epoll, and how late it is: timerfd_create(2), in Python only from 3.13 on.

``epoll.poll(timeout)`` rounds to milliseconds and ppoll(2) adds the process's timer slack, up to 0.1 % of the
wait; a timerfd's absolute time has neither.
"""

from __future__ import annotations

import ctypes
import os
import time

_TFD_CLOEXEC_NONBLOCK = os.O_CLOEXEC | os.O_NONBLOCK
_TFD_TIMER_ABSTIME = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """Readable (level-triggered) once its time has come, until set again. CLOCK_MONOTONIC."""

    def __init__(self) -> None:
        self.fd: int = _libc.timerfd_create(time.CLOCK_MONOTONIC, _TFD_CLOEXEC_NONBLOCK)
        if self.fd < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"timerfd_create: {os.strerror(error)}")
        self._setting = _Itimerspec()
        self._argument = ctypes.byref(self._setting)

    def set(self, at_ns: int) -> None:
        """Become readable at ``at_ns``; 0 disarms."""
        value = self._setting.value
        value.seconds, value.nanoseconds = divmod(at_ns, 1_000_000_000)
        _libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, self._argument, None)


class Allowance:
    """A bound on time spent waiting awake: a share of all time, which may be saved up a little."""

    def __init__(self, share: float, most_ns: int) -> None:
        self._share = share
        self._most_ns = most_ns
        self._left_ns = float(most_ns)
        self._since_ns = 0

    def left(self, now_ns: int) -> bool:
        """Whether any is left at ``now_ns``; times never decrease."""
        if self._left_ns < self._most_ns:
            earned_ns = (now_ns - self._since_ns) * self._share
            self._left_ns = min(self._left_ns + earned_ns, self._most_ns)
        self._since_ns = now_ns
        return self._left_ns > 0

    def spend(self, spent_ns: int) -> None:
        """Take ``spent_ns`` off."""
        self._left_ns -= spent_ns


class WakeUps:
    """How long before a due time to ask for the wake-up: mean lateness plus twice its mean deviation."""

    LEAST_NS, MOST_NS = 20_000, 250_000
    _WEIGHT = 1 / 16

    def __init__(self) -> None:
        self._mean_ns = 50_000.0
        self._deviation_ns = 20_000.0
        self.lead_ns = 90_000

    def learn(self, late_ns: int) -> None:
        """Take in that a wake-up came ``late_ns`` after the time asked for."""
        sample_ns = min(max(late_ns, 0), 2 * self.MOST_NS)
        self._deviation_ns += (abs(sample_ns - self._mean_ns) - self._deviation_ns) * self._WEIGHT
        self._mean_ns += (sample_ns - self._mean_ns) * self._WEIGHT
        lead_ns = self._mean_ns + 2 * self._deviation_ns
        self.lead_ns = round(min(max(lead_ns, self.LEAST_NS), self.MOST_NS))
