"""Trains of frames that measure a rate: how long, how fast, and the rate they show at the receiver. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from topology.emulation.injection import Direction, Sightings, Train
from topology.emulation.links.buckets import FRAME_BYTES

TRAIN_FRAMES = 40  # a train has at least so many, smaller ones on a slow link
SMALLEST_TRAIN_FRAME_BYTES = 200
LEAST_STRETCHES = 5  # of a train, to say anything about its rate
AHEAD_SHARE = 0.9  # of the queue, which a train fills at once


def train_of(rate_mbps: float, queue_bytes: int, burst: int, seconds: float) -> Train:
    """A train that measures a rate: HTB's ``burst`` in bytes, then ``seconds``, or as many as it takes."""
    wanted_bytes = rate_mbps * 1e6 / 8 * seconds
    frame_bytes = min(FRAME_BYTES, max(SMALLEST_TRAIN_FRAME_BYTES, int(wanted_bytes / TRAIN_FRAMES)))
    after_burst = max(TRAIN_FRAMES, math.ceil(wanted_bytes / frame_bytes))
    return Train(
        frames=after_burst + burst_frames(burst, frame_bytes),
        frame_bytes=frame_bytes,
        ahead_bytes=int(AHEAD_SHARE * queue_bytes),
    )


def burst_frames(burst: int, frame_bytes: int) -> int:
    """How many frames may pass at once before HTB holds them to the rate."""
    return math.ceil(burst / frame_bytes) + 1


def measured_rate_mbps(seen: Sightings, train: Train, burst: int) -> float | None:
    """Rate at the receiver of what left after HTB's ``burst`` was spent; lost frames count as sent.

    The median over all stretches of a quarter of the train: a machine that stops for some milliseconds, as
    virtual ones do, spoils some of them. At every stretch HTB may catch up a burst, at most.
    """
    place = {number: index for index, (number, _at) in enumerate(seen.left)}
    spent = burst_frames(burst, train.frame_bytes)
    steady = [(place[n], at) for n, at in seen.arrived if place.get(n, -1) >= spent]
    stretch = max(1, len(steady) // 4)
    rates = [
        (last - first) * train.frame_bytes * 8e3 / (ended_ns - begun_ns)
        for (first, begun_ns), (last, ended_ns) in zip(steady, steady[stretch:], strict=False)
        if ended_ns > begun_ns
    ]
    return statistics.median(rates) if len(rates) >= LEAST_STRETCHES else None


def groups_of(
    directions: Sequence[Direction], wholes: Sequence[Mapping[int, Train]], frames_per_second: float
) -> list[dict[int, Train]]:
    """Trains that together stay below ``frames_per_second``; what is a whole stays together."""
    groups: list[dict[int, Train]] = []
    load = math.inf
    for whole in wholes:
        per_second = sum(
            directions[number].rate_mbps * 1e6 / 8 / train.frame_bytes for number, train in whole.items()
        )
        if load + per_second > frames_per_second:
            groups.append({})
            load = 0.0
        groups[-1].update(whole)
        load += per_second
    return groups
