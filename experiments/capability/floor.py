"""What is there before any link: the delay of a bare pair of interfaces, and the lateness of timers."""

from __future__ import annotations

import select
import time

from experiments.capability.testlinks import added_us, ip, quiet_interfaces
from experiments.results.calibration import Lateness
from topology.emulation.injection import Direction, Injector
from topology.emulation.links.timer import Timer
from topology.errors import EmulationError

_NAP_NS = 1_000_000
_PROBES_PER_SECOND = 1000


def bare_delay(seconds: float) -> Lateness:
    """Delay of small frames across a bare pair of interfaces, between the kernel's own time stamps.

    Inside a cell. Raises ``EmulationError`` where no frame comes through.
    """
    quiet_interfaces()
    ip("link add name floor-a type veth peer name floor-b", "link set floor-a up", "link set floor-b up")
    try:
        with Injector([Direction("floor-a", "floor-b", 1.0, 1000.0)]) as injector:
            seen = injector.probes([0], max(20, round(seconds * _PROBES_PER_SECOND)), seconds)[0]
    finally:
        ip("link del floor-a")
    delays_us = added_us(seen, 0.0)
    if not delays_us:
        raise EmulationError("no frame came through a bare pair of interfaces")
    return Lateness.of(delays_us)


def timer_lateness(seconds: float) -> Lateness:
    """How long after its time a timer wakes a process that waits: timerfd_create(2) and poll(2)."""
    timer, poll = Timer(), select.epoll()
    poll.register(timer.fd, select.EPOLLIN)
    late_us = []
    due_ns = time.monotonic_ns()
    try:
        for _ in range(max(20, round(seconds * 1e9 / _NAP_NS))):
            due_ns = max(due_ns, time.monotonic_ns()) + _NAP_NS
            timer.set(due_ns)
            poll.poll()
            late_us.append((time.monotonic_ns() - due_ns) / 1e3)
    finally:
        poll.close()
    return Lateness.of(late_us)
