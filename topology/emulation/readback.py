"""Does every link do what it declares? Measured before any experiment, without controller or hosts.

Two ways at once. Passive: what the pipe and HTB say they do is compared with the layout. Active: in each
direction of each link small frames measure the one-way delay, the losses and the order, and a train of
frames faster than the link measures its rate. A link outside tolerance is measured again, because a busy
machine disturbs; what is still outside then is reported by ``LinkReading.problems``. What follows from it is
up to the caller.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from topology.emulation.injection import Direction, Injector, Sightings, Train
from topology.emulation.layout import Layout, LinkLayout
from topology.emulation.links import LinkProperties, Pipe, shaping
from topology.emulation.links.shaping import FRAME_BYTES, burst_bytes
from topology.emulation.reading import DEFAULT_TOLERANCE, LinkReading, Tolerance
from topology.errors import EmulationError

__all__ = ["DEFAULT_TOLERANCE", "LinkReading", "Tolerance", "read_back"]

PROBE_GAP_SECONDS = 0.01  # between two probes in the same direction, at least
PROBES_PER_SECOND = 6_000  # over all directions, at most
TRAIN_FRAMES = 40  # a train has at least so many, smaller ones on a slow link
SMALLEST_TRAIN_FRAME_BYTES = 200
FRAMES_PER_SECOND = 20_000  # of trains measured at the same time; two cores carry about twice as many
LEAST_STRETCHES = 5  # of a train, to say anything about its rate
AHEAD_SHARE = 0.9  # of the queue, which a train fills at once


def read_back(
    layout: Layout, pipe: Pipe, *, probes: int = 40, rate_seconds: float = 0.016, attempts: int = 4
) -> list[LinkReading]:
    """Measure every link of a network that is up: both directions, in the order of the layout.

    Args:
        probes: small frames per direction for delay and loss.
        rate_seconds: how long the train for the rate lasts, at least. What fits the link's queue is sent
            at once, so that a sender held up by other work does no harm.
        attempts: how often a direction outside tolerance is measured before that stands.

    Raises ``EmulationError`` where the pipe has died or the machine is too busy to measure at all.
    """
    if not layout.links:
        return []
    faults = _faults(layout, pipe)
    links = list(layout.links.values())
    directions = [direction for link in links for direction in _directions(link)]
    wanted = list(range(len(directions)))
    readings: dict[int, LinkReading] = {}
    with Injector(directions) as injector:
        for attempt in range(1, attempts + 1):
            seconds = probes * max(PROBE_GAP_SECONDS, len(wanted) / PROBES_PER_SECOND)
            probed = injector.probes(wanted, probes, seconds)
            # What was outside tolerance is measured again for longer, with less at the same time.
            longer_seconds = rate_seconds * 2 ** (attempt - 1)
            trains = {number: _train(links[number // 2].properties, longer_seconds) for number in wanted}
            trained = injector.trains(_groups(directions, trains, FRAMES_PER_SECOND / 4 ** (attempt - 1)))
            for number in wanted:
                link = links[number // 2]
                measured = _reading(link, number % 2 == 0, probed[number], trained[number], trains[number])
                readings[number] = replace(measured, faults=faults[number], attempts=attempt)
            wanted = [number for number in wanted if replace(readings[number], faults=()).problems()]
            if not wanted:
                break
    return [readings[number] for number in sorted(readings)]


def _directions(link: LinkLayout) -> tuple[Direction, Direction]:
    declared = link.properties
    slowest_ms = declared.delay_ms + declared.jitter_ms
    return (
        Direction(link.a.interface, link.b.interface, slowest_ms, declared.rate_mbps),
        Direction(link.b.interface, link.a.interface, slowest_ms, declared.rate_mbps),
    )


def _train(declared: LinkProperties, seconds: float) -> Train:
    """A train that measures a rate: HTB's burst, then ``seconds`` or so many frames as make a rate."""
    wanted_bytes = declared.rate_mbps * 1e6 / 8 * seconds
    frame_bytes = min(FRAME_BYTES, max(SMALLEST_TRAIN_FRAME_BYTES, int(wanted_bytes / TRAIN_FRAMES)))
    after_burst = max(TRAIN_FRAMES, math.ceil(wanted_bytes / frame_bytes))
    return Train(
        frames=after_burst + _burst_frames(declared.rate_mbps, frame_bytes),
        frame_bytes=frame_bytes,
        ahead_bytes=int(AHEAD_SHARE * declared.queue_bytes),
    )


def _burst_frames(rate_mbps: float, frame_bytes: int) -> int:
    return math.ceil(burst_bytes(rate_mbps) / frame_bytes) + 1


def _groups(
    directions: Sequence[Direction], trains: dict[int, Train], frames_per_second: float
) -> list[dict[int, Train]]:
    """Trains that together stay below ``frames_per_second``; at least one in each group."""
    groups: list[dict[int, Train]] = []
    load = math.inf
    for number, train in trains.items():
        per_second = directions[number].rate_mbps * 1e6 / 8 / train.frame_bytes
        if load + per_second > frames_per_second:
            groups.append({})
            load = 0.0
        groups[-1][number] = train
        load += per_second
    return groups


def _reading(
    link: LinkLayout, forth: bool, probed: Sightings, trained: Sightings, train: Train
) -> LinkReading:
    source, destination = (link.a, link.b) if forth else (link.b, link.a)
    left_at = dict(probed.left)
    delays_ms = sorted((at - left_at[n]) / 1e6 for n, at in dict(probed.arrived).items() if n in left_at)
    both = (probed, trained)
    return LinkReading(
        link=link.link,
        source=source.site,
        destination=destination.site,
        declared=link.properties,
        probes=len(delays_ms),
        delay_min_ms=delays_ms[0] if delays_ms else None,
        delay_median_ms=statistics.median(delays_ms) if delays_ms else None,
        delay_p95_ms=delays_ms[math.ceil(0.95 * len(delays_ms)) - 1] if delays_ms else None,
        rate_mbps=_rate_mbps(trained, train, link.properties.rate_mbps),
        sent=sum(len(seen.left) for seen in both),
        lost=sum(len(dict(seen.left).keys() - dict(seen.arrived).keys()) for seen in both),
        reordered=sum(_reordered(seen) for seen in both),
        duplicated=sum(len(seen.arrived) - len(dict(seen.arrived)) for seen in both),
    )


def _rate_mbps(seen: Sightings, train: Train, declared_mbps: float) -> float | None:
    """Rate at the receiver of what left after HTB's burst was spent; lost frames count as sent.

    The median over all stretches of a quarter of the train: a machine that stops for some milliseconds, as
    virtual ones do, spoils some of them. At every stretch HTB may catch up a burst, at most.
    """
    place = {number: index for index, (number, _at) in enumerate(seen.left)}
    burst = _burst_frames(declared_mbps, train.frame_bytes)
    steady = [(place[n], at) for n, at in seen.arrived if place.get(n, -1) >= burst]
    stretch = max(1, len(steady) // 4)
    rates = [
        (last - first) * train.frame_bytes * 8e3 / (ended_ns - begun_ns)
        for (first, begun_ns), (last, ended_ns) in zip(steady, steady[stretch:], strict=False)
        if ended_ns > begun_ns
    ]
    return statistics.median(rates) if len(rates) >= LEAST_STRETCHES else None


def _reordered(seen: Sightings) -> int:
    """Frames that arrived after one with a higher sequence number (RFC 4737, type-P-reordered)."""
    highest, late = -1, 0
    for number, _at in seen.arrived:
        late += number < highest
        highest = max(highest, number)
    return late


def _faults(layout: Layout, pipe: Pipe) -> list[tuple[str, ...]]:
    """What pipe and HTB say that differs from the layout, for each direction in order."""
    if not pipe.alive():
        raise EmulationError("the links are dead: what carried their frames has ended", hint="run again")
    declared, shaped = pipe.declared(), shaping.read_back(layout)
    faults = []
    for link in layout.links.values():
        asked, said = link.properties, declared.get(link.link)
        of_pipe = ["the pipe does not carry it"] if said is None else pipe_faults(asked, said)
        for end in (link.a, link.b):
            shape = shaped.get(end.interface)
            of_end = [f"{end.interface} has no shaper"] if shape is None else shape_faults(asked, shape)
            faults.append((*of_pipe, *of_end))
    return faults


def pipe_faults(asked: LinkProperties, said: LinkProperties) -> list[str]:
    """Where the pipe says it does something else than asked for. Pure."""
    found = []
    if not math.isclose(asked.delay_ms, said.delay_ms, rel_tol=1e-3, abs_tol=0.01):
        found.append(f"delay set to {_ms(said.delay_ms)} instead of {_ms(asked.delay_ms)}")
    jitter_ms = min(asked.jitter_ms, asked.delay_ms)  # a pipe cannot send before it received
    if not math.isclose(jitter_ms, min(said.jitter_ms, said.delay_ms), rel_tol=1e-3, abs_tol=0.01):
        found.append(f"jitter set to {_ms(said.jitter_ms)} instead of {_ms(jitter_ms)}")
    if not math.isclose(asked.loss_ratio, said.loss_ratio, rel_tol=1e-3, abs_tol=1e-6):
        found.append(f"loss set to {said.loss_ratio:.4%} instead of {asked.loss_ratio:.4%}")
    return found


def _ms(milliseconds: float) -> str:
    return f"{round(milliseconds, 3):g} ms"


def shape_faults(asked: LinkProperties, shape: shaping.Shaped) -> list[str]:
    """Where HTB says it does something else than asked for. Pure."""
    found = []
    if not math.isclose(shape.rate_mbps, asked.rate_mbps, rel_tol=2e-3):
        found.append(f"rate set to {shape.rate_mbps:g} Mbit/s instead of {asked.rate_mbps:g} Mbit/s")
    if shape.queue_bytes != asked.queue_bytes:
        found.append(f"queue set to {shape.queue_bytes} bytes instead of {asked.queue_bytes} bytes")
    return found
