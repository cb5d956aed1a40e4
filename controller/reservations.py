"""What was promised, or why not: the values that admission, flow tables, interface and experiments share.

Whole numbers throughout (bit/s, bits, nanoseconds), so that what is reserved and returned adds up exactly.
Rates and bursts are those of the network the promise is about: the real one (``rate_scale`` 1), or its
emulation, where rates are divided by the scenario's scale and frames keep their size.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from controller.paths import Path
from topology.emulation.layout import ETHERNET_HEADER_BYTES, MTU_BYTES
from topology.network import Demand

FRAME_BITS = 8 * (MTU_BYTES + ETHERNET_HEADER_BYTES)
FIRST_PORT, LAST_PORT = 50_000, 65_535  # dynamic ports (RFC 6335, section 6), so that no service is hit


@dataclass(frozen=True, slots=True)
class ReservedPath:
    """A path with a promise.

    Attributes:
        sites: site ids from source to destination, both included.
        propagation_ns: one-way latency of the empty path.
        bound_ns: no packet of the flow, sent within its contract, takes longer.
    """

    sites: Path
    propagation_ns: int
    bound_ns: int

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """The link directions it crosses, as ``(from, to)``."""
        return tuple(pairwise(self.sites))


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted demand. Its packets are told apart by the six-tuple of RFC 8939, section 5.1: addresses of
    the two hosts, transport protocol, destination port, DSCP.

    Attributes:
        port: destination port of its packets; with it, a pair of sites may hold many reservations.
        rate_bps, burst_bits: the token bucket its meter holds it to, in bits of Ethernet frames.
        primary: where its packets go.
        backup: where they go when the primary fails, disjoint from it as the demand's protection asks.
        failover_bound_ns: bound on a packet that meets the cut, turns back to the source's switch and takes
            the backup from there; the worst over all places of a single failure.
    """

    demand: Demand
    port: int
    rate_bps: int
    burst_bits: int
    primary: ReservedPath
    backup: ReservedPath | None = None
    failover_bound_ns: int | None = None

    @property
    def id(self) -> str:
        """The demand's id."""
        return self.demand.id

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)


class Constraint(StrEnum):
    """What stood against a demand."""

    DUPLICATE = "duplicate"  # a demand of this id is admitted already
    UNREACHABLE = "unreachable"  # no links lead there
    POLICY = "policy"  # none is left without the sites and operators to be avoided
    HOPS = "hops"
    DELAY = "delay"
    RATE = "rate"
    BURST = "burst"
    PROTECTION = "protection"  # a path exists, but no disjoint second one
    PORTS = "ports"  # all destination ports of the pair are taken


@dataclass(frozen=True, slots=True)
class Refusal:
    """A demand that was not admitted, and the nearest thing that would have been.

    Attributes:
        constraint: the one that failed.
        link, from_site: the link direction it failed on; empty where it is none.
        asked, available: both in ``unit`` (``bit/s``, ``bit``, ``ns``, ``hops``, or empty).
        possible: what would have been admitted instead, each alone with all else as asked: any of
            ``rate_bps``, ``burst_bits``, ``max_one_way_ns``, ``max_hops``, ``protection``.
        reason: all of it in one English sentence.
    """

    demand: Demand
    constraint: Constraint
    reason: str
    link: str = ""
    from_site: str = ""
    asked: int = 0
    available: int = 0
    unit: str = ""
    possible: dict[str, int | str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return asdict(self)


Answer = Reservation | Refusal
