"""What a contract flow is, its packets, and when they leave. Pure.

Each packet is UDP and carries the flow's number, its own number and the time of sending. Sizes count the
Ethernet frame with its header, as contracts do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Any

from experiments.measurement.endpoint import Endpoint

PAYLOAD = struct.Struct("!4sHIQ")  # magic, flow, number, ns of CLOCK_REALTIME at which it was sent
MAGIC = b"1hct"
HEADER_BYTES = 14 + 20 + 8  # Ethernet, IPv4, UDP
LARGEST_BYTES, SMALLEST_BYTES = 1514, 128
SIZES = (LARGEST_BYTES, 900, 450, 225)  # a flow takes another one in every episode
CLOCK_MARGIN_NS = 300_000  # of rate kept back, since the kernel stamps a packet later than we send it
EPOCH_NS = 250_000_000
_TOGETHER = 0.5  # share of epochs in which all flows begin at the same moment
_SPREAD = 0.2  # of an epoch, over which the beginnings lie otherwise
_LASTS = (0.5, 0.75)  # of an epoch


class Behaviour(StrEnum):
    """What a flow makes of its contract."""

    GREEDY = "greedy"  # full burst at once, then packets at exactly the rate; pauses that refill the bucket
    SPARSE = "sparse"  # single packets, far apart: they show what the way itself takes
    STEADY = "steady"  # packets at exactly the rate, without bursts and without end


@dataclass(frozen=True, slots=True)
class ContractFlow:
    """A flow from a host to a UDP port of another.

    Attributes:
        rate_bps, burst_bits: the token bucket it keeps to, in bits of Ethernet frames.
        behaviour: what it makes of that.
        counted: whether its packets count towards those that are to be sent.
    """

    id: str
    source: Endpoint
    destination: Endpoint
    port: int
    rate_bps: int
    burst_bits: int
    behaviour: Behaviour = Behaviour.GREEDY
    counted: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ContractFlow:
        """Read back what ``to_dict`` gave."""
        ends = {name: Endpoint(**fields[name]) for name in ("source", "destination")}
        return cls(**{**fields, **ends, "behaviour": Behaviour(fields["behaviour"])})

    @property
    def usable_bits(self) -> int:
        """How much of the bucket is used: the rest allows for the error of our clockwork."""
        return max(SMALLEST_BYTES * 8, self.burst_bits - self.rate_bps * CLOCK_MARGIN_NS // 10**9)


@dataclass(frozen=True, slots=True)
class Episode:
    """When a flow sends: from ``begin_ns`` to ``end_ns`` after the start, in frames of ``frame_bytes``."""

    begin_ns: int
    end_ns: int
    frame_bytes: int


def episodes(flow: ContractFlow, number: int, seed: int) -> Iterator[Episode]:
    """All episodes of a flow, without end. After each the pause is long enough to refill the bucket.

    In half of the epochs all greedy flows begin at the same moment, with full buckets: the worst that they
    can do to each other. In the others each begins at a moment of its own.
    """
    most_bytes = flow.usable_bits // 8
    refill_ns = -(-flow.burst_bits * 10**9 // flow.rate_bps)
    epoch_ns = max(EPOCH_NS, 4 * refill_ns)
    own, epoch = Random(f"{seed}/{number}"), 0
    while True:
        together = Random(f"{seed}/epoch {epoch}").random() < _TOGETHER
        offset_ns = 0 if together else round(own.random() * _SPREAD * epoch_ns)
        lasts_ns = round(own.uniform(*_LASTS) * epoch_ns)
        frame_bytes = max(SMALLEST_BYTES, min(own.choice(SIZES), most_bytes))
        begin_ns = epoch * epoch_ns + offset_ns
        yield Episode(begin_ns, min(begin_ns + lasts_ns, (epoch + 1) * epoch_ns - refill_ns), frame_bytes)
        epoch += 1


class Pace:
    """When the packets of one flow leave. Times in ns after the start of all flows; never goes back."""

    def __init__(self, flow: ContractFlow, number: int, seed: int, sparse_ns: int) -> None:
        """``sparse_ns``: between two packets of a sparse flow."""
        self._flow = flow
        self._seed = seed
        self._own = Random(f"{seed}/{number}/sizes")
        self._sparse_ns = sparse_ns
        self._depth_bits = flow.usable_bits
        self._bits_per_ns = flow.rate_bps / 1e9
        self._tokens = float(self._depth_bits)
        self._filled_ns = 0
        self._episodes = episodes(flow, number, seed)
        self._episode = next(self._episodes)
        steady_bytes = min(LARGEST_BYTES, self._depth_bits // 8)
        self.frame_bytes = self._episode.frame_bytes
        match flow.behaviour:
            case Behaviour.GREEDY:
                self.due_ns = self._episode.begin_ns
            case Behaviour.SPARSE:
                self.due_ns = round(self._own.random() * sparse_ns)
            case Behaviour.STEADY:
                self.frame_bytes = steady_bytes
                self.due_ns = round(self._own.random() * self._gap_ns(steady_bytes))

    def sent(self, at_ns: int) -> None:
        """A packet of ``frame_bytes`` has left at ``at_ns``; works out when the next one does."""
        match self._flow.behaviour:
            case Behaviour.GREEDY:
                self._spend(at_ns)
                self._next_of_episode(at_ns)
            case Behaviour.SPARSE:
                self.due_ns += round(self._sparse_ns * self._own.uniform(0.5, 1.5))
                self.frame_bytes = max(SMALLEST_BYTES, min(self._own.choice(SIZES), self._depth_bits // 8))
            case Behaviour.STEADY:
                self.due_ns = max(self.due_ns + self._gap_ns(self.frame_bytes), at_ns)

    def _spend(self, at_ns: int) -> None:
        gained = (at_ns - self._filled_ns) * self._bits_per_ns
        self._tokens = min(self._depth_bits, self._tokens + gained) - 8 * self.frame_bytes
        self._filled_ns = at_ns

    def _next_of_episode(self, at_ns: int) -> None:
        missing = 8 * self.frame_bytes - self._tokens
        self.due_ns = at_ns if missing <= 0 else at_ns + int(missing / self._bits_per_ns) + 1
        while self.due_ns >= self._episode.end_ns:
            self._episode = next(self._episodes)
            self.due_ns = max(self._episode.begin_ns, at_ns)
            self.frame_bytes = self._episode.frame_bytes

    def _gap_ns(self, frame_bytes: int) -> int:
        return round(8 * frame_bytes / self._bits_per_ns)
