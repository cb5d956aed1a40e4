"""Groups of the type *fast failover*: a switch's own choice between ways, by which of its ports is alive.

The switch takes the first bucket whose watched port is up (OpenFlow 1.3.5, section 5.6.1). No controller
takes part, so a cut costs the time to notice it and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.actions import Action

_REFUSAL = 1 << 63 | 1 << 32  # no cookie of a flow entry has this bit


@dataclass(frozen=True, slots=True)
class Bucket:
    """One way out, open while ``watch_port`` is alive."""

    watch_port: int
    actions: tuple[Action, ...]

    def __str__(self) -> str:
        return f"bucket=watch_port:{self.watch_port},actions={','.join(map(str, self.actions))}"


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a switch.

    Attributes:
        buckets: in order of preference; none stands for a group on a switch that is not of our making.
        hops_left, reservation: as in ``FlowEntry``; no part of the group on the switch.
    """

    id: int
    buckets: tuple[Bucket, ...]
    hops_left: int = field(default=0, compare=False)
    reservation: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[str, int]:
        """What a switch tells groups apart by."""
        return "group", self.id

    @property
    def cookie(self) -> int:
        """Stands for the group where refused messages are told apart; unlike any entry's and any meter's."""
        return _REFUSAL | self.id

    def __str__(self) -> str:
        return f"group_id={self.id},type=ff,{','.join(map(str, self.buckets))}"
