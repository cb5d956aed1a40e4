"""Moments at which a processor of this machine stood still: nothing could run on it, whatever its priority.

A virtual machine loses its processors to others now and then, for tens of milliseconds and without a word in
its own accounts. Whatever counts in milliseconds then sees faults where none are. So a thread sits on every
processor, with a higher priority than anything in a lab has, and does nothing but sleep for a millisecond
again and again: where it wakes up much too late, nobody else ran either.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from experiments.measurement.timestamps import sharpen_timer
from experiments.measurement.worker import Worker, WorkerChannel, run_worker

_PRIORITY = 3  # of SCHED_FIFO: switches, links and senders have 1, who makes a fault has 2
_NAP_S = 0.001
_PARENT_CHECK_S = 0.05
_MOST = 100_000  # remembered: after so many nothing was to be measured on that machine


@dataclass(frozen=True, slots=True)
class Standstill:
    """A processor that did not run from ``began_ns`` to ``ended_ns``, CLOCK_MONOTONIC."""

    cpu: int
    began_ns: int
    ended_ns: int

    @property
    def ms(self) -> float:
        """How long it lasted."""
        return (self.ended_ns - self.began_ns) / 1e6


class StandstillWatch:
    """Looks for standstills of at least ``least_ms`` while entered; ``found`` is there after leaving.

    Where real-time priority is not permitted, other programs of this machine count as well.
    Raises ``MeasurementError`` if it cannot start or dies.
    """

    def __init__(self, least_ms: float) -> None:
        self._least_ms = least_ms
        self.found: tuple[Standstill, ...] = ()
        self._worker: Worker | None = None

    def __enter__(self) -> StandstillWatch:
        self._worker = Worker("experiments.measurement.standstill", {"least_ms": self._least_ms})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._worker is not None
        told = self._worker.conclude("the watch for standstills", kind)
        if told is not None:
            self.found = tuple(Standstill(*one) for one in told["standstills"])


def during(at_ns: int, standstills: Sequence[Standstill], after_ns: int) -> bool:
    """Whether a moment lies in a standstill, or at most ``after_ns`` behind its end. Pure."""
    return any(one.began_ns <= at_ns <= one.ended_ns + after_ns for one in standstills)


def watch_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``least_ms``. When the parent shuts its end down for writing, the report follows as
    JSON: ``standstills``, each with its processor, beginning and end.
    """
    least_ns = configuration["least_ms"] * 1e6
    found: list[tuple[int, int, int]] = []
    leaving = threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(cpu, least_ns, found, leaving))
        for cpu in sorted(os.sched_getaffinity(0))
    ]
    for thread in threads:
        thread.start()
    channel.ready()
    while not channel.parent_is_gone():
        time.sleep(_PARENT_CHECK_S)
    leaving.set()
    for thread in threads:
        thread.join()
    channel.socket.sendall(json.dumps({"standstills": sorted(found, key=lambda one: one[1])}).encode())


def _watch(cpu: int, least_ns: float, found: list[tuple[int, int, int]], leaving: threading.Event) -> None:
    sharpen_timer()
    os.sched_setaffinity(0, {cpu})  # of this thread alone, as the priority
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    before_ns = time.monotonic_ns()
    while not leaving.is_set():
        time.sleep(_NAP_S)
        now_ns = time.monotonic_ns()
        if now_ns - before_ns >= least_ns and len(found) < _MOST:
            found.append((cpu, before_ns, now_ns))
        before_ns = now_ns


if __name__ == "__main__":
    sys.exit(run_worker(watch_until_parent_leaves))
