"""Raw latency samples: their file, and what is computed from them.

The file is JSON lines, UTF-8. It is written line by line while the measurement runs, so a run that was killed
keeps what it had. The first line is the header::

    {"format": "onehop-latency-samples", "version": 1, "time_unit": "ns",
     "clock": "CLOCK_REALTIME, kernel time stamps", "protocol": "STAMP, RFC 8762, unauthenticated",
     "pairs": [["qingyang", "beijing"], ...],       source and destination site; a pair's number is its place
     "samples": 500, "interval_ms": 20.0, "dscp": 46, "payload_bytes": 44, "seed": 1, "wait_ms": 1000.0}

and each further line one test packet, in the order in which their waiting time ended::

    {"pair": 0, "seq": 17,           number of the pair, sequence number of the session sender from 0
     "scheduled": 1700000000000000000, when it should have been sent
     "t1": ...,                      left the sender
     "t2": ...,                      reached the reflector; null if it never did
     "t3": ...,                      the answer left the reflector; null if there was none
     "t4": ...,                      the answer reached the sender; null if it never did
     "lost": null,                   or "forward" or "backward"
     "reflector_seq": 17,            the reflector's own number in the answer; null without an answer
     "ttl_forward": 252,             TTL of the test packet at the reflector, sent as 255; null if lost
     "ttl_backward": 252,            TTL of the answer at the sender, sent as 255; null if lost
     "copies_forward": 1,            how often the reflector received it
     "copies_backward": 1,           how often an answer to it came back
     "late_forward": false,          it reached the reflector after one sent later (RFC 4737)
     "late_backward": false,         its answer came after one sent later
     "user_stamps": 0}               how many of t1, t3 had to be taken by the program, not by the kernel

A packet is lost when it has not come within ``wait_ms`` of being sent (RFC 7680 section 2.8.2). After the
last sample a line ``{"stray": [0, ...]}`` counts per pair the packets that belonged to no session; it is
missing when the run was cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from experiments.measurement.distribution import DelayVariation, Distribution
from topology.errors import InputError

FORMAT = "onehop-latency-samples"
VERSION = 1
_NS_PER_MS = 1e6
Pair = tuple[str, str]


@dataclass(slots=True)
class Sample:
    """One test packet; the fields are those of the file. Times in ns since the Unix epoch."""

    pair: int
    seq: int
    scheduled: int
    t1: int
    t2: int | None = None
    t3: int | None = None
    t4: int | None = None
    reflector_seq: int | None = None
    ttl_forward: int | None = None
    ttl_backward: int | None = None
    copies_forward: int = 0
    copies_backward: int = 0
    late_forward: bool = False
    late_backward: bool = False
    user_stamps: int = 0

    @property
    def lost(self) -> str | None:
        """``forward``, ``backward`` or, if the answer came back, ``None``."""
        if self.copies_backward:
            return None
        return "backward" if self.copies_forward else "forward"

    @property
    def forward_ms(self) -> float | None:
        """One-way delay to the reflector (RFC 7679)."""
        return None if self.t2 is None else (self.t2 - self.t1) / _NS_PER_MS

    @property
    def backward_ms(self) -> float | None:
        """One-way delay of the answer."""
        if self.t3 is None or self.t4 is None:
            return None
        return (self.t4 - self.t3) / _NS_PER_MS

    @property
    def rtt_ms(self) -> float | None:
        """(T4 - T1) - (T3 - T2): the time on the network, without the reflector's own."""
        if self.t2 is None or self.t3 is None or self.t4 is None:
            return None
        return ((self.t4 - self.t1) - (self.t3 - self.t2)) / _NS_PER_MS

    def to_json(self) -> str:
        """The sample as one line of the file."""
        fields: dict[str, Any] = asdict(self)
        fields["lost"] = self.lost
        return json.dumps(fields, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a pair. ``ttl_at_arrival`` lists each value seen once, ascending; sent as 255."""

    lost: int
    duplicated: int
    reordered: int
    delay_ms: Distribution | None
    variation: DelayVariation | None
    ttl_at_arrival: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """What the samples of one pair say.

    Attributes:
        sent: test packets sent; ``lost`` of the backward direction counts among those that arrived.
        rtt_ms: round trip without the reflector's own time; ``None`` if no answer came back.
        timer_error_ms: how much later than planned the packets left: the error of our own clockwork.
        stray: packets that belonged to no session of this pair.
        user_stamps: time stamps the kernel did not give, taken by the program instead.
    """

    source: str
    destination: str
    sent: int
    rtt_ms: Distribution | None
    rtt_variation: DelayVariation | None
    forward: Direction
    backward: Direction
    timer_error_ms: Distribution | None
    stray: int
    user_stamps: int

    @property
    def lost(self) -> int:
        """Packets lost on the way there or back."""
        return self.forward.lost + self.backward.lost

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)


def summarise(pair: Pair, samples: Iterable[Sample], *, stray: int = 0) -> LatencyResult:
    """Compute everything that is told of one pair from its samples, in any order."""
    ordered = sorted(samples, key=lambda sample: sample.seq)
    rtts_ms = [sample.rtt_ms for sample in ordered]
    answered = [sample for sample in ordered if sample.copies_forward]
    timer_errors_ms = [(sample.t1 - sample.scheduled) / _NS_PER_MS for sample in ordered]
    return LatencyResult(
        source=pair[0],
        destination=pair[1],
        sent=len(ordered),
        rtt_ms=Distribution.of(_known(rtts_ms)),
        rtt_variation=DelayVariation.of(rtts_ms),
        forward=_direction(
            lost=sum(sample.lost == "forward" for sample in ordered),
            duplicated=sum(max(0, sample.copies_forward - 1) for sample in ordered),
            reordered=sum(sample.late_forward for sample in ordered),
            delays_ms=[sample.forward_ms for sample in ordered],
            ttls=[sample.ttl_forward for sample in ordered],
        ),
        backward=_direction(
            lost=sum(sample.lost == "backward" for sample in ordered),
            duplicated=sum(max(0, sample.copies_backward - sample.copies_forward) for sample in answered),
            reordered=sum(sample.late_backward for sample in ordered),
            delays_ms=[sample.backward_ms for sample in ordered],
            ttls=[sample.ttl_backward for sample in ordered],
        ),
        timer_error_ms=Distribution.of(timer_errors_ms),
        stray=stray,
        user_stamps=sum(sample.user_stamps for sample in ordered),
    )


def _direction(
    *, lost: int, duplicated: int, reordered: int, delays_ms: list[float | None], ttls: list[int | None]
) -> Direction:
    return Direction(
        lost=lost,
        duplicated=duplicated,
        reordered=reordered,
        delay_ms=Distribution.of(_known(delays_ms)),
        variation=DelayVariation.of(delays_ms),
        ttl_at_arrival=tuple(sorted({ttl for ttl in ttls if ttl is not None})),
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def write_header(file: TextIO, pairs: Sequence[Pair], settings: dict[str, Any]) -> None:
    """Write the first line of a samples file; ``settings`` are the parameters of the measurement."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "time_unit": "ns",
        "clock": "CLOCK_REALTIME, kernel time stamps",
        "protocol": "STAMP, RFC 8762, unauthenticated",
        "pairs": [list(pair) for pair in pairs],
        **settings,
    }
    file.write(json.dumps(header, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_results(path: Path) -> dict[Pair, LatencyResult]:
    """Compute the results again from a samples file; one that was cut short gives what it has.

    Raises ``InputError`` if this is no samples file of a version we know.
    """
    pairs, samples, stray = _read(path)
    return {
        pair: summarise(pair, samples[number], stray=stray[number] if stray else 0)
        for number, pair in enumerate(pairs)
    }


def _read(path: Path) -> tuple[list[Pair], list[list[Sample]], list[int]]:
    samples: list[list[Sample]] = []
    pairs: list[Pair] = []
    stray: list[int] = []
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline())
            if header["format"] != FORMAT or header["version"] != VERSION:
                raise ValueError
            pairs = [(str(source), str(destination)) for source, destination in header["pairs"]]
            samples = [[] for _ in pairs]
            for line in file:
                if not line.endswith("\n"):
                    break  # the run was killed while writing it
                fields = json.loads(line)
                if "stray" in fields:
                    stray = fields["stray"]
                    continue
                del fields["lost"]  # follows from the rest
                sample = Sample(**fields)
                samples[sample.pair].append(sample)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise InputError(
            f"{path.name} is not a latency samples file of version {VERSION}", where=str(path)
        ) from None
    return pairs, samples, stray
