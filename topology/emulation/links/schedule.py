"""When a frame leaves one direction of a link: delay, jitter, loss and a bounded queue. Pure.

A frame that arrived at time t leaves at ``max(t + delay + variation, the previous frame's time)``: never
early, never before an earlier frame. Frames closer together than the variation is wide are therefore held
back by their predecessors, as on a real link that varies but does not reorder (netem with a rate does the
same). A link that reorders sends each at its own time. Frames may be read out of order, as every processor
has a backlog of its own; the kernel's stamps say when each came, and they leave in that order. Losses and
jitter are drawn from two generators of their own, so that changing one of the two leaves the other's sequence
as it was.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from topology.burstloss import GilbertElliott
from topology.emulation.links import LinkProperties
from topology.variation import JitterDistribution, quantile

QUEUE_MARGIN_BYTES = 512 * 1024  # eight full GSO frames
QUEUE_MARGIN_MS = 20.0  # what piles up while the process waits for a processor
BACKLOGS_APART_NS = 10_000_000  # frames read in the wrong order came this close; else the clock was set


class Counting(Protocol):
    """What either core counts of a direction; times in ns."""

    frames: int
    size_bytes: int
    lost: int
    silenced: int
    overflow: int
    late_sum_ns: int
    late_max_ns: int


@dataclass(slots=True)
class Counters:
    """What one direction has done since its start; times in µs.

    Attributes:
        frames: frames passed on, ``size_bytes`` their sum.
        lost: lost at random, as declared.
        silenced: lost because the direction was silent.
        overflow: dropped because the queue or the socket's buffer was full, or refused by the interface.
        late_mean_us: how long after its due time a frame was handed to the kernel, ``late_max_us`` at worst.
    """

    frames: int = 0
    size_bytes: int = 0
    lost: int = 0
    silenced: int = 0
    overflow: int = 0
    late_mean_us: float = 0.0
    late_max_us: float = 0.0

    @classmethod
    def of(cls, seen: Counting) -> Counters:
        """What a core has counted so far."""
        return cls(
            frames=seen.frames,
            size_bytes=seen.size_bytes,
            lost=seen.lost,
            silenced=seen.silenced,
            overflow=seen.overflow,
            late_mean_us=round(seen.late_sum_ns / seen.frames / 1e3, 1) if seen.frames else 0.0,
            late_max_us=round(seen.late_max_ns / 1e3, 1),
        )


class DelayQueue:
    """One direction of a link. Frames are bytes; times are ns of one clock of the caller's."""

    __slots__ = (
        "_bursts",
        "_delay_ns",
        "_held_bytes",
        "_jitter",
        "_limit_bytes",
        "_loses",
        "_loss",
        "_released_ns",
        "_vary",
        "_waiting",
        "frames",
        "late_max_ns",
        "late_sum_ns",
        "lost",
        "overflow",
        "properties",
        "silenced",
        "silent",
        "size_bytes",
    )

    def __init__(self, properties: LinkProperties, seed: str) -> None:
        """``seed`` fixes every loss and every variation of this direction."""
        self._loss = Random(f"{seed}/loss")
        self._jitter = Random(f"{seed}/jitter")
        self._waiting: deque[tuple[int, int, bytes]] = deque()  # due, stamp, frame; in order of both
        self._loses: Callable[[], bool] | None = None
        self._bursts: GilbertElliott | None = None
        self._held_bytes = 0
        self._released_ns = 0  # when the last frame that has left was due
        self.silent = False  # whoever sends what ``pop`` gives must look: frames under way are lost as well
        self.frames = self.size_bytes = self.lost = self.silenced = self.overflow = 0
        self.late_sum_ns = self.late_max_ns = 0
        self.change(properties)

    def change(self, properties: LinkProperties) -> None:
        """Give the frames that arrive from now on other properties; those waiting keep their times."""
        self.properties = properties
        self._delay_ns = round(properties.delay_ms * 1e6)
        # A variation wider than the delay would ask for frames before they came.
        jitter_ns = round(properties.achievable_jitter_ms * 1e6)
        self._vary = variation(properties.jitter_distribution, jitter_ns, self._jitter) if jitter_ns else None
        if properties.burst_loss is None:
            self._loses = alone(properties.loss_ratio, self._loss) if properties.loss_ratio else None
        elif properties.burst_loss != self._bursts:  # one that stays keeps its state
            self._loses = properties.burst_loss.chain(self._loss.random)
        self._bursts = properties.burst_loss
        self._limit_bytes = limit_bytes(properties)

    def push(self, frame: bytes, arrived_ns: int, stamp_ns: int) -> int | None:
        """Take a frame; its due time if it is now the first one waiting, else ``None``.

        ``stamp_ns`` says which came first, by whatever clock; ``arrived_ns`` may be a little off from frame
        to frame, as it was converted from one clock to another.
        """
        if self.silent:
            self.silenced += 1
            return None
        if self._loses is not None and self._loses():
            self.lost += 1
            return None
        if self._held_bytes + len(frame) > self._limit_bytes:
            self.overflow += 1
            return None
        due_ns = arrived_ns + self._delay_ns
        if self._vary is not None:
            due_ns += self._vary()
        waiting = self._waiting
        place = len(waiting)
        while place and 0 < waiting[place - 1][1] - stamp_ns < BACKLOGS_APART_NS:
            place -= 1
        due_ns = max(due_ns, waiting[place - 1][0] if place else self._released_ns)
        if place < len(waiting):
            due_ns = min(due_ns, waiting[place][0])
        waiting.insert(place, (due_ns, stamp_ns, frame))
        self._held_bytes += len(frame)
        return due_ns if len(waiting) == 1 else None

    def pop(self) -> bytes:
        """Remove and return the first frame waiting."""
        self._released_ns, _stamp_ns, frame = self._waiting.popleft()
        self._held_bytes -= len(frame)
        return frame

    def next_due_ns(self) -> int | None:
        """When the first frame waiting is due; ``None`` if none waits."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def held_bytes(self) -> int:
        """Bytes waiting; never above ``limit_bytes(properties)`` at the time they came."""
        return self._held_bytes

    def counters(self) -> Counters:
        """The counters so far."""
        return Counters.of(self)


class ReorderingQueue(DelayQueue):
    """One direction of a link that reorders: each frame leaves at its own time, whatever the others do.

    It is asked for each frame by itself: ``push`` tells every due time, and ``next_due_ns`` none, so that
    whoever drains it keeps a reminder for each frame.
    """

    __slots__ = ("_frames", "_number")

    def __init__(self, properties: LinkProperties, seed: str) -> None:
        super().__init__(properties, seed)
        self._frames: list[tuple[int, int, bytes]] = []
        self._number = 0

    def push(self, frame: bytes, arrived_ns: int, stamp_ns: int) -> int | None:
        """Take a frame; its due time, or ``None`` if it is lost."""
        if super().push(frame, arrived_ns, stamp_ns) is None:
            return None
        due_ns, _stamp_ns, _frame = self._waiting.pop()
        self._number += 1
        heapq.heappush(self._frames, (due_ns, self._number, frame))
        return due_ns

    def pop(self) -> bytes:
        """Remove and return the first frame due."""
        _due_ns, _number, frame = heapq.heappop(self._frames)
        self._held_bytes -= len(frame)
        return frame


def queue_of(properties: LinkProperties, seed: str) -> DelayQueue:
    """The queue that does what ``properties`` say of order."""
    return (ReorderingQueue if properties.reorders else DelayQueue)(properties, seed)


def variation(distribution: JitterDistribution, jitter_ns: int, source: Random) -> Callable[[], int]:
    """What the next frame's delay varies by, and the next, in ns; drawn from ``source``."""
    if distribution is JitterDistribution.UNIFORM:
        return lambda: round(source.uniform(-jitter_ns, jitter_ns))
    return lambda: round(jitter_ns * quantile(distribution, source.random()))


def alone(loss_ratio: float, source: Random) -> Callable[[], bool]:
    """Whether the next frame is lost, and the next, each by itself; drawn from ``source``."""
    return lambda: source.random() < loss_ratio


def limit_bytes(properties: LinkProperties) -> int:
    """The most one direction holds: what is in flight at the full rate, and a margin."""
    flight_ms = properties.most_delay_ms + QUEUE_MARGIN_MS
    return round(properties.rate_mbps * 1e3 / 8 * flight_ms) + QUEUE_MARGIN_BYTES
