"""Whether BFD takes ports for dead while nothing is wrong, with every link full."""

from __future__ import annotations

import time
from collections.abc import Callable

from experiments.failover.bench import LATE_NS, Bench
from experiments.failover.summary import Alarms
from experiments.measurement.background import BackgroundTraffic, Flow
from experiments.measurement.stream import ARRIVED
from topology.emulation.bfd import watched_ends

UTILISATION = 1.0
_LOOK_EVERY_S = 1.0


def watch_for_alarms(
    bench: Bench, seconds: float, seed: int, say: Callable[[str], None] = lambda _sentence: None
) -> Alarms:
    """Fill both directions of every watched link with other traffic and count ports taken for dead."""
    lab = bench.lab
    ends = list(watched_ends(lab.layout, lab.emulated.watched))
    rate = {link.link: link.properties.rate_mbps for link in lab.layout.links.values()}
    flows = [
        Flow(link, end.interface, UTILISATION * rate[link])
        for end in ends
        for link in [lab.layout.interface_owner[end.interface][1]]
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
        sessions=len(ends),
        false_alarms=len(dead),
        lost=sent - arrived,
        sent=sent,
    )


def _arrived(bench: Bench) -> set[tuple[int, int]]:
    """What has arrived since the last look; the bench keeps none of it."""
    return {(one.flow, one.number) for one in bench.streams.take() if one.kind == ARRIVED}
