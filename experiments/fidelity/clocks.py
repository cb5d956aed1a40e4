"""Whether independent clocks see the link as our probes do: irtt and ping beside STAMP, at the same time.

Three programs that share no code: ours, which takes the kernel's time stamps at both ends; irtt, which takes
its own in the program; ping, whose answers the kernel gives. What a program stamps is later than what the
kernel does by the time it takes to be run, and never earlier.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from experiments.fidelity.hosts import hosts_joined_by
from experiments.fidelity.judging import Check, Skipped, at_most
from experiments.fidelity.links import layout_of
from experiments.fidelity.transfers import DELAYS_MS, LINE_MBPS, link_of
from experiments.measurement.distribution import Distribution
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.irtt import HINT, IrttResult, measure_irtt
from experiments.measurement.latency import measure_latency
from experiments.measurement.ping import PingResult, measure_ping
from experiments.measurement.samples import LatencyResult
from topology.emulation.doctor import find_program
from topology.emulation.links import Pipe

INTERVAL_MS = 20.0
ONE_WAY_MS = 0.25  # what a program may need until it stamps a packet; as much as the read-back allows a link
ROUND_TRIP_MS = 2 * ONE_WAY_MS


@dataclass(frozen=True, slots=True)
class Clocks:
    """What each clock saw of one link; ``irtt`` is ``None`` where there is none."""

    stamp: LatencyResult
    ping: PingResult
    irtt: IrttResult | None


def compare_clocks(
    pipe: Pipe, delays_ms: Sequence[float] = DELAYS_MS, *, seconds: float = 4.0, seed: int = 1
) -> list[Check | Skipped]:
    """Idle links of such delays, each measured by all clocks at once for ``seconds``.

    Inside a cell, in a network namespace of its own. Raises ``EmulationError``, ``MeasurementError``.
    """
    layout = layout_of({f"{delay_ms:g} ms": link_of(LINE_MBPS, delay_ms, 0.0) for delay_ms in delays_ms})
    has_irtt = find_program("irtt") is not None
    with hosts_joined_by(layout, pipe, seed) as pairs:
        seen = _measure(list(pairs.values()), max(10, round(seconds * 1e3 / INTERVAL_MS)), seed, has_irtt)
    checks: list[Check | Skipped] = []
    for name, clocks in zip(pairs, seen, strict=True):
        checks += judge(clocks, f"idle link of {name}")
    if not has_irtt:
        checks.append(Skipped("irtt beside STAMP", f"there is no program irtt: {HINT}"))
    return [each.prefixed(pipe.name) for each in checks]


def judge(clocks: Clocks, what: str) -> list[Check]:
    """Whether the clocks agree, and none lost a packet or saw one twice."""
    stamp, ping, irtt = clocks.stamp, clocks.ping, clocks.irtt
    forth, back = stamp.forward.delay_ms, stamp.backward.delay_ms
    rtt = stamp.rtt_ms
    checks = [
        *_complete("STAMP", stamp.lost, stamp.forward.duplicated + stamp.backward.duplicated, what),
        *_complete("ping", ping.lost, ping.duplicated, what),
        _agree(
            "ping, round trip, least",
            ping.min_ms,
            None if rtt is None else rtt.minimum,
            ONE_WAY_MS,  # the kernel answers, so one program stamps
            what,
        ),
    ]
    if irtt is None:
        return checks
    return [
        *checks,
        *_complete("irtt", irtt.lost, irtt.duplicated, what),
        _agree("irtt, one way forth, median", irtt.forward_ms, _median(forth), ONE_WAY_MS, what),
        _agree("irtt, one way back, median", irtt.backward_ms, _median(back), ONE_WAY_MS, what),
        _agree("irtt, round trip, median", irtt.rtt_ms, _median(rtt), ROUND_TRIP_MS, what),
    ]


def _median(delays_ms: Distribution | None) -> float | None:
    return None if delays_ms is None else delays_ms.median


def _complete(clock: str, lost: int, twice: int, what: str) -> list[Check]:
    return [at_most(f"{what}: {clock}: packets lost or seen twice", lost + twice, 0, "packets")]


def _agree(
    figure: str, theirs_ms: float | None, ours_ms: float | None, allowed_ms: float, what: str
) -> Check:
    """Whether two clocks are no further apart than allowed; they are not if one of them saw nothing."""
    shown = f"{what}: {figure}, less STAMP"
    if theirs_ms is None or ours_ms is None:
        return Check(shown, float("inf"), allowed_ms, "ms", "±", False)
    apart_ms = round(theirs_ms - ours_ms, 3)
    return Check(shown, apart_ms, allowed_ms, "ms", "±", abs(apart_ms) <= allowed_ms)


def _measure(
    pairs: Sequence[tuple[Endpoint, Endpoint]], count: int, seed: int, has_irtt: bool
) -> list[Clocks]:
    """What each clock sees of each pair, in their order."""
    with tempfile.TemporaryDirectory(prefix="onehop-clocks-") as folder, ThreadPoolExecutor(2) as pool:
        pinging = pool.submit(measure_ping, pairs, count=count, interval_ms=INTERVAL_MS)
        asking = pool.submit(measure_irtt, pairs, count=count, interval_ms=INTERVAL_MS) if has_irtt else None
        stamps = measure_latency(
            pairs,
            samples=count,
            interval_ms=INTERVAL_MS,
            dscp=0,
            seed=seed,
            samples_file=Path(folder) / "samples.jsonl",
        )
        pings = pinging.result()
        irtts = asking.result() if asking is not None else {}
    names = [(source.site, destination.site) for source, destination in pairs]
    return [Clocks(stamps[name], pings[name], irtts.get(name)) for name in names]
