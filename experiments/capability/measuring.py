"""``calibrate``: floor, timers, idle links, then the largest loads. Inside a cell, in a minute and a half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from experiments.capability.floor import bare_delay, timer_lateness
from experiments.capability.machine import machine_now
from experiments.capability.search import Found, Trial, largest
from experiments.capability.testlinks import TestLinks
from experiments.capability.testpath import LONGEST_S, TestPath
from experiments.lab import LabOptions
from experiments.measurement.host_load import HostLoad
from experiments.results.calibration import Bound, Calibration, Capacity, Lateness, Limit
from experiments.results.model import utc_now
from topology.emulation.cell import private_network
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.choose import pipe_for

SMALL_FRAME_BYTES = 64
LEAST_PER_S = 500.0
LINKS_START_PER_S, FLOW_START_PER_S = 20_000.0, 5_000.0
FLOW_LONGER = 2.0  # a path is probed less often than links, so for longer
_BACK_OFF = 0.85  # of the load, where the longer look at the end does not confirm it


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look, in seconds per measurement; how many links ``many`` are, and a ``path`` has.

    ``resolution``: the largest load is found to this factor; ``most_per_s``: frames, more are not tried.
    """

    idle_s: float = 2.0
    trial_s: float = 0.4
    confirm_s: float = 1.5
    many: int = 40
    path: int = 4
    resolution: float = 1.25
    most_per_s: float = 2_000_000.0

    @property
    def expected_s(self) -> float:
        """About how long all of it takes."""
        return 25 + 4 * self.idle_s + 4 * (9 * (self.trial_s + 0.8) + 2 * self.confirm_s)


def calibrate(
    options: LabOptions | None = None,
    limit: Limit | None = None,
    effort: Effort | None = None,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Calibration:
    """Measure what this machine's links, and a path through switches, can do. Inside a cell.

    Raises ``EmulationError`` where they cannot be built or carry nothing, ``MachineError`` where there is no
    such realisation as ``options`` ask for.
    """
    options, limit, effort = options or LabOptions(), limit or Limit(), effort or Effort()
    say("idle: a bare pair of interfaces, timers, a link")
    with private_network(), HostLoad() as load:
        floor, timer = bare_delay(effort.idle_s), timer_lateness(effort.idle_s)
        with TestLinks(pipe_for(options.pipe), 1) as links:
            added = links.idle(effort.idle_s)
    search = _Search(limit, effort, say)
    capacities = []
    for count in (1, effort.many):
        for frame_bytes in (FRAME_BYTES, SMALL_FRAME_BYTES):
            with private_network(), TestLinks(pipe_for(options.pipe), count) as links:
                capacities.append(search.of_links(links, count, frame_bytes))
    say(f"a path of {effort.path} links through switches")
    with TestPath(options, effort.path) as path:
        idle_path = path.idle(min(effort.idle_s, LONGEST_S))
        flow = search.of_flow(path)
    return Calibration(
        created=utc_now(),
        machine=machine_now(options.pipe, options.datapath),
        limit=limit,
        busy_ratio=round(load.busy_ratio, 3),
        steal_ratio=round(load.steal_ratio, 3),
        floor=floor,
        timer=timer,
        added=added,
        path=idle_path,
        capacities=tuple(capacities),
        flow=flow,
    )


class _Search:
    """Finds largest loads, and says what it tries."""

    def __init__(self, limit: Limit, effort: Effort, say: Callable[[str], None]) -> None:
        self._limit, self._effort, self._say = limit, effort, say

    def of_links(self, links: TestLinks, count: int, frame_bytes: int) -> Capacity:
        """The largest load of links side by side."""
        what = "one link" if count == 1 else f"{count} links at once"
        load, added, bound = self._largest(links.trial, what, frame_bytes, self._limit, LINKS_START_PER_S)
        return _capacity(count, frame_bytes, load, added, bound)

    def of_flow(self, path: TestPath) -> Capacity:
        """The largest flow over a path."""
        what, limit = f"a flow over {path.links} links", self._limit.over(path.links)

        def trial(load: float, frame_bytes: int, seconds: float) -> Trial:
            return path.trial(load, frame_bytes, FLOW_LONGER * seconds)

        load, added, bound = self._largest(trial, what, FRAME_BYTES, limit, FLOW_START_PER_S)
        return _capacity(path.links, FRAME_BYTES, load, added, bound)

    def _largest(
        self,
        trial: Callable[[float, int, float], Trial],
        what: str,
        frame_bytes: int,
        limit: Limit,
        start_per_s: float,
    ) -> tuple[float, Lateness | None, Bound]:
        effort = self._effort

        def attempt(load: float, seconds: float = effort.trial_s) -> Trial:
            self._say(f"{what}, frames of {frame_bytes} bytes: {load:,.0f} a second")
            return trial(load, frame_bytes, seconds)

        found = largest(
            attempt,
            limit,
            start=min(start_per_s, effort.most_per_s),
            least=LEAST_PER_S,
            most=effort.most_per_s,
            resolution=effort.resolution,
        )
        load, added = confirmed(found, limit, lambda load: attempt(load, effort.confirm_s))
        return load, added, found.bound


def _capacity(
    links: int, frame_bytes: int, frames_per_s: float, added: Lateness | None, bound: Bound
) -> Capacity:
    return Capacity(
        links=links,
        frame_bytes=frame_bytes,
        rate_mbps=round(frames_per_s * frame_bytes * 8 / 1e6, 1),
        packets_per_s=round(frames_per_s),
        added=added,
        bound=bound,
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
