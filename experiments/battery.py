"""The full set of measurements between pairs of sites on one lab, in a fixed order.

Paths first (a wrong path makes every other figure meaningless), then delay on the idle network, the ping
cross-check, delay under background traffic, and throughput last, since it disturbs everything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from experiments.idle import IdleDelay, measure_idle
from experiments.lab import Lab
from experiments.measurement.background import BackgroundReport, BackgroundTraffic, Flow
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.host_load import HostLoad
from experiments.measurement.latency import measure_latency
from experiments.measurement.path import CrossedPath
from experiments.measurement.ping import PingResult, measure_ping
from experiments.measurement.samples import LatencyResult
from experiments.measurement.throughput import Throughput, measure_tcp, measure_udp
from experiments.results import Variant
from experiments.run import Depth, Run
from topology.network import Network, TrafficClass

SiteName = str


@dataclass
class Battery:
    """What was measured from one source, by destination site.

    ``one_clock``: whether the stamps of both ends are of the same clock; else one-way delays mean nothing.
    """

    paths: dict[SiteName, CrossedPath] = field(default_factory=dict)
    idle: dict[SiteName, IdleDelay] = field(default_factory=dict)
    pings: dict[SiteName, PingResult] = field(default_factory=dict)
    loaded: dict[SiteName, LatencyResult] = field(default_factory=dict)
    tcp: dict[SiteName, Throughput] = field(default_factory=dict)
    udp: dict[SiteName, Throughput] = field(default_factory=dict)
    background: BackgroundReport | None = None
    host: HostLoad = field(default_factory=HostLoad)
    one_clock: bool = True


def expected_s(depth: Depth, destinations: int) -> float:
    """How long the battery should take, for the progress display."""
    states = 2 if depth.utilisation > 0 else 1
    latency_s = states * (depth.samples * depth.interval_ms(destinations) / 1000 + 2.0)
    throughput_runs = 2 * min(destinations, depth.throughput_sites or destinations)
    return 1.5 + latency_s + depth.pings * 0.2 + throughput_runs * (depth.throughput_s + 0.7)


def measure(run: Run, variant: Variant, lab: Lab, source: SiteName) -> Battery:
    """Measure from ``source`` to every destination of ``run`` on the network that is up."""
    depth, seed = run.depth, run.options.seed
    dscp = lab.network.routing.dscp[TrafficClass.COMPUTE]
    start = lab.endpoint(source)
    pairs = [(start, lab.endpoint(site)) for site in run.destinations]
    done = Battery(one_clock=lab.one_clock)
    run.say("proving the paths")
    for (_, site), crossed in lab.observe_paths(pairs, dscp=dscp).items():
        done.paths[site] = crossed
    with done.host:
        run.say(f"delay to {len(pairs)} sites on the idle network")
        idle = measure_idle(
            pairs,
            {(source, to): 2 * lab.network.path_latency_ms(path.sites) for to, path in done.paths.items()},
            samples=depth.samples,
            interval_ms=depth.interval_ms(len(pairs)),
            dscp=dscp,
            seed=seed,
            samples_path=partial(run.folder.samples_path, variant, "idle"),
            say=run.say,
        )
        done.idle = {site: result for (_, site), result in idle.items()}
        run.say("cross-check with ping")
        done.pings = {site: r for (_, site), r in measure_ping(pairs, count=depth.pings, dscp=dscp).items()}
        if depth.utilisation > 0:
            run.say(f"delay with {depth.utilisation:.0%} background traffic")
            flows = background_flows(lab, done, depth.utilisation)
            with BackgroundTraffic(flows, seed=seed) as background:
                loaded = measure_latency(
                    pairs,
                    samples=depth.samples,
                    interval_ms=depth.interval_ms(len(pairs)),
                    dscp=dscp,
                    seed=seed + 1,
                    samples_file=run.folder.samples_path(variant, "loaded"),
                )
            done.background = background.report
            done.loaded = {site: result for (_, site), result in loaded.items()}
    if depth.throughput_s > 0:
        measure_throughput(run, lab, pairs, done)
    return done


def measure_throughput(run: Run, lab: Lab, pairs: Sequence[tuple[Endpoint, Endpoint]], done: Battery) -> None:
    """TCP, then UDP at the declared rate, one pair at a time, marked as *compute* traffic."""
    dscp = lab.network.routing.dscp[TrafficClass.COMPUTE]
    for start, end in across_regions(lab.network, pairs, run.depth.throughput_sites or len(pairs)):
        run.say(f"throughput to {end.site}")
        rate_mbps = declared_mbps(lab, done.paths[end.site].sites)
        seconds = run.depth.throughput_s
        done.tcp[end.site] = measure_tcp(start, end, seconds=seconds, declared_mbps=rate_mbps, dscp=dscp)
        done.udp[end.site] = measure_udp(start, end, seconds=seconds, declared_mbps=rate_mbps, dscp=dscp)


def across_regions(
    network: Network, pairs: Sequence[tuple[Endpoint, Endpoint]], count: int
) -> list[tuple[Endpoint, Endpoint]]:
    """At most ``count`` pairs, the first of each region before the second of any."""
    seen: Counter[str] = Counter()
    ranked = []
    for number, pair in enumerate(pairs):
        region = network.sites[pair[1].site].region
        ranked.append((seen[region], number, pair))
        seen[region] += 1
    return [pair for _, _, pair in sorted(ranked, key=lambda entry: entry[:2])[:count]]


def declared_mbps(lab: Lab, path: Sequence[SiteName]) -> float:
    """Emulated rate of the narrowest link of a path."""
    links = lab.network.path_links(tuple(path))
    return min(lab.layout.links[link.id].properties.rate_mbps for link in links)


def background_flows(lab: Lab, done: Battery, utilisation: float) -> list[Flow]:
    """One flow into each end of every link that a measured path crosses, by link number."""
    crossed = {link.id for path in done.paths.values() for link in lab.network.path_links(path.sites)}
    return [
        Flow(link.link, end.interface, link.properties.rate_mbps * utilisation, lab.endpoint(end.site).reach)
        for link in lab.layout.links.values()
        if link.link in crossed
        for end in (link.a, link.b)
    ]
