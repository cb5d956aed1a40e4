"""``summary.json`` of the experiment ``determinism``: what was promised, and what became of every packet.

Delays are one-way, from the kernel's stamp at the source host to its stamp at the destination host, in
milliseconds. Rates and bursts are those of the emulation (real ones over ``rate_scale``), in Ethernet frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from experiments.measurement.distribution import percentile
from experiments.results.manifest import Host
from experiments.results.model import ResultModel
from experiments.results.summary import Conclusion
from topology.network import Text

Phase = Literal["idle", "loaded", "best-effort"]
"""Single packets on the empty network; greedy flows among adversaries; the same without reservations."""
PHASES: tuple[Phase, ...] = ("idle", "loaded", "best-effort")
_NS_PER_MS = 1e6


class Delays(ResultModel):
    """One flow in one phase. A percentile is a delay that was really measured; ``None`` if nothing came."""

    sent: int
    lost: int
    duplicated: int
    reordered: int
    min_ms: float | None
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None

    @classmethod
    def of(
        cls, delays_ns: Sequence[int], *, sent: int, lost: int, duplicated: int = 0, reordered: int = 0
    ) -> Self:
        """Condense the delays of the packets that came."""
        ordered = sorted(delays_ns)
        figures: tuple[float | None, ...] = (None,) * 5
        if ordered:
            thousandth = ordered[-(-999 * len(ordered) // 1000) - 1]
            found = (ordered[0], percentile(ordered, 50), percentile(ordered, 99), thousandth, ordered[-1])
            figures = tuple(round(value / _NS_PER_MS, 6) for value in found)
        names = ("min_ms", "p50_ms", "p99_ms", "p999_ms", "max_ms")
        return cls(
            sent=sent,
            lost=lost,
            duplicated=duplicated,
            reordered=reordered,
            **dict(zip(names, figures, strict=True)),
        )


class Processing(ResultModel):
    """The emulator's own time for a packet: delay of single packets on the idle network beyond propagation.

    A real network's forwarding is part of the scenario's delays; the emulator's comes on top and is no part
    of any bound. ``max_ms`` is the processing term that a packet may exceed its bound by.
    """

    packets: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class Sent(ResultModel):
    """What a flow really sent while the network was loaded, checked against its token bucket."""

    packets: int
    mbps: float
    """Mean over the phase, pauses included."""
    largest_burst_bits: int
    """Most that any stretch of time held beyond the rate; at most the contract's burst if it conformed."""
    excess_bits: int
    """By how much that is more than the contract's burst."""
    conforming: bool


class PromisedFlow(ResultModel):
    """One admitted flow that keeps to its contract."""

    id: str
    source: str
    destination: str
    source_name: Text
    destination_name: Text
    path: tuple[str, ...]
    rate_mbps: float
    burst_bits: int
    propagation_ms: float
    """One-way delay of the empty path."""
    promised_ms: float
    """The bound that the controller promised."""
    guaranteed_ms: float
    """The same computed from the rates and bursts that the links were read back to have: the bound tested."""
    tight_ms: float | None
    """Bound for exactly these flows, the least of several methods of network calculus."""
    real_ms: float | None
    """What would be promised on the real network, whose frames are short beside its rates."""
    processing: Processing
    sent: Sent
    idle: Delays
    loaded: Delays
    best_effort: Delays
    beyond_bound: int
    """Packets later than ``guaranteed_ms``."""
    violations: int
    """Packets later than ``guaranteed_ms`` and the processing term together; lost ones are counted apart."""
    beyond_tight: int
    """Packets later than ``tight_ms`` (if there is one) and the processing term together."""
    best_effort_beyond: int
    """Packets without reservation later than the bound that it would have given."""

    @property
    def ratio(self) -> float | None:
        """Worst delay under load over the bound."""
        return None if self.loaded.max_ms is None else self.loaded.max_ms / self.guaranteed_ms

    @property
    def best_effort_failed_ratio(self) -> float:
        """Share of packets without reservation that were lost, or came later than the bound."""
        sent = self.best_effort.sent
        return (self.best_effort.lost + self.best_effort_beyond) / sent if sent else 0.0


class Liar(ResultModel):
    """The flow that sends more than it asked for. Only its own excess may be lost."""

    rate_mbps: float
    burst_bits: int
    path: tuple[str, ...]
    sent_mbps: float
    received_mbps: float
    due_mbps: float
    """What a policer of its contract would have let pass of what it sent."""
    sent: int
    lost: int

    @property
    def got_its_due(self) -> bool:
        """Whether it received what its contract entitles it to, but for a hundredth."""
        return self.received_mbps >= 0.99 * self.due_mbps

    @property
    def cut(self) -> bool:
        """Whether its excess was kept from the network, but for the bucket's depth."""
        return self.received_mbps <= 1.2 * self.due_mbps


class Crowd(ResultModel):
    """Best effort from host to host through the switches, beside the frames that fill the queues."""

    source: str
    destination: str
    sent: int
    lost: int
    sent_mbps: float


class Flooded(ResultModel):
    """One link direction under best effort: frames and rate offered to its queue, and frames it dropped
    (the crowd's among them).
    """

    link: str
    source: str
    destination: str
    rate_mbps: float
    offered_mbps: float
    offered: int
    dropped: int

    @property
    def ratio(self) -> float:
        """What was offered, over the link's rate."""
        return self.offered_mbps / self.rate_mbps


class ClassCheck(ResultModel):
    """One class of one link direction: declared, as the kernel says, and measured while all wanted more."""

    link: str
    source: str
    destination: str
    name: str
    declared_mbps: float
    set_mbps: float | None
    burst_bytes: int | None
    queue_bytes: int | None
    achieved_mbps: float | None


class DeterminismSummary(Conclusion):
    """Everything a run of ``determinism`` found; complete in itself."""

    packets: int
    """Packets of flows that keep to their contracts, sent while the network was loaded."""
    lost: int
    duplicated: int
    beyond_bound: int
    beyond_tight: int
    violations: int
    method: str
    """How the tight bounds were found."""
    flows: tuple[PromisedFlow, ...]
    refused: dict[str, str]
    """Demands that were not admitted, and why."""
    liar: Liar | None
    crowd: Crowd
    flooded: tuple[Flooded, ...]
    classes: tuple[ClassCheck, ...]
    host: Host

    @property
    def worst(self) -> PromisedFlow | None:
        """The flow that came nearest to its bound."""
        return max(self.flows, key=lambda flow: flow.ratio or 0.0, default=None)

    @property
    def dropped_ratio(self) -> float:
        """Share of the best effort offered to all queues that they dropped."""
        offered = sum(each.offered for each in self.flooded)
        return sum(each.dropped for each in self.flooded) / offered if offered else 0.0

    @property
    def largest_burst_ratio(self) -> float:
        """Largest burst of any flow over that of its contract; at most 1 if all conformed."""
        return max((flow.sent.largest_burst_bits / flow.burst_bits for flow in self.flows), default=0.0)
