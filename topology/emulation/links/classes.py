"""How a link is divided into classes: rates, queues, and which packets belong where. Pure.

Three classes share a link that sets something aside for reserved traffic: *control*, what switches say to
each other; *reserved*, what admitted demands send; *rest*, everything else, frames without IP among it. Each
is guaranteed its rate, and the three rates add up to the link's. What one leaves unused the others may
borrow, in this order. The controller's promises (``controller.link_service``) are computed from the same
functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from topology.emulation.links import LinkProperties
from topology.emulation.links.buckets import FRAME_BYTES, burst_bytes
from topology.network import ReservedClass

CONTROL_DSCP = 48  # CS6, network control (RFC 4594, section 3.2)
CONTROL_SHARE, MOST_CONTROL_SHARE = 0.02, 0.05
LEAST_CONTROL_BPS = 200_000  # BFD every 10 ms takes 64 kbit/s
LEAST_BURST_FRAMES = 8  # frames do not shrink with the scale of an emulation
CONTROL_QUEUE_FRAMES = 10
HELD_UP_MS = 20.0  # what an emulator that was held up for so long delivers at once must fit the queue too


class ClassName(StrEnum):
    """The classes of a link, the first served first with what is left over."""

    CONTROL = "control"
    RESERVED = "reserved"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class LinkClass:
    """One class of one link, alike in both directions.

    Attributes:
        dscp: marks of its packets (RFC 2474); empty: whatever belongs to no other class.
        rate_bps: what it gets whatever the others do, in bits of Ethernet frames.
        ceil_bps: what it gets at most.
        burst_bytes, ceil_burst_bytes: how much may pass at once at either rate after a pause.
        queue_bytes: how much of it waits at most; of the rest, as many full frames as that holds.
    """

    name: ClassName
    dscp: tuple[int, ...]
    rate_bps: int
    ceil_bps: int
    burst_bytes: int
    ceil_burst_bytes: int
    queue_bytes: int

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LinkClass:
        """The class whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        return cls(**{**fields, "name": ClassName(fields["name"]), "dscp": tuple(fields["dscp"])})


def control_bps(link_bps: int) -> int:
    """The rate a link keeps for the network's own packets: 2 %, at least 200 kbit/s, never above 5 %."""
    return min(max(round(CONTROL_SHARE * link_bps), LEAST_CONTROL_BPS), round(MOST_CONTROL_SHARE * link_bps))


def reserved_bps(link_bps: int, reserved: ReservedClass) -> int:
    """The rate a link sets aside for reserved traffic."""
    return round(link_bps * reserved.share)


def burst_limit_bits(rate_bps: int, reserved: ReservedClass) -> int:
    """The most that the bursts of all reservations of a link may add up to, at its reserved rate."""
    return max(round(rate_bps * reserved.burst_ms / 1000), LEAST_BURST_FRAMES * FRAME_BYTES * 8)


def reserved_at_once_bytes(rate_bps: int, reserved: ReservedClass) -> int:
    """The most that may come at once: the queue of the reserved class must hold it, and its bucket.

    All bursts, and what comes while the first of them waits: the backlog of token-bucket flows at a
    rate-latency server is at most ``b + r * T`` (Le Boudec and Thiran, 2001, theorem 1.4.1). T here is four
    full frames at the class' rate, more than any latency promised, and the time for which the emulator itself
    may be held up. With such a queue no packet of an admitted flow is dropped; with such a bucket the class
    always has tokens for it, so that it never waits for the rest (``controller.bounds.htb``).
    """
    waiting_bits = rate_bps * HELD_UP_MS / 1000 + 4 * FRAME_BYTES * 8
    return math.ceil((burst_limit_bits(rate_bps, reserved) + waiting_bits) / 8)


def link_classes(properties: LinkProperties, reserved: ReservedClass) -> tuple[LinkClass, ...]:
    """The classes of a link that does ``properties``, in the order in which they borrow."""
    link_bps = round(properties.rate_mbps * 1e6)
    ours_bps, theirs_bps = control_bps(link_bps), reserved_bps(link_bps, reserved)
    rest_bps = link_bps - ours_bps - theirs_bps
    at_once_bytes = reserved_at_once_bytes(theirs_bps, reserved)
    rest_frames = max(1, properties.queue_bytes // FRAME_BYTES)
    marks = (reserved.dscp, reserved.backup_dscp)

    def one(name: ClassName, dscp: tuple[int, ...], rate_bps: int, burst: int, queue: int) -> LinkClass:
        return LinkClass(name, dscp, rate_bps, link_bps, burst, burst_bytes(link_bps / 1e6), queue)

    return (
        one(ClassName.CONTROL, (CONTROL_DSCP,), ours_bps, FRAME_BYTES, CONTROL_QUEUE_FRAMES * FRAME_BYTES),
        one(ClassName.RESERVED, marks, theirs_bps, at_once_bytes, at_once_bytes),
        one(ClassName.REST, (), rest_bps, burst_bytes(rest_bps / 1e6), rest_frames * FRAME_BYTES),
    )
