"""What a reservation takes on each link direction, and the bounds that follow.

A packet that meets the cut of the primary's link ``i`` turns back over its links ``i-1 ... 0`` and takes the
backup from the source's switch. So a protected demand takes room on its primary, on the way back over all
links of the primary but the last, and on the backup. On each of them its burst is the largest that any
single failure can bring there: the cut of the last link, since then the packets have passed the most queues.

Primary and backup share no link, so no direction is taken twice.
"""

from __future__ import annotations

from controller.constrained import NANOSECONDS, Query, Room
from controller.mesh import Directions, Mesh

Charges = list[tuple[int, int]]


def passed(mesh: Mesh, primary: Directions, backup: Directions) -> Charges:
    """``(direction, queueing budgets in ns passed before it)`` of all that is taken. No backup: ``()``."""
    queueing_ns = mesh.queueing_ns
    taken = []
    queued = 0
    for direction in primary:
        taken.append((direction, queued))
        queued += queueing_ns[direction]
    if not backup:
        return taken
    queued -= queueing_ns[primary[-1]]
    for direction in reversed(primary[:-1]):
        taken.append((direction ^ 1, queued))
        queued += queueing_ns[direction ^ 1]
    for direction in backup:
        taken.append((direction, queued))
        queued += queueing_ns[direction]
    return taken


def charges(mesh: Mesh, rate_bps: int, burst_bits: int, primary: Directions, backup: Directions) -> Charges:
    """``(direction, burst in bits)`` of all that is taken; the rate is the same on all. No backup: ``()``."""
    return [
        (direction, burst_bits + -(-rate_bps * queued // NANOSECONDS))
        for direction, queued in passed(mesh, primary, backup)
    ]


def fits(room: Room, rate_bps: int, taken: Charges) -> bool:
    """Whether there is room for all of it."""
    room_rate, room_burst = room.rate_bps, room.burst_bits
    for direction, burst_bits in taken:
        if room_rate[direction] < rate_bps or room_burst[direction] < burst_bits:
            return False
    return True


def turning_back_ns(mesh: Mesh, primary: Directions) -> int:
    """The longest a packet is under way before it is back at the source's switch: cut of the last link."""
    there_and_back = [mesh.bound_ns[direction] + mesh.bound_ns[direction ^ 1] for direction in primary[:-1]]
    return sum(there_and_back)


def turning_back_queueing_ns(mesh: Mesh, primary: Directions) -> int:
    """The part of ``turning_back_ns`` that varies: by it bursts grow."""
    return sum([mesh.queueing_ns[direction] + mesh.queueing_ns[direction ^ 1] for direction in primary[:-1]])


def failover_bound_ns(mesh: Mesh, primary: Directions, backup: Directions) -> int:
    """Bound on a packet that turns back, the worst over all places of a single cut."""
    return turning_back_ns(mesh, primary) + mesh.path_bound_ns(backup)


def allowed(mesh: Mesh, query: Query, path: Directions) -> bool:
    """Whether a path obeys everything in ``query`` but room."""
    if query.max_hops is not None and len(path) > query.max_hops:
        return False
    if query.limit_ns is not None and mesh.path_bound_ns(path) > query.limit_ns:
        return False
    if query.closed_links and any(direction >> 1 in query.closed_links for direction in path):
        return False
    return not query.closed_sites or not any(mesh.head[e] in query.closed_sites for e in path[:-1])
