"""``calibrate``: floor, timer, idle links, then the largest loads. Inside a cell; under a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from experiments.capability.floor import bare_delay, timer_lateness
from experiments.capability.machine import machine_now
from experiments.capability.search import Found, Trial, largest
from experiments.capability.testlinks import TestLinks
from experiments.measurement.host_load import HostLoad
from experiments.results.calibration import Calibration, Capacity, Lateness, Limit
from experiments.results.model import utc_now
from topology.emulation.cell import private_network
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.choose import pipe_for

SMALL_FRAME_BYTES = 64
LEAST_PER_S, START_PER_S, MOST_PER_S = 500.0, 20_000.0, 2_000_000.0
_BACK_OFF = 0.85  # of the load, where the longer look at the end does not confirm it


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look, in seconds per measurement; and how many links ``many`` is.

    ``resolution``: the largest load is found to this factor.
    """

    idle_s: float = 2.0
    trial_s: float = 0.4
    confirm_s: float = 1.5
    many: int = 40
    resolution: float = 1.25

    @property
    def expected_s(self) -> float:
        """About how long all of it takes."""
        return 3 * self.idle_s + 4 * (9 * (self.trial_s + 0.8) + 2 * self.confirm_s)


def calibrate(
    pipe: str = "auto",
    limit: Limit | None = None,
    effort: Effort | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Calibration:
    """Measure what this machine's links can do. Inside a cell.

    Args:
        pipe: which realisation of links: ``auto``, ``netem`` or ``userspace``.

    Raises ``EmulationError`` where links cannot be built or carry nothing, ``MachineError`` where there is no
    such pipe.
    """
    limit, effort = limit or Limit(), effort or Effort()
    say("idle: a bare pair of interfaces, timers, a link")
    with private_network(), HostLoad() as load:
        floor, timer = bare_delay(effort.idle_s), timer_lateness(effort.idle_s)
        chosen = pipe_for(pipe)
        with TestLinks(chosen, 1) as links:
            added = links.idle(effort.idle_s)
    capacities = [
        _capacity(pipe, limit, effort, count, frame_bytes, say)
        for count in (1, effort.many)
        for frame_bytes in (FRAME_BYTES, SMALL_FRAME_BYTES)
    ]
    return Calibration(
        created=utc_now(),
        machine=machine_now(chosen.name),
        limit=limit,
        busy_ratio=round(load.busy_ratio, 3),
        steal_ratio=round(load.steal_ratio, 3),
        floor=floor,
        timer=timer,
        added=added,
        capacities=tuple(capacities),
    )


def _capacity(
    pipe: str, limit: Limit, effort: Effort, links: int, frame_bytes: int, say: Callable[[str], None]
) -> Capacity:
    what = "one link" if links == 1 else f"{links} links at once"
    with private_network(), TestLinks(pipe_for(pipe), links) as under_test:

        def attempt(load: float, seconds: float = effort.trial_s) -> Trial:
            say(f"{what}, frames of {frame_bytes} bytes: {load:,.0f} a second")
            return under_test.trial(load, frame_bytes, seconds)

        found = largest(
            attempt,
            limit,
            start=START_PER_S,
            least=LEAST_PER_S,
            most=MOST_PER_S,
            resolution=effort.resolution,
        )
        load, added = confirmed(found, limit, lambda load: attempt(load, effort.confirm_s))
    return Capacity(
        links=links,
        frame_bytes=frame_bytes,
        rate_mbps=round(load * frame_bytes * 8 / 1e6, 1),
        packets_per_s=round(load),
        added=added,
        bound=found.bound,
    )


def confirmed(
    found: Found, limit: Limit, longer: Callable[[float], Trial], attempts: int = 5
) -> tuple[float, Lateness | None]:
    """The load that a longer look confirms too, a little lower each time it does not; and what it saw then.

    If none does, the short look stands: 0 and ``None`` if there was not even that.
    """
    if found.best is None:
        return 0.0, None
    load = found.best.load
    for _ in range(attempts):
        trial = longer(load)
        if trial.beyond(limit) is None:
            return load, trial.added
        load = max(LEAST_PER_S, load * _BACK_OFF)
    return load, trial.added
