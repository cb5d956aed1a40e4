"""One way to admit a demand, and what it takes of the links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.charges import charges
from controller.constrained import Query, Room
from controller.mesh import Directions, Mesh
from topology.network import Protection


@dataclass(frozen=True, slots=True)
class Task:
    """A demand as path search sees it."""

    id: str
    query: Query
    protection: Protection

    @property
    def protected(self) -> bool:
        """Whether it needs a pair."""
        return self.protection is not Protection.NONE


@dataclass(frozen=True, slots=True)
class Option:
    """A path, or a protected pair.

    Attributes:
        backup: ``()`` without protection.
        delay_ns: bounds of its paths, added.
        rate_bps: what it takes in each direction that ``bursts`` names.
        bursts: ``(direction, burst in bits)``.
    """

    primary: Directions
    backup: Directions
    delay_ns: int
    rate_bps: int
    bursts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, mesh: Mesh, task: Task, primary: Directions, backup: Directions = ()) -> Option:
        """What admission would take for these paths."""
        query = task.query
        taken = charges(mesh, query.rate_bps, query.burst_bits, primary, backup)
        delay_ns = mesh.path_bound_ns(primary) + mesh.path_bound_ns(backup)
        return cls(primary, backup, delay_ns, query.rate_bps, tuple(taken))

    @property
    def paths(self) -> tuple[Directions, Directions]:
        """What tells options of one demand apart."""
        return self.primary, self.backup

    @property
    def order(self) -> tuple[int, Directions, Directions]:
        """Options of one demand in this order: the fastest first."""
        return self.delay_ns, self.primary, self.backup


Taken = tuple[Option | None, ...]


def room_left(mesh: Mesh, taken: Iterable[Option | None]) -> Room:
    """What is left beside what is taken; negative where a limit is broken."""
    room = Room.whole(mesh)
    for option in taken:
        if option is None:
            continue
        for direction, burst_bits in option.bursts:
            room.rate_bps[direction] -= option.rate_bps
            room.burst_bits[direction] -= burst_bits
    return room
