"""Does every class of a link get its rate when all want more? Trains for all of them at once. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from topology.emulation.injection import Direction, Sightings, Train
from topology.emulation.layout import LinkLayout
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.classes import ClassName, LinkClass
from topology.emulation.links.shaped import Shaped, ShapedClass
from topology.emulation.links.shaping import MINORS
from topology.emulation.reading import ClassReading
from topology.emulation.trains import measured_rate_mbps, train_of

AHEAD_SHARE = 0.5  # of a train sent at once, if the queue holds it: a sender held up shall do no harm


@dataclass(frozen=True, slots=True)
class Contender:
    """One class of one direction of a link, with the frames that shall measure it."""

    link_class: LinkClass
    direction: Direction

    @classmethod
    def all_of(cls, link: LinkLayout, direction: Direction) -> list[Contender]:
        """Every class of a link, in one ``direction`` of it."""
        return [
            cls(
                each,
                Direction(
                    direction.sender,
                    direction.receiver,
                    direction.delay_ms,
                    each.rate_bps / 1e6,
                    dscp=each.dscp[0] if each.dscp else None,
                ),
            )
            for each in link.classes
        ]


def contending_trains(contenders: Sequence[Contender], seconds: float) -> list[Train]:
    """One train each, all of one length, long enough to measure the slowest at its own rate."""
    alone = [_train(contender.link_class, seconds) for contender in contenders]
    longest_s = max(
        train.frames * train.frame_bytes * 8 / contender.link_class.rate_bps
        for train, contender in zip(alone, contenders, strict=True)
    )
    return [_train(contender.link_class, longest_s) for contender in contenders]


def _train(each: LinkClass, seconds: float) -> Train:
    train = train_of(each.rate_bps / 1e6, each.queue_bytes, _spent_bytes(each), seconds)
    ahead_bytes = max(2 * FRAME_BYTES, round(train.frames * train.frame_bytes * AHEAD_SHARE))
    return replace(train, ahead_bytes=min(train.ahead_bytes, ahead_bytes))


def _spent_bytes(each: LinkClass) -> int:
    """What a class sends until its burst is spent: it goes at its ceil, and tokens come in at its rate."""
    return math.ceil(each.burst_bytes * each.ceil_bps / max(1, each.ceil_bps - each.rate_bps))


def class_reading(each: LinkClass, said: ShapedClass | None, seen: Sightings, train: Train) -> ClassReading:
    """What was seen of one class."""
    return ClassReading(each, said, measured_rate_mbps(seen, train, _spent_bytes(each)))


def class_faults(link: LinkLayout, shaped: Shaped) -> list[str]:
    """Where the kernel says something else of a link's classes than was asked for."""
    found = []
    for each in link.classes:
        said = shaped.classes.get(MINORS[each.name])
        if said is None:
            found.append(f"class {each.name} is missing")
            continue
        for what, is_, asked, unit in (
            ("rate", said.rate_bps, each.rate_bps, "bit/s"),
            ("ceiling", said.ceil_bps, each.ceil_bps, "bit/s"),
            ("burst", said.burst_bytes, each.burst_bytes, "bytes"),
        ):
            if not math.isclose(is_, asked, rel_tol=5e-3):
                found.append(f"class {each.name}: {what} set to {is_} {unit} instead of {asked} {unit}")
        if said.queue_bytes != each.queue_bytes:
            queues = f"{said.queue_bytes} bytes instead of {each.queue_bytes} bytes"
            found.append(f"class {each.name}: queue set to {queues}")
        if said.dscp != tuple(sorted(each.dscp)):
            found.append(f"class {each.name} takes DSCP {list(said.dscp)} instead of {sorted(each.dscp)}")
    return found


def said_of(shaped: Shaped | None, name: ClassName) -> ShapedClass | None:
    """What the kernel says of one class; ``None`` where there is none."""
    return None if shaped is None else shaped.classes.get(MINORS[name])
