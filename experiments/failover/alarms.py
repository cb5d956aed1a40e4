"""Whether BFD takes ports for dead while nothing is wrong, with every link full."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from experiments.failover.bench import LATE_NS, Bench
from experiments.failover.summary import Alarms
from experiments.measurement.background import FRAME_BYTES, BackgroundTraffic, Flow
from experiments.measurement.stream import ARRIVED
from topology.emulation.layout import LinkLayout

UTILISATION = 1.0
MOST_FRAMES_PER_S = 18_000  # that one process sends beside all else, on two processors
_LOOK_EVERY_S = 1.0


def watch_for_alarms(
    bench: Bench, seconds: float, seed: int, say: Callable[[str], None] = lambda _sentence: None
) -> Alarms:
    """Fill both directions of the watched links with other traffic and count ports taken for dead."""
    lab = bench.lab
    links = [lab.layout.links[link] for link in lab.emulated.watched]
    filled = links_to_fill(links)
    flows = [
        Flow(link.link, end.interface, UTILISATION * link.properties.rate_mbps)
        for link in filled
        for end in (link.a, link.b)
    ]
    sent = arrived = 0
    with BackgroundTraffic(flows, seed=seed):
        bench.settle()
        began_ns = time.monotonic_ns()
        deadline = time.monotonic() + seconds
        numbers: set[tuple[int, int]] = set()
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY_S))
            say(f"false alarms at full load: {max(left, 0):.0f} s left")
            numbers |= _arrived(bench)
        ended_ns = time.monotonic_ns()
        time.sleep(LATE_NS / 1e9)
        numbers |= _arrived(bench)
    for flow in range(len(bench.streams.flows)):
        expected = bench.streams.numbers(flow, began_ns, ended_ns)
        sent += len(expected)
        arrived += sum((flow, number) in numbers for number in expected)
    dead = [event for event in bench.watch.since(began_ns) if event.at_ns < ended_ns and not event.live]
    return Alarms(
        seconds=round((ended_ns - began_ns) / 1e9, 3),
        utilisation=UTILISATION,
        sessions=2 * len(links),
        links=len(links),
        links_filled=len(filled),
        false_alarms=len(dead),
        lost=sent - arrived,
        sent=sent,
    )


def links_to_fill(links: Sequence[LinkLayout]) -> list[LinkLayout]:
    """All links, if this machine can; else as many as ``MOST_FRAMES_PER_S`` fill, the slowest first. Pure."""
    chosen: list[LinkLayout] = []
    frames_per_s = 0.0
    for link in sorted(links, key=lambda link: (link.properties.rate_mbps, link.number)):
        frames_per_s += 2 * UTILISATION * link.properties.rate_mbps * 1e6 / 8 / FRAME_BYTES
        if chosen and frames_per_s > MOST_FRAMES_PER_S:
            break
        chosen.append(link)
    return chosen


def _arrived(bench: Bench) -> set[tuple[int, int]]:
    """What has arrived since the last look; the bench keeps none of it."""
    return {(one.flow, one.number) for one in bench.streams.take() if one.kind == ARRIVED}
