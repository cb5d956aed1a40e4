"""Whether this machine is fit for what a test asks; asked only once a figure is off, so a fit one fails."""

import time

import pytest

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
