"""Whether BFD takes ports for dead while nothing is wrong, with every link full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from experiments.failover.bench import Bench
from experiments.failover.summary import Alarms
from experiments.measurement.background import FRAME_BYTES, BackgroundTraffic, Flow
from experiments.measurement.standstill import StandstillWatch, during
from experiments.measurement.stream import PacketStreams
from topology.emulation.layout import LinkLayout

UTILISATION = 1.0
PACKETS_PER_S = 100  # of each flow: they only show that the network carries; the links are filled by others
MOST_FRAMES_PER_S = 18_000  # that one process sends beside all else, on two processors
_LOOK_EVERY_S = 1.0


def watch_for_alarms(
    bench: Bench, seconds: float, seed: int, say: Callable[[str], None] = lambda _sentence: None
) -> Alarms:
    """Fill both directions of the watched links with other traffic and count ports taken for dead.

    Apart are counted those that died because a processor stood still for half the time of detection or longer
    (``experiments.measurement.standstill``): no pace of BFD that finds a fault in time outlasts that.
    """
    lab = bench.lab
    detection_ms = lab.emulated.timers.detection_ms
    links = [lab.layout.links[link] for link in lab.emulated.watched]
    filled = links_to_fill(links)
    flows = [
        Flow(link.link, end.interface, UTILISATION * link.properties.rate_mbps)
        for link in filled
        for end in (link.a, link.b)
    ]
    with BackgroundTraffic(flows, seed=seed), StandstillWatch(detection_ms / 2) as still:
        bench.settle()
        began_ns = time.monotonic_ns()
        ticks = _Ticks(bench.streams, began_ns)
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_EVERY_S))
            say(f"false alarms at full load: {max(left, 0):.0f} s left")
            bench.collect()
            ticks.take(bench.arrived())
            bench.forget()
        ended_ns = time.monotonic_ns()
    bench.wait_for_stragglers()
    ticks.take(bench.arrived())
    sent, arrived = ticks.until(ended_ns)
    dead = [event for event in bench.watch.since(began_ns) if event.at_ns < ended_ns and not event.live]
    standstills = [one for one in still.found if one.ended_ns > began_ns and one.began_ns < ended_ns]
    return Alarms(
        seconds=round((ended_ns - began_ns) / 1e9, 3),
        utilisation=UTILISATION,
        sessions=2 * len(links),
        links=len(links),
        links_filled=len(filled),
        false_alarms=len(dead),
        in_standstills=sum(during(event.at_ns, standstills, 2 * detection_ms * 1_000_000) for event in dead),
        standstill_ms=round(max((one.ms for one in standstills), default=0.0), 3),
        lost=sent - arrived,
        sent=sent,
    )


class _Ticks:
    """Which packets sent since a moment have arrived: a byte each, since there may be millions."""

    def __init__(self, streams: PacketStreams, began_ns: int) -> None:
        self._streams = streams
        self._first = [streams.numbers(flow, 0, began_ns).stop for flow in range(len(streams.flows))]
        self._ticks = [bytearray() for _ in streams.flows]

    def take(self, arrived: Iterable[tuple[int, int]]) -> None:
        """Tick packets off, by flow and number."""
        for flow, number in arrived:
            ticks, place = self._ticks[flow], number - self._first[flow]
            if place >= len(ticks):
                ticks.extend(bytes(place + 1 - len(ticks)))
            if place >= 0:
                ticks[place] = 1

    def until(self, ended_ns: int) -> tuple[int, int]:
        """How many packets were sent before this moment, and how many of them have arrived."""
        counts = [
            len(self._streams.numbers(flow, 0, ended_ns)) - first for flow, first in enumerate(self._first)
        ]
        return sum(counts), sum(sum(ticks[:count]) for ticks, count in zip(self._ticks, counts, strict=True))


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
