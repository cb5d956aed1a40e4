"""The same measurements on one machine and on several, side by side, and whether they agree."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.plan import RoutingPlan
from experiments.battery import across_regions, declared_mbps
from experiments.lab import Lab
from experiments.measurement.latency import measure_latency
from experiments.measurement.ping import measure_ping
from experiments.measurement.throughput import measure_tcp
from experiments.results import within_tolerance
from experiments.run import Depth
from topology.network import TrafficClass

RATE_RATIO = 0.03
_FIRST_TTL = 255  # of STAMP packets


@dataclass(frozen=True, slots=True)
class PairFigures:
    """What was measured from the compared source to one site.

    Attributes:
        hops: links crossed, by the TTL of every packet that arrived; one entry if all agree.
        tcp_mbps: TCP at the receiver, as Ethernet frames; ``None`` where it was not measured.
    """

    rtt_median_ms: float | None
    rtt_p99_ms: float | None
    lost: int
    sent: int
    hops: tuple[int, ...]
    ping_ms: float | None
    tcp_mbps: float | None = None


def measure_pairs(
    lab: Lab, plan: RoutingPlan, destinations: Sequence[str], depth: Depth, seed: int
) -> dict[str, PairFigures]:
    """Round trips, hops, ping and TCP from the compared source, on a lab that is up, by destination."""
    dscp = lab.network.routing.dscp[TrafficClass.COMPUTE]
    source = lab.endpoint(lab.network.comparison.source)
    pairs = [(source, lab.endpoint(site)) for site in destinations]
    with tempfile.TemporaryDirectory() as folder:
        delays = measure_latency(
            pairs,
            samples=depth.samples,
            interval_ms=depth.interval_ms(len(pairs)),
            dscp=dscp,
            seed=seed,
            samples_file=Path(folder) / "samples.jsonl",
        )
    pings = measure_ping(pairs, count=depth.pings, dscp=dscp)
    tcp = {}
    for start, end in across_regions(lab.network, pairs, depth.throughput_sites or len(pairs)):
        path = plan.path(start.site, end.site, TrafficClass.COMPUTE).sites
        rate_mbps = declared_mbps(lab, path)
        carried = measure_tcp(start, end, seconds=depth.throughput_s, declared_mbps=rate_mbps, dscp=dscp)
        tcp[end.site] = carried.wire_mbps
    figures = {}
    for (_, site), delay in delays.items():
        rtt, ping = delay.rtt_ms, pings[source.site, site]
        figures[site] = PairFigures(
            rtt_median_ms=None if rtt is None else rtt.median,
            rtt_p99_ms=None if rtt is None else rtt.p99,
            lost=delay.lost,
            sent=delay.sent,
            hops=tuple(sorted(_FIRST_TTL - ttl - 1 for ttl in delay.forward.ttl_at_arrival)),
            ping_ms=ping.avg_ms,
            tcp_mbps=tcp.get(site),
        )
    return figures


def disagreements(one: PairFigures, several: PairFigures, planned_hops: int) -> list[str]:
    """Where figures of the same pair on one machine and on several differ by more than the tolerance."""
    found = []
    if one.hops != (planned_hops,) or several.hops != (planned_hops,):
        found.append(f"{_listed(one.hops)} and {_listed(several.hops)} hops, planned {planned_hops}")
    if one.rtt_median_ms is None or several.rtt_median_ms is None:
        found.append("nothing came back")
    elif not within_tolerance(several.rtt_median_ms, one.rtt_median_ms):
        found.append(f"round trips of {one.rtt_median_ms:.3f} and {several.rtt_median_ms:.3f} ms")
    return found


def rate_disagrees(one_mbps: float, several_mbps: float) -> bool:
    """Whether two rates differ by more than the tolerance."""
    return abs(several_mbps - one_mbps) > RATE_RATIO * one_mbps


def _listed(hops: Sequence[int]) -> str:
    return " or ".join(map(str, hops)) or "unknown"
