"""Does every link do what it declares? Measured before any experiment, without controller or hosts.

Two ways at once. Passive: what the pipe and HTB say they do is compared with the layout. Active: in each
direction of each link small frames measure the one-way delay, the losses and the order, and a train of
frames faster than the link measures its rate. Where a link has classes, trains for all of them at once
measure what each gets when every one wants more. A link outside tolerance is measured again, because a busy
machine disturbs; what is still outside then is reported by ``LinkReading.problems``. What follows from it is
up to the caller.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, replace

from topology.burstloss import bursts_alike
from topology.emulation.contention import (
    Contender,
    class_faults,
    class_reading,
    contending_trains,
    said_of,
)
from topology.emulation.injection import Direction, Injector, Sightings, Train
from topology.emulation.layout import Layout, LinkLayout
from topology.emulation.links import LinkProperties, Pipe, shaping
from topology.emulation.links.buckets import burst_bytes
from topology.emulation.links.shaped import Shaped
from topology.emulation.reading import DEFAULT_TOLERANCE, LinkReading, Tolerance, jitter_distance
from topology.emulation.trains import groups_of, measured_rate_mbps, train_of
from topology.errors import EmulationError

__all__ = ["DEFAULT_TOLERANCE", "LinkReading", "Tolerance", "read_back"]

PROBE_GAP_SECONDS = 0.01  # between two probes in the same direction, at least
PROBES_PER_SECOND = 6_000  # over all directions, at most
FRAMES_PER_SECOND = 20_000  # of trains measured at the same time; two cores carry about twice as many


def read_back(
    layout: Layout,
    pipe: Pipe,
    *,
    only: Collection[str] = (),
    probes: int = 40,
    rate_seconds: float = 0.016,
    attempts: int = 4,
) -> list[LinkReading]:
    """Measure every link of a network that is up: both directions, in the order of the layout.

    Args:
        only: measure these links and no others.
        probes: small frames per direction for delay and loss.
        rate_seconds: how long the train for the rate lasts, at least. What fits the link's queue is sent
            at once, so that a sender held up by other work does no harm.
        attempts: how often a direction outside tolerance is measured before that stands.

    Raises ``EmulationError`` where the pipe has died or the machine is too busy to measure at all.
    """
    links = [link for link in layout.links.values() if not only or link.link in only]
    if not links:
        return []
    shaped = shaping.read_back((link, "ab") for link in links)
    faults = _faults(links, pipe, shaped)
    directions = [direction for link in links for direction in _directions(link)]
    contenders = {n: Contender.all_of(links[n // 2], direction) for n, direction in enumerate(directions)}
    first = _numbers_of_contenders(contenders, len(directions))
    every = [*directions, *(each.direction for n in contenders for each in contenders[n])]
    wanted = list(range(len(directions)))
    readings: dict[int, LinkReading] = {}
    with Injector(every) as injector:
        for attempt in range(1, attempts + 1):
            seconds = probes * max(PROBE_GAP_SECONDS, len(wanted) / PROBES_PER_SECOND)
            probed = injector.probes(wanted, probes, seconds)
            # What was outside tolerance is measured again for longer, with less at the same time.
            longer_seconds = rate_seconds * 2 ** (attempt - 1)
            frames_per_second = FRAMES_PER_SECOND / 4 ** (attempt - 1)
            trains = {n: _train(links[n // 2].properties, longer_seconds) for n in wanted}
            trained = injector.trains(groups_of(every, [{n: trains[n]} for n in wanted], frames_per_second))
            contended = {
                n: dict(enumerate(contending_trains(contenders[n], longer_seconds), start=first[n]))
                for n in wanted
                if contenders[n]
            }
            fought = injector.trains(groups_of(every, list(contended.values()), frames_per_second))
            for n in wanted:
                link, shape = links[n // 2], shaped.get(directions[n].sender)
                measured = _reading(link, n % 2 == 0, probed[n], trained[n], trains[n])
                classes = tuple(
                    class_reading(c.link_class, said_of(shape, c.link_class.name), fought[i], contended[n][i])
                    for i, c in enumerate(contenders[n], start=first[n])
                )
                readings[n] = replace(measured, faults=faults[n], attempts=attempt, classes=classes)
            wanted = [n for n in wanted if replace(readings[n], faults=()).problems()]
            if not wanted:
                break
    return [readings[number] for number in sorted(readings)]


def _numbers_of_contenders(contenders: Mapping[int, Sequence[Contender]], first: int) -> dict[int, int]:
    """By direction, the number of its first class among all that frames are sent for."""
    numbers = {}
    for number, every in contenders.items():
        numbers[number] = first
        first += len(every)
    return numbers


def _directions(link: LinkLayout) -> tuple[Direction, Direction]:
    declared = link.properties
    slowest_ms = declared.most_delay_ms
    return (
        Direction(link.a.interface, link.b.interface, slowest_ms, declared.rate_mbps),
        Direction(link.b.interface, link.a.interface, slowest_ms, declared.rate_mbps),
    )


def _train(declared: LinkProperties, seconds: float) -> Train:
    return train_of(declared.rate_mbps, declared.queue_bytes, burst_bytes(declared.rate_mbps), seconds)


def _reading(
    link: LinkLayout, forth: bool, probed: Sightings, trained: Sightings, train: Train
) -> LinkReading:
    source, destination = (link.a, link.b) if forth else (link.b, link.a)
    left_at = dict(probed.left)
    delays_ms = sorted((at - left_at[n]) / 1e6 for n, at in dict(probed.arrived).items() if n in left_at)
    both = (probed, trained)
    declared = link.properties
    alone = declared.reorders or _least_gap_ms(probed) >= declared.most_delay_ms - declared.least_delay_ms
    return LinkReading(
        link=link.link,
        source=source.site,
        destination=destination.site,
        declared=declared,
        probes=len(delays_ms),
        delay_min_ms=delays_ms[0] if delays_ms else None,
        delay_median_ms=statistics.median(delays_ms) if delays_ms else None,
        delay_p95_ms=delays_ms[math.ceil(0.95 * len(delays_ms)) - 1] if delays_ms else None,
        rate_mbps=measured_rate_mbps(trained, train, burst_bytes(link.properties.rate_mbps)),
        sent=sum(len(seen.left) for seen in both),
        lost=sum(len(dict(seen.left).keys() - dict(seen.arrived).keys()) for seen in both),
        reordered=sum(_reordered(seen) for seen in both),
        duplicated=sum(len(seen.arrived) - len(dict(seen.arrived)) for seen in both),
        jitter_distance=jitter_distance(declared, delays_ms, DEFAULT_TOLERANCE)
        if declared.achievable_jitter_ms and delays_ms and alone
        else None,
    )


def _reordered(seen: Sightings) -> int:
    """Frames that arrived after one with a higher sequence number (RFC 4737, type-P-reordered)."""
    highest, late = -1, 0
    for number, _at in seen.arrived:
        late += number < highest
        highest = max(highest, number)
    return late


def _faults(links: Sequence[LinkLayout], pipe: Pipe, shaped: Mapping[str, Shaped]) -> list[tuple[str, ...]]:
    """What pipe and HTB say that differs from the layout, for each direction of ``links`` in order."""
    if not pipe.alive():
        raise EmulationError("the links are dead: what carried their frames has ended", hint="run again")
    declared = pipe.declared()
    faults = []
    for link in links:
        of_pipe = pipe_faults(link.properties, declared.get(link.link))
        faults += [
            (*of_pipe, *shape_faults(link, end.interface, shaped.get(end.interface)))
            for end in (link.a, link.b)
        ]
    return faults


def _least_gap_ms(seen: Sightings) -> float:
    """The shortest time between two frames that left one after the other; infinite with less than two."""
    times = [at for _number, at in seen.left]
    return min((later - earlier for earlier, later in itertools.pairwise(times)), default=math.inf) / 1e6


def pipe_faults(asked: LinkProperties, said: LinkProperties | None) -> list[str]:
    """Where the pipe says it does something else than asked for, or nothing at all. Pure."""
    if said is None:
        return ["the pipe does not carry it"]
    found = []
    if not math.isclose(asked.delay_ms, said.delay_ms, rel_tol=1e-3, abs_tol=0.01):
        found.append(f"delay set to {_ms(said.delay_ms)} instead of {_ms(asked.delay_ms)}")
    jitter_ms = asked.achievable_jitter_ms  # a pipe cannot send before it received
    if not math.isclose(jitter_ms, said.achievable_jitter_ms, rel_tol=1e-3, abs_tol=0.01):
        found.append(f"jitter set to {_ms(said.jitter_ms)} instead of {_ms(jitter_ms)}")
    if asked.jitter_distribution is not said.jitter_distribution:
        found.append(f"jitter is {said.jitter_distribution} instead of {asked.jitter_distribution}")
    if asked.reorders != said.reorders:
        found.append("reorders frames" if said.reorders else "keeps the order of frames")
    if not bursts_alike(asked.burst_loss, said.burst_loss):
        found.append(f"losses {_bursts(said)} instead of {_bursts(asked)}")
    if not math.isclose(asked.loss_ratio, said.loss_ratio, rel_tol=1e-3, abs_tol=1e-6):
        found.append(f"loss set to {said.loss_ratio:.4%} instead of {asked.loss_ratio:.4%}")
    return found


def _bursts(properties: LinkProperties) -> str:
    bursts = properties.burst_loss
    if bursts is None:
        return "each by itself"
    return "in bursts ({:g}, {:g}, {:g}, {:g})".format(*astuple(bursts))


def _ms(milliseconds: float) -> str:
    return f"{round(milliseconds, 2):g} ms"  # finer than that is below what tc prints


def shape_faults(link: LinkLayout, interface: str, shape: Shaped | None) -> list[str]:
    """Where HTB at one end says it does something else than asked for, or is not there. Pure."""
    if shape is None:
        return [f"{interface} has no shaper"]
    found, asked = [], link.properties
    if not math.isclose(shape.rate_mbps, asked.rate_mbps, rel_tol=2e-3):
        found.append(f"rate set to {shape.rate_mbps:g} Mbit/s instead of {asked.rate_mbps:g} Mbit/s")
    if not link.classes and shape.link.queue_bytes != asked.queue_bytes:
        found.append(f"queue set to {shape.link.queue_bytes} bytes instead of {asked.queue_bytes} bytes")
    return found + class_faults(link, shape)
