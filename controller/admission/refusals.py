"""Why a demand was refused, and what would have been possible.

The constraints are put one after the other: links at all, policies, protection, hops, delay, rate, burst. The
one named is the first that, together with those before it, leaves nothing. What would have been possible
is found by asking again: the largest rate, the largest burst, the least delay, the fewest hops, the strongest
protection that is admitted now, each alone with all else as asked. These are exact (for a protected demand as
far as ``controller.disjoint`` is), since each step asks for strictly more than the last answer could give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from controller.admission.question import Asker, Found
from controller.admission.words import at_least, at_most, possibilities
from controller.charges import charges, passed, turning_back_ns
from controller.constrained import NANOSECONDS, Query, Room
from controller.reservations import FIRST_PORT, FRAME_BITS, LAST_PORT, Constraint, Refusal
from topology.network import Demand, Protection

_ENDLESS = 1 << 200


def taken_id(demand: Demand) -> Refusal:
    """A demand of this id is admitted already."""
    reason = f"a demand {demand.id} is admitted already; withdraw it, or choose another id"
    return Refusal(demand, Constraint.DUPLICATE, reason)


def no_port(demand: Demand) -> Refusal:
    """All ports of the pair are taken."""
    most = LAST_PORT - FIRST_PORT + 1
    reason = (
        f"all {most} destination ports from {demand.source} to {demand.destination} over {demand.transport} "
        "are taken"
    )
    return Refusal(demand, Constraint.PORTS, reason, asked=most + 1, available=most)


def explained(asker: Asker, demand: Demand, query: Query, room: Room) -> Refusal:
    """The refusal of a demand for which nothing was found in ``room``."""
    return _Inquest(asker, demand, query, room).refusal()


class _Inquest:
    """One refused demand, looked at from all sides."""

    def __init__(self, asker: Asker, demand: Demand, query: Query, room: Room) -> None:
        self.asker, self.demand, self.query, self.room = asker, demand, query, room
        self.any_burst = Room(room.rate_bps, [_ENDLESS] * len(room.burst_bits))

    def _find(
        self, query: Query, room: Room | None = None, protection: Protection | None = None
    ) -> Found | None:
        return self.asker.find(
            query,
            self.room if room is None else room,
            self.demand.protection if protection is None else protection,
        )

    def refusal(self) -> Refusal:
        """Climb the ladder."""
        demand, query = self.demand, self.query
        bare = Query(query.source, query.destination)
        by_policy = replace(bare, closed_sites=query.closed_sites, closed_links=query.closed_links)
        ends = f"from {demand.source} to {demand.destination}"
        if self._find(bare, protection=Protection.NONE) is None:
            return self._refused(Constraint.UNREACHABLE, f"no links in service lead {ends}")
        if self._find(by_policy, protection=Protection.NONE) is None:
            avoided = ", ".join((*demand.avoid_sites, *demand.avoid_operators))
            return self._refused(
                Constraint.POLICY, f"every path {ends} uses what is to be avoided ({avoided})"
            )
        if self._find(by_policy) is None:
            return self._no_second_path(ends)
        by_hops = replace(by_policy, max_hops=query.max_hops)
        if query.max_hops is not None and self._find(by_hops) is None:
            return self._too_many_hops(query.max_hops, by_policy)
        in_time = replace(by_hops, limit_ns=query.limit_ns)
        if query.limit_ns is not None and self._find(in_time) is None:
            return self._too_late(query.limit_ns, by_hops)
        roomy = self._find(query, self.any_burst)
        return self._no_rate() if roomy is None else self._no_burst(roomy)

    def _refused(self, constraint: Constraint, reason: str, **figures: int | str) -> Refusal:
        possible: dict[str, int | str] = {}
        if constraint not in (Constraint.UNREACHABLE, Constraint.POLICY):
            possible = self._possible(constraint)
        return Refusal(
            self.demand,
            constraint,
            f"{reason}{possibilities(possible)}",
            possible=possible,
            **figures,  # type: ignore[arg-type]
        )

    def _no_second_path(self, ends: str) -> Refusal:
        apart = "sites" if self.demand.protection is Protection.SITE else "links"
        groups = " and shared-risk groups" if self.asker.mesh.has_groups else ""
        return self._refused(
            Constraint.PROTECTION,
            f"no two paths {ends} are disjoint in {apart}{groups}",
            asked=2,
            available=1,
        )

    def _too_many_hops(self, asked: int, query: Query) -> Refusal:
        available = self._fewest_hops(query) or 0
        reason = f"at most {asked} hops asked, but {available} are needed"
        return self._refused(Constraint.HOPS, reason, asked=asked, available=available, unit="hops")

    def _too_late(self, asked: int, query: Query) -> Refusal:
        available = self._least_delay(query) or 0
        what = (
            "bound, turning back at a cut included,"
            if self.demand.protection is not Protection.NONE
            else "bound"
        )
        reason = (
            f"at most {at_most(asked, 'ns')} asked, but the least {what} is {at_least(available, 'ns')}, "
            f"{at_least(available - asked, 'ns')} more"
        )
        return self._refused(Constraint.DELAY, reason, asked=asked, available=available, unit="ns")

    def _no_rate(self) -> Refusal:
        """The link named is the narrowest of the widest path (or pair)."""
        mesh, asked = self.asker.mesh, self.query.rate_bps
        widest = self._most_rate(replace(self.query, burst_bits=0), self.any_burst)
        if widest is None:  # not even one bit per second: links are full on every path
            widest = 0, self._find(replace(self.query, rate_bps=0, burst_bits=0)) or ((), ())
        _, (primary, backup) = widest
        direction = min(
            (direction for direction, _ in passed(mesh, primary, backup)),
            key=lambda direction: self.room.rate_bps[direction],
        )
        available = self.room.rate_bps[direction]
        reason = (
            f"{at_least(asked, 'bit/s')} asked, but link {self._link(direction)} has only "
            f"{at_most(available, 'bit/s')} left of {at_most(mesh.rate_bps[direction], 'bit/s')}, "
            f"{at_least(asked - available, 'bit/s')} too little, and no other path has more"
        )
        return self._at(Constraint.RATE, direction, reason, asked, available, "bit/s")

    def _no_burst(self, roomy: Found) -> Refusal:
        """The link named is that with the greatest want on the path that would serve if bursts were small."""
        mesh, query = self.asker.mesh, self.query
        direction, asked = max(
            charges(mesh, query.rate_bps, query.burst_bits, *roomy),
            key=lambda charge: charge[1] - self.room.burst_bits[charge[0]],
        )
        available = self.room.burst_bits[direction]
        reason = (
            f"the burst, grown to {at_least(asked, 'bit')} at link {self._link(direction)}, finds only "
            f"{at_most(available, 'bit')} left there of {at_most(mesh.burst_limit_bits[direction], 'bit')}, "
            f"{at_least(asked - available, 'bit')} too little, and no other path has room for it"
        )
        return self._at(Constraint.BURST, direction, reason, asked, available, "bit")

    def _at(
        self, constraint: Constraint, direction: int, reason: str, asked: int, available: int, unit: str
    ) -> Refusal:
        mesh = self.asker.mesh
        return self._refused(
            constraint,
            reason,
            link=mesh.links[direction >> 1],
            from_site=mesh.sites[mesh.tail[direction]],
            asked=asked,
            available=available,
            unit=unit,
        )

    def _link(self, direction: int) -> str:
        mesh = self.asker.mesh
        return f"{mesh.links[direction >> 1]} from {mesh.sites[mesh.tail[direction]]}"

    def _possible(self, constraint: Constraint) -> dict[str, int | str]:
        query = self.query
        possible: dict[str, int | str] = {}
        if constraint in (Constraint.RATE, Constraint.BURST):  # else no rate and no burst is small enough
            most = self._most_rate(query, self.room)
            if most is not None:
                possible["rate_bps"] = most[0]
        if constraint is Constraint.BURST:
            burst_bits = self._most_burst()
            if burst_bits is not None:
                possible["burst_bits"] = burst_bits
        if query.limit_ns is not None:
            least_ns = self._least_delay(replace(query, limit_ns=None))
            if least_ns is not None:
                possible["max_one_way_ns"] = least_ns
        if query.max_hops is not None:
            hops = self._fewest_hops(query)
            if hops is not None:
                possible["max_hops"] = hops
        weaker = {Protection.NONE: (), Protection.LINK: (Protection.NONE,)}.get(
            self.demand.protection, (Protection.LINK, Protection.NONE)
        )
        for protection in weaker:
            if self._find(query, protection=protection) is not None:
                possible["protection"] = str(protection)
                break
        return possible

    def _most_rate(self, query: Query, room: Room) -> tuple[int, Found] | None:
        """The largest rate admitted, and where: what is found says how much it carries; more is asked."""

        def carried_by(found: Found) -> int:
            return min(
                min(
                    room.rate_bps[direction],
                    (room.burst_bits[direction] - query.burst_bits) * NANOSECONDS // queued
                    if queued
                    else _ENDLESS,
                )
                for direction, queued in passed(self.asker.mesh, *found)
            )

        return self._climbed(
            1, lambda rate_bps: self._find(replace(query, rate_bps=rate_bps), room), carried_by
        )

    def _most_burst(self) -> int | None:
        query, room = self.query, self.room

        def carried_by(found: Found) -> int:
            taken = charges(self.asker.mesh, query.rate_bps, 0, *found)
            return min(room.burst_bits[direction] - growth for direction, growth in taken)

        most = self._climbed(
            FRAME_BITS, lambda burst_bits: self._find(replace(query, burst_bits=burst_bits)), carried_by
        )
        return None if most is None else most[0]

    def _climbed(
        self, least: int, find: Callable[[int], Found | None], carried_by: Callable[[Found], int]
    ) -> tuple[int, Found] | None:
        best = None
        asked = least
        while (found := find(asked)) is not None:
            best = carried_by(found), found
            asked = best[0] + 1
        return best

    def _least_delay(self, query: Query) -> int | None:
        """The least limit, in ns, that a path or pair can keep."""
        mesh = self.asker.mesh
        best = None
        while (found := self._find(query)) is not None:
            primary, backup = found
            best = mesh.path_bound_ns(primary)
            if backup:
                best = max(best, turning_back_ns(mesh, primary) + mesh.path_bound_ns(backup))
            query = replace(query, limit_ns=best - 1)
            if not backup:
                break  # a single path is already the one of least bound
        return best

    def _fewest_hops(self, query: Query) -> int | None:
        found = self._find(replace(query, max_hops=None))
        if found is None:
            return None
        most = max(len(path) for path in found)
        fewest = self.asker.mesh.hops_to_go(query.destination)[query.source]
        for hops in range(fewest, most):
            if self._find(replace(query, max_hops=hops)) is not None:
                return hops
        return most
