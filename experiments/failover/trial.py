"""One fault: done, observed, undone, and the network back to normal before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from experiments.failover.bench import Bench
from experiments.failover.kinds import FLAP_S, FLAPS, Kind
from experiments.failover.subjects import Target
from experiments.failover.timeline import Observation, Timeline, timeline
from topology.emulation.faults import Moment

HOLD_S = 0.35  # how long a fault lasts; the controller's repair fits in
CONTROLLER_S = 60.0
_DEATH_S = 0.1  # from the controller's death to the cut
_REPAIRS = ("promise-moved", "promise-broken", "repaired")


@dataclass(frozen=True, slots=True)
class Trial:
    """What one fault did.

    Attributes:
        duplicated: packets of *any* protected flow that were delivered more than once meanwhile.
        stray_alarms: ports taken for dead meanwhile, without being part of the fault.
        making_ms: how long it took to make the fault, from its beginning; for one that repeats, the first.
        bound_ms: bound on a packet's delay when it meets the fault, ``None`` where none was promised.
    """

    kind: Kind
    repetition: int
    target: Target
    figures: Timeline
    observed: Observation
    duplicated: int
    stray_alarms: int
    making_ms: float
    bound_ms: float | None

    @property
    def followed(self) -> bool:
        """Whether the packets were seen to arrive before the fault; what is not says nothing of the fault."""
        before = sum(at_ns < self.observed.began_ns for at_ns in self.observed.scheduled_ns.values())
        return 2 * self.figures.under_way < before


def run_trial(bench: Bench, kind: Kind, repetition: int, target: Target) -> Trial:
    """Do one fault and see what it does. Raises ``MeasurementError`` if the network does not recover."""
    bench.settle()
    bench.forget()
    events_before = len(bench.lab.controller.events)
    began, mended_ns = _FAULTS[kind](bench, target)
    began_ns = began.begun_ns
    barrier_ns = _last_barrier_ns(bench, events_before, mended_ns)
    if kind is Kind.CONTROLLER_DEATH:
        before = len(bench.lab.controller.events)
        bench.lab.controller.start()
        bench.lab.controller.wait_for_next("programmed", before, timeout_s=CONTROLLER_S)
    bench.settle()
    bench.wait_for_stragglers()
    observed = bench.observation(target, began_ns, mended_ns, barrier_ns)
    bound_ns = bench.flows[target.reservation].failover_bound_ns
    promised = kind is not Kind.TWO_CUTS and bound_ns is not None
    return Trial(
        kind=kind,
        repetition=repetition,
        target=target,
        figures=timeline(observed, bench.streams.interval_ns),
        observed=observed,
        duplicated=bench.duplicates(),
        stray_alarms=bench.stray_alarms(target, began_ns, mended_ns),
        making_ms=round((began.done_ns - began_ns) / 1e6, 3),
        bound_ms=bound_ns / 1e6 if promised and bound_ns is not None else None,
    )


def _carrier(bench: Bench, target: Target) -> tuple[Moment, int]:
    """Both ends; the one that has to act first, for a cut fibre would not keep it waiting for the other."""
    began = bench.faults.cut(*target.links, first=target.guard[0])
    _hold(bench)
    return began, bench.faults.mend(*target.links).begun_ns


def _silent_one_way(bench: Bench, target: Target) -> tuple[Moment, int]:
    """The direction in which the flow's packets go: its sender is the last to know."""
    began = bench.faults.silence(target.links[0], from_site=target.guard[0])
    _hold(bench)
    return began, bench.faults.restore(target.links[0]).begun_ns


def _silent_two_way(bench: Bench, target: Target) -> tuple[Moment, int]:
    began = bench.faults.silence(target.links[0])
    _hold(bench)
    return began, bench.faults.restore(target.links[0]).begun_ns


def _switch_death(bench: Bench, target: Target) -> tuple[Moment, int]:
    began = bench.faults.kill_switch(target.site)
    _hold(bench)
    return began, bench.faults.revive_switch(target.site).begun_ns


def _controller_death(bench: Bench, target: Target) -> tuple[Moment, int]:
    """A cut while nobody is there to repair it; ``run_trial`` starts the controller again."""
    bench.lab.controller.kill()
    time.sleep(_DEATH_S)
    return _carrier(bench, target)


def _flapping(bench: Bench, target: Target) -> tuple[Moment, int]:
    began = bench.faults.cut(*target.links, first=target.guard[0])
    for flap in range(1, FLAPS + 1):
        time.sleep(FLAP_S)
        mended = bench.faults.mend(*target.links)
        if flap < FLAPS:
            time.sleep(FLAP_S)
            bench.faults.cut(*target.links)
    bench.collect()
    return began, mended.begun_ns


def _hold(bench: Bench) -> None:
    time.sleep(HOLD_S)
    bench.collect()


_FAULTS: Mapping[Kind, Callable[[Bench, Target], tuple[Moment, int]]] = {
    Kind.CARRIER: _carrier,
    Kind.SILENT_ONE_WAY: _silent_one_way,
    Kind.SILENT_TWO_WAY: _silent_two_way,
    Kind.SWITCH_DEATH: _switch_death,
    Kind.CONTROLLER_DEATH: _controller_death,
    Kind.TWO_CUTS: _carrier,
    Kind.FLAPPING: _flapping,
}


def _last_barrier_ns(bench: Bench, events_before: int, mended_ns: int) -> int | None:
    """When the last switch had confirmed what the controller changed before the fault was mended."""
    told = [
        round(event["last_barrier"] * 1e9)
        for event in bench.lab.controller.events[events_before:]
        if event["event"] in _REPAIRS and event["monotonic"] * 1e9 < mended_ns and "last_barrier" in event
    ]
    return max(told, default=None)
