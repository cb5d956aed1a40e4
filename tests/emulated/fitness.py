"""What this machine is fit for: whether it has netem, and whether it can time what a test asks.

Fitness is asked only once a figure is off, so a fit machine fails.
"""

import functools
import time
from collections.abc import Callable, Iterable

import pytest

from topology.emulation.cell import fresh_network_namespace
from topology.emulation.links.choose import probe_netem

ATTEMPTS = 3  # other work on the machine disturbs; what a link does wrong it does every time

SLOW_LOOPS, SLOW_NS = 200_000, 60  # an empty loop of CPython takes 10 to 30 ns on hardware of this decade


def skip_if_unfit() -> None:
    """Nothing can be said about timing on a machine that is very slow (an emulated processor), or that often
    wakes a sleeper half a millisecond late (other work on it).
    """
    begun = time.perf_counter()
    for _ in range(SLOW_LOOPS):
        pass
    ns = (time.perf_counter() - begun) / SLOW_LOOPS * 1e9
    if ns > SLOW_NS:
        pytest.skip(f"machine too slow: {ns:.0f} ns for an empty loop; more than {SLOW_NS} distorts delays")
    late_ms = []
    for _ in range(100):
        asked = time.perf_counter() + 0.001
        time.sleep(0.001)
        late_ms.append((time.perf_counter() - asked) * 1e3)
    if sorted(late_ms)[80] > 0.5:
        pytest.skip(f"machine too busy: one in five sleepers wakes {sorted(late_ms)[80]:.1f} ms late")


def skip_without_netem() -> None:
    """No test of netem where the kernel has none. Inside a cell."""
    available, reason = probe_netem()
    if not available:
        pytest.skip(f"no netem: {reason}")


def asked_again(test: Callable[[], None]) -> Callable[[], None]:
    """A test whose figures a busy machine spoils now and then: it fails if it does so ``ATTEMPTS`` times.

    Each time is in a network namespace of its own. Not for tests of what must never happen, not even once.
    """

    @functools.wraps(test)
    def ask() -> None:
        for _ in range(ATTEMPTS - 1):
            try:
                return test()
            except AssertionError:
                fresh_network_namespace()
        return test()

    return ask


def failing_each_time(ask: Callable[[int], Iterable[str]]) -> set[str]:
    """What ``ask`` finds failing with each of ``ATTEMPTS`` seeds; it asks no longer than something does.

    A check that holds once holds: its limits leave a wrong link hardly a chance to meet them by accident,
    while a busy machine makes a good link fail now and then.
    """
    failing = set(ask(1))
    for seed in range(2, ATTEMPTS + 1):
        if not failing:
            break
        failing &= set(ask(seed))
    return failing
