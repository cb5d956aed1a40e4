"""Whether what was sent keeps to its token bucket, from the times at which it left. Pure, exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SECOND_NS = 10**9


@dataclass(frozen=True, slots=True)
class Conformance:
    """How a flow's packets compare with its token bucket (RFC 2212, TSpec ``r`` and ``b``).

    Attributes:
        packets, bits: all that was looked at, in Ethernet frames.
        deepest_bits: the largest burst it ever had: most that any stretch of time held beyond the rate.
        excess_bits: how much of that lies beyond the bucket; 0 for a conforming flow.
        beyond: packets that found the bucket too empty; each of them is taken out of it all the same.
    """

    packets: int
    bits: int
    deepest_bits: int
    excess_bits: int
    beyond: int

    @property
    def conforming(self) -> bool:
        """Whether every packet fitted the bucket."""
        return self.excess_bits == 0


def conformance(sent: Iterable[tuple[int, int]], rate_bps: int, burst_bits: int) -> Conformance:
    """``sent``: time in ns and size in bytes of each frame, in order of time.

    The virtual queue of the leaky bucket, in bits times 10^9 so that whole numbers stay exact: it is served
    at the rate, and its largest length is the burst.
    """
    queue = deepest = bits = packets = beyond = 0
    last_ns: int | None = None
    for at_ns, frame_bytes in sent:
        if last_ns is not None:
            queue = max(0, queue - (at_ns - last_ns) * rate_bps)
        last_ns = at_ns
        queue += 8 * frame_bytes * _SECOND_NS
        bits += 8 * frame_bytes
        packets += 1
        deepest = max(deepest, queue)
        beyond += queue > burst_bits * _SECOND_NS
    deepest_bits = -(-deepest // _SECOND_NS)
    return Conformance(packets, bits, deepest_bits, max(0, deepest_bits - burst_bits), beyond)


def policed_bits(sent: Iterable[tuple[int, int]], rate_bps: int, burst_bits: int) -> int:
    """How much of what was sent a policer of this token bucket lets pass: what a flow that lies is due."""
    depth = tokens = burst_bits * _SECOND_NS
    passed = 0
    last_ns: int | None = None
    for at_ns, frame_bytes in sent:
        if last_ns is not None:
            tokens = min(depth, tokens + (at_ns - last_ns) * rate_bps)
        last_ns = at_ns
        if tokens >= 8 * frame_bytes * _SECOND_NS:
            tokens -= 8 * frame_bytes * _SECOND_NS
            passed += 8 * frame_bytes
    return passed
