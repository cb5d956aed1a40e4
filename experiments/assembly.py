"""From what was measured to what is told: raw results of one lab into the values of a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.plan import RoutingPlan
from experiments.battery import Battery
from experiments.measurement.background import FRAME_BYTES
from experiments.measurement.distribution import Distribution
from experiments.measurement.samples import LatencyResult
from experiments.queueing import md1_mean_wait_ms
from experiments.results import (
    DelaySplit,
    DelayStatistics,
    LinkCheck,
    LinkChecks,
    LinkFigures,
    Loaded,
    OneWayStatistics,
    PairResult,
    Ping,
    Throughput,
    Variant,
)
from topology.emulation.layout import Layout
from topology.emulation.links.buckets import burst_bytes
from topology.emulation.readback import LinkReading
from topology.network import Network, TrafficClass


def pair_result(
    network: Network,
    plan: RoutingPlan,
    layout: Layout,
    battery: Battery,
    site: str,
    floor_rtt_ms: float,
    utilisation: float,
) -> PairResult:
    """Everything about the pair of the compared source and ``site`` on one network."""
    crossed = battery.paths[site].sites
    planned = plan.path(crossed[0], site, TrafficClass.COMPUTE).sites
    rates_mbps = [layout.links[link.id].properties.rate_mbps for link in network.path_links(crossed)]
    waits_ms = [md1_mean_wait_ms(rate, utilisation, FRAME_BYTES, burst_bytes(rate)) for rate in rates_mbps]
    tcp, udp = battery.tcp.get(site), battery.udp.get(site)
    loaded = battery.loaded.get(site)
    return PairResult.of(
        path=crossed,
        planned_path=planned,
        path_proven=crossed == planned,
        rtt_ms=round_trip(battery.idle[site].result),
        one_way_ms=one_way(battery.idle[site].result, battery.one_clock),
        predicted=DelaySplit.of_path(network, crossed, queueing_ms=sum(waits_ms)),
        floor_rtt_ms=floor_rtt_ms,
        declared_mbps=min(rates_mbps),
        throughput_mbps=Throughput(tcp=tcp and tcp.mbps, udp=udp and udp.mbps),
        tcp_retransmits=tcp.retransmits if tcp else None,
        udp_loss_ratio=udp.lost_ratio if udp else None,
        ping_ms=_ping(battery, site),
        loaded=Loaded(
            utilisation=utilisation,
            rtt_ms=round_trip(loaded),
            one_way_ms=one_way(loaded, battery.one_clock),
        )
        if loaded
        else None,
        attempts=battery.idle[site].attempt,
    )


def round_trip(result: LatencyResult) -> DelayStatistics:
    """Round trips without the reflector's own time."""
    return DelayStatistics(sent=result.sent, lost=result.lost, **_figures(result.rtt_ms))


def one_way(result: LatencyResult, one_clock: bool) -> OneWayStatistics:
    """Both directions on their own, without delays if their ends have two clocks.

    The backward direction was entered by what arrived.
    """
    forward, backward = result.forward, result.backward
    return OneWayStatistics(
        sent=result.sent,
        lost=forward.lost,
        **_figures(forward.delay_ms if one_clock else None),
        backward=DelayStatistics(
            sent=result.sent - forward.lost,
            lost=backward.lost,
            **_figures(backward.delay_ms if one_clock else None),
        ),
    )


def link_checks(
    readings: Mapping[Variant, Sequence[LinkReading]], processing_ms: Mapping[Variant, float]
) -> LinkChecks:
    """Declared against achieved of every direction of every link, before switch processing is allowed for."""
    return LinkChecks(
        networks={variant: tuple(map(_link_check, of)) for variant, of in readings.items()},
        switch_processing_ms=dict(processing_ms),
    )


def _link_check(reading: LinkReading) -> LinkCheck:
    problems = tuple(reading.problems())
    declared = reading.declared
    return LinkCheck(
        link=reading.link,
        source=reading.source,
        destination=reading.destination,
        declared=LinkFigures(
            rate_mbps=declared.rate_mbps, delay_ms=declared.delay_ms, loss_ratio=declared.loss_ratio
        ),
        achieved=LinkFigures(
            rate_mbps=reading.rate_mbps,
            delay_ms=reading.delay_median_ms,
            loss_ratio=reading.lost / reading.sent if reading.sent else None,
        ),
        within_tolerance=not problems,
        reasons=problems,
    )


def _ping(battery: Battery, site: str) -> Ping | None:
    ping = battery.pings.get(site)
    if ping is None or ping.min_ms is None or ping.avg_ms is None or ping.max_ms is None:
        return None
    return Ping(min=ping.min_ms, avg=ping.avg_ms, max=ping.max_ms, sent=ping.sent, lost=ping.lost)


def _figures(distribution: Distribution | None) -> dict[str, float | None]:
    if distribution is None:
        return dict.fromkeys(("min", "median", "mean", "p95", "p99", "max"))
    return {
        "min": round(distribution.minimum, 6),
        "median": round(distribution.median, 6),
        "mean": round(distribution.mean, 6),
        "p95": round(distribution.p95, 6),
        "p99": round(distribution.p99, 6),
        "max": round(distribution.maximum, 6),
    }
