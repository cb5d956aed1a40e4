"""A watch for standstills, stopped like the machine it watches."""

from __future__ import annotations

import os
import signal
import time

from experiments.measurement.standstill import Standstill, StandstillWatch, during

MS = 1_000_000


def test_what_stands_still_is_found_on_every_processor() -> None:
    with StandstillWatch(least_ms=150) as watch:
        assert watch._worker is not None
        pid = watch._worker._process.pid
        time.sleep(0.1)
        stopped_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.3)
        resumed_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.1)
    own = [one for one in watch.found if one.began_ns < resumed_ns and one.ended_ns > stopped_ns]
    assert {one.cpu for one in own} == os.sched_getaffinity(0)
    assert all(one.ms >= 250 for one in own)


def test_a_moment_is_in_a_standstill_or_shortly_after() -> None:
    still = [Standstill(0, 100 * MS, 140 * MS), Standstill(1, 500 * MS, 520 * MS)]
    moments_ms = (99, 100, 140, 168, 169, 510)
    assert [during(at * MS, still, 28 * MS) for at in moments_ms] == [False, True, True, True, False, True]
    assert still[0].ms == 40
