"""A delay line gives way before it starves the machine, and takes its priority back when there is time."""

from __future__ import annotations

import os
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("the delay line is Linux's", allow_module_level=True)

from topology.emulation.links import priority
from topology.emulation.links.priority import RealTime

WINDOW_NS = 100_000_000


class Machine:
    """Two processors whose times are told; what is asked of the scheduler."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = self.cpu_ns = 0
        self.idle_s = 0.0
        self.nice = 0
        self.gives_way = False
        monkeypatch.setattr(priority.time, "monotonic_ns", lambda: self.now_ns)
        monkeypatch.setattr(priority.time, "process_time_ns", lambda: self.cpu_ns)
        monkeypatch.setattr(priority, "_idle_s", lambda: self.idle_s)
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
        monkeypatch.setattr(os, "sched_setscheduler", lambda *_arguments: None)
        monkeypatch.setattr(os, "getpriority", lambda *_arguments: self.nice)
        monkeypatch.setattr(os, "setpriority", lambda _which, _who, nice: setattr(self, "nice", nice))
        self.line = RealTime()

    def window(self, used: float, left: float) -> str:
        """Of one processor, and of the whole machine; how the line is scheduled then."""
        self.now_ns += WINDOW_NS
        self.cpu_ns += round(used * WINDOW_NS)
        self.idle_s += left * 2 * WINDOW_NS / 1e9
        self.line.watch(self.now_ns, gives_way=self.gives_way)
        return self.line.name


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_it_keeps_its_priority_while_the_machine_has_time(machine: Machine) -> None:
    assert [machine.window(used, left) for used, left in ((0.1, 0.0), (0.7, 0.2), (0.45, 0.0))] == [
        "fifo"
    ] * 3
    assert machine.line.steps_down == 0


@pytest.mark.parametrize(("used", "left"), [(0.95, 0.4), (0.6, 0.0)])
def test_one_that_gives_way_steps_below_the_others_and_comes_back(
    machine: Machine, used: float, left: float
) -> None:
    machine.gives_way = True
    assert machine.window(used, left) == "below"
    assert machine.nice > 0
    assert machine.window(0.3, 0.0) == "below"  # it needs less because it gets less
    assert machine.window(0.7, 0.2) == "below"
    assert machine.window(0.3, 0.2) == "fifo"
    assert machine.line.steps_down == 1


def test_it_steps_down_to_more_than_the_others_have_and_comes_back(machine: Machine) -> None:
    assert machine.window(0.85, 0.0) == "fifo"  # all wait for what it does
    assert machine.window(0.95, 0.0) == "nice"
    assert machine.window(0.95, 0.0) == "nice"
    assert machine.window(0.3, 0.2) == "fifo"
    assert machine.line.steps_down == 1


def test_it_rises_when_it_gives_way_no_more(machine: Machine) -> None:
    machine.gives_way = True
    assert machine.window(0.6, 0.0) == "below"
    machine.gives_way = False
    assert machine.window(0.6, 0.0) == "nice"


def test_it_looks_once_in_a_window(machine: Machine) -> None:
    machine.cpu_ns = WINDOW_NS
    machine.line.watch(WINDOW_NS - 1)
    assert machine.line.steps_down == 0


def test_the_time_left_is_read() -> None:
    before = priority._idle_s()
    assert 0 < before <= priority._idle_s()
