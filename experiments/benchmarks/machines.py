"""A national network on one machine, and on several: the same measurements side by side.

Network namespaces stand for the machines: each has its own Open vSwitch processes and delay line, and what
passes between them passes as VXLAN over a network of 0.25 ms one way. One set of processors carries them
all, so rates are a quarter of the scenario's: full ones left two processors a twentieth of their time, and
then TCP measures them, not the links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from controller.plan import PlannedPath, RoutingPlan
from experiments.lab import Lab
from experiments.machines.comparing import (
    PairFigures,
    disagreements,
    measure_pairs,
    rate_disagrees,
)
from experiments.machines.lab import PlacedLab
from experiments.machines.namespaces import NamespaceMachines
from experiments.machines.spreading import Spread, spread_over
from experiments.run import QUICK, Depth, scaled
from topology.emulation.cell import private_network
from topology.network import Network, TrafficClass
from topology.scenario import load

SCENARIOS = ("qingyang-baseline", "qingyang-direct")
MACHINES = 3
ONE_WAY_MS = 0.25
SEED = 1
SLOWER = 4
DEPTH = replace(QUICK, throughput_s=5)
Row = dict[str, Any]


def bench_machines(
    scenarios: Sequence[str] = SCENARIOS,
    machines: int = MACHINES,
    depth: Depth = DEPTH,
    say: Callable[[str], None] = lambda _sentence: None,
) -> list[Row]:
    """Measure each scenario on one machine and on ``machines``; inside a cell. About a minute a scenario."""
    rows = []
    for name in scenarios:
        network = load(name)
        rows += _compare(scaled(network, SLOWER * network.rate_scale), machines, depth, say)
    return rows


def _compare(network: Network, machines: int, depth: Depth, say: Callable[[str], None]) -> list[Row]:
    destinations = network.comparison.destinations
    plan = RoutingPlan.of(network)
    with Lab(network, progress=say, watch=False) as lab:
        say(f"{network.id} on one machine: measuring {len(destinations)} pairs")
        alone = measure_pairs(lab, plan, destinations, depth, SEED)
        alone_s = lab.bring_up_s
    with private_network(), NamespaceMachines(machines, ONE_WAY_MS) as namespaces:
        spread = spread_over(namespaces.fleet, network, namespaces.outside, say)
        with PlacedLab(network, spread, progress=say) as placed:
            say(f"{network.id} on {machines} machines: measuring {len(destinations)} pairs")
            several = measure_pairs(placed, plan, destinations, depth, SEED)
            several_s = placed.bring_up_s
    rows = _placement_rows(network, spread)
    rows.append(_row(f"{network.id}: bring-up", round(several_s, 1), round(alone_s, 1), "s", "", "shown"))
    for site in destinations:
        path = plan.path(network.comparison.source, site, TrafficClass.COMPUTE)
        rows += _pair_rows(network.id, path, alone[site], several[site])
    return rows


def _placement_rows(network: Network, spread: Spread) -> list[Row]:
    counts = [len(spread.placement.sites_of(machine.name)) for machine in spread.placement.machines]
    crossing = f"{len(spread.placement.crossing)} of {len(network.links)} links cross"
    rows = [_row(f"{network.id}: sites", "+".join(map(str, counts)), len(network.sites), "", "", crossing)]
    for reading in spread.underlay:
        clock = "one clock" if reading.one_clock else "two clocks: no one-way delays"
        what = f"{network.id}: underlay {reading.a} - {reading.b}, round trip"
        median_ms = round(reading.rtt_median_ms, 3)
        note = f"p99 {reading.rtt_p99_ms:.3f} ms, MTU {reading.mtu_bytes}, {clock}"
        rows.append(_row(what, median_ms, "", "ms", "", note))
    return rows


def _pair_rows(network: str, path: PlannedPath, one: PairFigures, several: PairFigures) -> list[Row]:
    pair = f"{network}: {path.sites[0]} > {path.sites[-1]}"
    wrong = disagreements(one, several, path.hops)
    p99_ms = f"{_shown(several.rtt_p99_ms)} and {_shown(one.rtt_p99_ms)}"
    note = f"model {2 * path.latency_ms:.3f} ms, {path.hops} hops, p99 {p99_ms} ms"
    rows = [
        _row(
            f"{pair}, round trip",
            _shown(several.rtt_median_ms),
            _shown(one.rtt_median_ms),
            "ms",
            _verdict(bool(wrong)),
            "; ".join([note, *wrong]),
        )
    ]
    if one.tcp_mbps is not None and several.tcp_mbps is not None:
        wrong_rate = rate_disagrees(one.tcp_mbps, several.tcp_mbps)
        rates = round(several.tcp_mbps, 2), round(one.tcp_mbps, 2)
        rows.append(_row(f"{pair}, TCP", *rates, "Mbit/s", _verdict(wrong_rate), "within 3 %"))
    return rows


def _verdict(wrong: bool) -> str:
    return "FAILS" if wrong else "holds"


def _shown(figure: float | None) -> float | str:
    return "nothing" if figure is None else round(figure, 3)


def _row(what: str, ours: object, other: object, unit: str, ratio: object, against: str) -> Row:
    return {"what": what, "ours": ours, "other": other, "unit": unit, "ratio": ratio, "against": against}
