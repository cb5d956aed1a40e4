"""What an experiment on faults found: ``summary.json``, and how it follows from the trials. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from controller.reservations import Reservation
from experiments.failover.kinds import GOAL_MS, NAMES, Kind
from experiments.failover.trial import Trial
from experiments.measurement.distribution import Distribution
from experiments.results.manifest import Host
from experiments.results.model import ResultModel
from experiments.results.summary import Conclusion
from topology.network import Text


class Spread(ResultModel):
    """How a figure spread over the trials, in milliseconds; only trials that have it are counted."""

    count: int
    min: float
    median: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """The spread of the values that are there; ``None`` if none is."""
        found = Distribution.of([value for value in values if value is not None])
        if found is None:
            return None
        figures = (found.minimum, found.median, found.p95, found.maximum)
        low, median, p95, high = (round(figure, 3) for figure in figures)
        return cls(count=found.count, min=low, median=median, p95=p95, max=high)


class KindResult(ResultModel):
    """What one kind of fault did, over all its repetitions. Times: in ms from the beginning of the fault."""

    kind: Kind
    name: Text
    repetitions: int
    goal_ms: float | None
    """The longest interruption aimed at; ``None``: none."""
    within_goal: int | None
    """Repetitions whose interruption was shorter than that."""
    interruption_ms: Spread
    """How long packets that came to the fault were lost: their number, times the interval between two."""
    pause_ms: Spread
    """Longest pause at the receiver."""
    lost: Spread
    """Packets lost in one repetition, those under way on the cut fibre included."""
    lost_total: int
    under_way_total: int
    duplicated: int
    """Packets of any protected flow that came more than once, in all repetitions."""
    reordered: int
    stray_alarms: int
    """Ports taken for dead during a fault they had no part in: the machine stood still for too long."""
    expired: int
    """Packets whose TTL ran out: what a loop would show as."""
    detected_ms: Spread | None
    switched_ms: Spread | None
    barrier_ms: Spread | None
    first_ms: Spread | None
    restored_ms: Spread | None
    """From mending on."""
    worst_delay_ms: float | None
    beyond_bound: int
    """Repetitions in which a packet took longer than its promise for a failover."""

    @classmethod
    def of(cls, kind: Kind, trials: Sequence[Trial]) -> KindResult:
        """Condense the trials of one kind, at least one."""
        figures = [trial.figures for trial in trials]
        goal_ms = GOAL_MS.get(kind)
        interruptions = [each.interruption_ms for each in figures]
        worst = [each.worst_ms for each in figures if each.worst_ms is not None]
        return cls(
            kind=kind,
            name=NAMES[kind],
            repetitions=len(trials),
            goal_ms=goal_ms,
            within_goal=None if goal_ms is None else sum(value < goal_ms for value in interruptions),
            interruption_ms=_spread(interruptions),
            pause_ms=_spread([each.pause_ms for each in figures]),
            lost=_spread([float(each.lost) for each in figures]),
            lost_total=sum(each.lost for each in figures),
            under_way_total=sum(each.under_way for each in figures),
            duplicated=sum(trial.duplicated for trial in trials),
            reordered=sum(each.reordered for each in figures),
            stray_alarms=sum(trial.stray_alarms for trial in trials),
            expired=sum(each.expired for each in figures),
            detected_ms=Spread.of(each.detected_ms for each in figures),
            switched_ms=Spread.of(each.switched_ms for each in figures),
            barrier_ms=Spread.of(each.barrier_ms for each in figures),
            first_ms=Spread.of(each.first_ms for each in figures),
            restored_ms=Spread.of(each.restored_ms for each in figures),
            worst_delay_ms=max(worst, default=None),
            beyond_bound=sum(_beyond_bound(trial) for trial in trials),
        )


class Alarms(ResultModel):
    """What BFD said while nothing was wrong."""

    seconds: float
    utilisation: float
    """Load of the links filled, in both directions, of their whole rate."""
    sessions: int
    links: int
    """Links that are watched."""
    links_filled: int
    """Of them, those that were loaded: all, unless the machine could not."""
    false_alarms: int
    """Ports that were taken for dead."""
    in_standstills: int = 0
    """Of them, those for which the machine had not run for a while: no fault of BFD."""
    standstill_ms: float = 0.0
    """The longest that a processor did not run, if at least half the time of detection; else 0."""
    lost: int
    """Packets of protected flows that did not arrive meanwhile."""
    sent: int


class ProtectedFlow(ResultModel):
    """A flow that faults were done to. Delays in ms."""

    id: str
    port: int
    path: tuple[str, ...]
    backup: tuple[str, ...]
    bound_ms: float
    failover_bound_ms: float | None
    added: bool
    """The experiment asked for it itself, because no demand of the scenario crosses a switch on its way."""

    @classmethod
    def of(cls, one: Reservation, *, added: bool) -> ProtectedFlow:
        """A protected reservation."""
        assert one.backup is not None
        bound_ns = one.failover_bound_ns
        return cls(
            id=one.id,
            port=one.port,
            path=one.primary.sites,
            backup=one.backup.sites,
            bound_ms=round(one.primary.bound_ns / 1e6, 6),
            failover_bound_ms=None if bound_ns is None else round(bound_ns / 1e6, 6),
            added=added,
        )


class Detection(ResultModel):
    """The timers of BFD."""

    interval_ms: int
    multiplier: int


class FailoverSummary(Conclusion):
    """Everything the experiment found."""

    packets_per_s: int
    detection: Detection
    site_names: dict[str, Text]
    flows: tuple[ProtectedFlow, ...]
    kinds: tuple[KindResult, ...]
    alarms: Alarms | None
    """``None``: not watched."""
    host: Host

    def of_kind(self, kind: Kind) -> KindResult | None:
        """The result of one kind, if it was tried."""
        return next((each for each in self.kinds if each.kind is kind), None)


def condensed(trials: Iterable[Trial]) -> tuple[KindResult, ...]:
    """The results of all kinds that were tried, in their order."""
    by_kind: Mapping[Kind, list[Trial]] = {kind: [] for kind in Kind}
    for trial in trials:
        by_kind[trial.kind].append(trial)
    return tuple(KindResult.of(kind, those) for kind, those in by_kind.items() if those)


def _spread(values: Sequence[float]) -> Spread:
    spread = Spread.of(values)
    assert spread is not None
    return spread


def _beyond_bound(trial: Trial) -> bool:
    worst_ms = trial.figures.worst_ms
    return worst_ms is not None and trial.bound_ms is not None and worst_ms > trial.bound_ms
