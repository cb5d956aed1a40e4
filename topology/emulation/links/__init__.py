"""What an emulated link promises, and what anything that realises it must offer.

Geometry, the same for every realisation (``=`` is a veth pair, ``|`` an OVS bridge)::

    | switch A | interface = wire ~~~~ wire = interface | switch B |
                 HTB: rate,       the pipe: delay,        HTB: rate,
                 queue (egress)   jitter, loss            queue (egress)

Rate and queue stand at the egress of the switch-side interface, so a full queue drops before the pipe and
never reorders. The pipe between the two wire ends is either the kernel (``netem``: mirred redirect + netem)
or our own delay line (``userspace``). Both know nothing of OVS, so each works with either OVS datapath.

Frames of ethertype ``packetsocket.ETH_P_LOAD`` only load a link's queue: sent at a switch-side interface,
they wait in HTB like any other, and the kernel takes them off at the wire end behind it. So background
traffic costs neither a switch nor a delay line anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from topology.burstloss import GilbertElliott
from topology.variation import JitterDistribution, least, most, quantile


@dataclass(frozen=True, slots=True)
class LinkProperties:
    """What one direction of an emulated link does; both directions of a link are alike.

    Attributes:
        rate_mbps: emulated rate of IP packets plus Ethernet header, after scaling.
        delay_ms: one-way delay of an empty link, never scaled.
        jitter_ms: width of the variation around ``delay_ms``, by the ``jitter_distribution``.
        loss_ratio: share of packets lost, 0 to 1: each by itself, unless there is ``burst_loss``.
        queue_bytes: what waits in front of the link at most, in bytes of Ethernet frames.
        burst_loss: how losses come in bursts; ``loss_ratio`` is its own then.
        reorders: whether a packet may overtake another that varied more; otherwise it waits for it.
    """

    rate_mbps: float
    delay_ms: float
    jitter_ms: float = 0.0
    loss_ratio: float = 0.0
    queue_bytes: int = 250_000
    jitter_distribution: JitterDistribution = JitterDistribution.UNIFORM
    burst_loss: GilbertElliott | None = None
    reorders: bool = False

    @property
    def achievable_jitter_ms(self) -> float:
        """``jitter_ms``, or what of it is left where the delay would come below nothing."""
        return min(self.jitter_ms, self.delay_ms / -least(self.jitter_distribution))

    @property
    def median_delay_ms(self) -> float:
        """The delay that half of all packets do not exceed: of a skewed distribution not ``delay_ms``."""
        return self.delay_ms + quantile(self.jitter_distribution, 0.5) * self.achievable_jitter_ms

    @property
    def least_delay_ms(self) -> float:
        """The shortest delay of an empty link, of any packet."""
        return max(0.0, self.delay_ms + least(self.jitter_distribution) * self.achievable_jitter_ms)

    @property
    def most_delay_ms(self) -> float:
        """The longest delay of an empty link, of any packet."""
        return self.delay_ms + most(self.jitter_distribution) * self.achievable_jitter_ms

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LinkProperties:
        """The properties whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        typed = dict(fields)
        if "jitter_distribution" in typed:
            typed["jitter_distribution"] = JitterDistribution(typed["jitter_distribution"])
        if typed.get("burst_loss") is not None:
            typed["burst_loss"] = GilbertElliott(**typed["burst_loss"])
        return cls(**typed)


@dataclass(frozen=True, slots=True)
class Wire:
    """The two wire ends of one link, as interface names in the current network namespace."""

    link: str
    a: str
    b: str
    properties: LinkProperties


class Pipe(Protocol):
    """Carries frames between the wire ends of many links: delay, jitter, loss. Takes ``ETH_P_LOAD`` off."""

    name: str
    pid: int
    """The process that carries them, also after it has died; 0 where it is the kernel, or none yet."""

    def prepare(self) -> None:
        """Begin what takes a while and needs no wires; ``start`` does it where nobody has asked for it."""

    def start(self, wires: Sequence[Wire], seed: int) -> None:
        """Begin to carry frames on all ``wires`` (interfaces exist and are up). Returns when it does.

        Raises ``EmulationError`` naming the link that could not be realised.
        """

    def change(self, link: str, properties: LinkProperties) -> None:
        """Give a running link other properties (delay, jitter, loss); whether it reorders stays as it is."""

    def silence(self, link: str, *, forth: bool, back: bool) -> None:
        """Lose every frame from a to b (``forth``), from b to a (``back``), those under way too; or no more.

        The interfaces keep their carrier, as with a broken amplifier, or a fault behind one.
        """

    def declared(self) -> dict[str, LinkProperties]:
        """What the pipe itself says it is doing, read back from it, by link id."""

    def alive(self) -> bool:
        """Whether the pipe still carries frames; a pipe in user space may have been killed."""

    def stop(self) -> None:
        """Stop carrying frames; safe to call twice."""
