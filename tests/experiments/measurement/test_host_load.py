"""/proc/stat and pressure, recorded; and a real look at this machine."""

from __future__ import annotations

import sys
import time

import pytest

from experiments.measurement.host_load import CpuTimes, HostLoad, parse_pressure_us

STAT = """cpu  45228 10 6943 161762 591 5 135 46 7 0
cpu0 22614 0 3471 80881 295 0 67 23 0 0
intr 1 2 3
"""
LATER = STAT.replace("45228", "45278").replace("161762", "161802").replace("135 46", "135 56")


def test_cpu_times() -> None:
    before, after = CpuTimes.parse(STAT), CpuTimes.parse(LATER)
    assert before == CpuTimes(total=45228 + 10 + 6943 + 161762 + 591 + 5 + 135 + 46, idle=162353, steal=46)
    assert after.busy_ratio_since(before) == pytest.approx(0.6)
    assert after.steal_ratio_since(before) == pytest.approx(0.1)
    assert before.busy_ratio_since(before) == 0


def test_a_kernel_without_steal() -> None:
    assert CpuTimes.parse("cpu  1 2 3 4\n") == CpuTimes(10, 4, 0)


def test_pressure() -> None:
    text = "some avg10=4.11 avg60=10.07 avg300=14.30 total=170853451\nfull avg10=0.00 total=0\n"
    assert parse_pressure_us(text) == 170853451
    assert parse_pressure_us("") is None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_this_machine() -> None:
    with HostLoad() as load:
        time.sleep(0.3)
    assert load.seconds >= 0.3
    assert 0 <= load.busy_ratio <= load.busy_max_ratio <= 1
    assert load.wakeup_p99_ms is not None
    assert load.wakeup_p99_ms >= 0


def test_too_busy() -> None:
    load = HostLoad()
    load.busy_ratio = 0.8
    assert not load.too_busy()
    assert load.too_busy(limit=0.7)
    load.steal_ratio = 0.2
    assert load.too_busy()
