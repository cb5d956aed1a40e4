"""What a calibration says of a machine, and of which machine. Values with a file of their own, and a place in
every manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from experiments.results.model import ResultModel

CALIBRATION_VERSION = 1
"""Version of the calibration file. Raised whenever a field comes, goes or changes its meaning."""

Bound = Literal["delay", "loss", "sender", "unbounded"]
"""What kept a load from being larger: frames came late; frames were lost; the machine could not send more;
nothing up to the largest load that is tried."""


class Lateness(ResultModel):
    """Percentiles of times in µs, each one that occurred (RFC 2330 section 11.3)."""

    count: int
    p50_us: float
    p99_us: float
    p99_9_us: float
    max_us: float

    @classmethod
    def of(cls, values_us: Sequence[float]) -> Lateness:
        """Of values in any order, at least one."""
        ordered = sorted(values_us)
        return cls(
            count=len(ordered),
            p50_us=round(_per_mille(ordered, 500), 1),
            p99_us=round(_per_mille(ordered, 990), 1),
            p99_9_us=round(_per_mille(ordered, 999), 1),
            max_us=round(ordered[-1], 1),
        )


class Limit(ResultModel):
    """When a link still does what it declares under load.

    ``delay_ms``: half of the frames may be late by so much at most; ``delay_p99_ms``: 99 of 100 frames.
    ``loss_ratio``: of all frames, this share may be lost.
    """

    delay_ms: float = Field(default=0.25, gt=0)
    delay_p99_ms: float = Field(default=1.0, gt=0)
    loss_ratio: float = Field(default=0.001, ge=0, lt=1)

    def over(self, links: int) -> Limit:
        """The same for a path of so many links: each may be late by as much."""
        return Limit(
            delay_ms=self.delay_ms * links,
            delay_p99_ms=self.delay_p99_ms * links,
            loss_ratio=self.loss_ratio,
        )


class Capacity(ResultModel):
    """The largest load within the limit.

    Of links side by side, bare and each loaded one way: figures of all together. Of a flow from host to host,
    over so many links one after the other and the switches between them: figures of the flow. ``added`` is
    the delay beyond the declared one under that load, ``bound`` what kept it from being larger.
    """

    links: int
    frame_bytes: int
    rate_mbps: float
    packets_per_s: float
    added: Lateness | None
    """``None`` where not even the smallest load was within the limit."""
    bound: Bound


class Machine(ResultModel):
    """What a calibration holds for; with another kernel, program or processor it says nothing."""

    kernel: str
    cpu_model: str
    cpu_count: int
    pipe: Literal["netem", "userspace"]
    datapath: Literal["kernel", "userspace"]
    links: str
    """Digest of the program text that realises links."""
    onehop: str
    python: str
    iproute2: str
    ovs: str

    def differences(self, now: Machine) -> list[str]:
        """What has changed since, a phrase each; empty if this calibration holds ``now``."""
        then, later = self.model_dump(), now.model_dump()
        return [
            f"{name} was {then[name] or 'unknown'}, is {later[name] or 'unknown'}"
            for name in then
            if then[name] != later[name]
        ]


class Calibration(ResultModel):
    """What this machine can do. ``created`` is UTC, ISO 8601."""

    calibration_version: int = CALIBRATION_VERSION
    created: str
    machine: Machine
    limit: Limit
    busy_ratio: float
    """Share of all CPU time in use while nothing was loaded: other work on the machine."""
    steal_ratio: float
    """Share of all CPU time that the hypervisor gave to others meanwhile."""
    floor: Lateness
    """Delay of a frame across a bare pair of interfaces: part of any delay measured here."""
    timer: Lateness
    """How late a timer wakes a waiting process."""
    added: Lateness
    """Delay of an idle link beyond the declared one."""
    path: Lateness
    """Delay of an idle path beyond that of its links: what the switches between them take."""
    capacities: tuple[Capacity, ...]
    """One link and many side by side, full frames (largest rate) and small ones (most packets)."""
    flow: Capacity
    """A flow of full frames through switches."""

    @property
    def one_link_mbps(self) -> float:
        """The largest rate of one link."""
        return max((c.rate_mbps for c in self.capacities if c.links == 1), default=0.0)

    @property
    def links_mbps(self) -> float:
        """The largest rate of many links together."""
        return max((c.rate_mbps for c in self.capacities if c.links > 1), default=0.0)


def _per_mille(ordered: Sequence[float], share: int) -> float:
    """The smallest value that ``share`` of 1000 do not exceed, of values in ascending order."""
    return ordered[-(-share * len(ordered) // 1000) - 1]
