"""Meters: the token bucket that holds a flow to its contract, and what a switch really makes of it.

Open vSwitch keeps rates in kbit/s, buckets in kbit, and refills by whole milliseconds (userspace:
``dp_netdev_run_meter``; Linux since 5.13: ``ovs_meter_execute``, the same arithmetic). Three things follow
for a flow of rate *r* and burst *b* that must never lose a packet:

- The clock ticks: in any interval the bucket may get up to 1 ms of rate less than its due.
- A pause longer than the whole milliseconds that fill the bucket counts as exactly those, so a bucket may
  stay up to 1 ms of rate short of full; a bucket of less than 1 ms would never be refilled at all.
- The flow is as its contract says where it is sent, not where it is metered: a first packet that waits on
  the way lets what follows come closer. 6 ms of such delay variation are let
  pass (the CDVT of ITU-T I.371): a switch in software is held up so long where processors are shared.

So a meter's bucket is *b* and 8 ms of *r*, rounded up. What can pass is then limited by ``enforced_bps`` and
``enforced_burst_bits``; bounds for everyone else must be computed from those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

TOLERANCE_MS = 8
_TICK_MS = 1
_REFUSAL = 1 << 63 | 2 << 32  # no cookie of a flow entry has this bit


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of a switch with one band, which drops what exceeds it.

    Attributes:
        burst_kbit: the bucket; full at first.
        reservation: whose packets it meters; no part of the meter on the switch.
    """

    id: int
    rate_kbps: int
    burst_kbit: int
    reservation: str = field(default="", compare=False)

    @classmethod
    def holding(cls, number: int, rate_bps: int, burst_bits: int, reservation: str = "") -> Meter:
        """The tightest meter that passes every packet of a flow that keeps to its token bucket."""
        rate_kbps = max(_round_up(rate_bps, 1000), 1)
        burst_kbit = _round_up(burst_bits + TOLERANCE_MS * rate_kbps, 1000)
        return cls(number, rate_kbps, burst_kbit, reservation)

    @property
    def enforced_bps(self) -> int:
        """Rate of the token bucket that limits what passes."""
        return self.rate_kbps * 1000

    @property
    def enforced_burst_bits(self) -> int:
        """Its depth: the meter's own, and a tick that may come early."""
        return self.burst_kbit * 1000 + _TICK_MS * self.rate_kbps

    @property
    def key(self) -> tuple[str, int]:
        """What a switch tells meters apart by."""
        return "meter", self.id

    @property
    def cookie(self) -> int:
        """Stands for the meter where refused messages are told apart; unlike any entry's and any group's."""
        return _REFUSAL | self.id

    def __str__(self) -> str:
        band = f"type=drop,rate={self.rate_kbps},burst_size={self.burst_kbit}"
        return f"meter={self.id},kbps,burst,stats,bands={band}"


def _round_up(number: int, unit: int) -> int:
    return -(-number // unit)
