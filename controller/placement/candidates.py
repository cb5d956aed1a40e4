"""The options of one demand, in order of what they cost at given prices.

An option is a path or, for a protected demand, a pair. Pairs come from searches inside a search: the
primaries in order, and for each the backups that share nothing with it, merged so that the pairs are in order
too. The order is by a lower bound of the cost: on the way back from a cut, bursts count as they were sent.
The true cost is worked out from the finished option, and the cheapest is known once the bound has passed the
best found.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

from controller.charges import turning_back_ns, turning_back_queueing_ns
from controller.constrained import Query, Room
from controller.disjoint import holds
from controller.mesh import Directions, Mesh
from controller.placement.options import Option, Task
from controller.placement.search import NEVER, Found, PathSearch, Patience, Prices, Turning, latest
from topology.network import Protection


@dataclass(frozen=True, slots=True)
class Tariff:
    """What reservations cost: per bit/s and per bit of burst in each direction, and ``delay`` per
    nanosecond of an option's delay."""

    rate: Sequence[int]
    burst: Sequence[int]
    delay: int = 0

    def of(self, option: Option) -> int:
        """The exact cost of an option."""
        rate, burst, rate_bps = self.rate, self.burst, option.rate_bps
        return self.delay * option.delay_ns + sum(
            [rate[direction] * rate_bps + burst[direction] * bits for direction, bits in option.bursts]
        )


class Candidates:
    """Gives feasible options one by one; none still to come costs less than ``floor``."""

    def __init__(self, mesh: Mesh, task: Task, tariff: Tariff, patience: int) -> None:
        query = task.query
        self._mesh, self._task, self._patience = mesh, task, Patience(patience)
        self._whole = Room.whole(mesh)
        there = [
            price * query.rate_bps + tariff.delay * bound_ns
            for price, bound_ns in zip(tariff.rate, mesh.bound_ns, strict=True)
        ]
        self._there = Prices(there, tariff.burst)
        self._ready: list[tuple[int, int, int, Found, PathSearch]] = []  # primaries with backups to come
        self._entered = 0
        self._least_backup = 0
        if not task.protected:
            self._primaries = PathSearch(mesh, query, self._there, self._patience)
            return
        backups = PathSearch(mesh, query, self._there, self._patience)
        first = backups.next()
        self._least_backup = first.cost if first else backups.floor
        back = [
            tariff.rate[e] * query.rate_bps + tariff.burst[e] * query.burst_bits for e in range(len(there))
        ]
        both = [
            price if mesh.head[e] == query.destination else price + back[e ^ 1]
            for e, price in enumerate(there)
        ]
        self._primaries = PathSearch(
            mesh, query, Prices(both, tariff.burst), self._patience, _turning(mesh, query)
        )

    @property
    def floor(self) -> int:
        """No option still to come costs less; ``NEVER`` at the end."""
        return min(self._primaries.floor + self._least_backup, self._least_ready, NEVER)

    @property
    def _least_ready(self) -> int:
        return self._ready[0][0] if self._ready else NEVER

    def next(self, most: int = NEVER - 1) -> Option | None:
        """The next option; ``None`` if none is left that costs at most ``most``, or patience has run out."""
        if self._task.protected:
            return self._next_pair(most)
        found = self._primaries.next(most)
        return None if found is None else Option.of(self._mesh, self._task, found.path)

    def _next_pair(self, most: int) -> Option | None:
        mesh, task = self._mesh, self._task
        while self._patience.left > 0 and self.floor <= most:
            if self._primary_is_next():
                primary = self._primaries.next(min(most, self._least_ready) - self._least_backup)
                if primary is not None:
                    self._enter(primary)
                continue
            _, _, serial, primary, backups = heapq.heappop(self._ready)
            backup = backups.next(most - primary.cost)
            self._push(serial, primary, backups)
            if backup is None or backup.key < primary.key:  # packets go the shorter way while they can
                continue
            if holds(mesh, task.query, self._whole, task.protection, primary.path, backup.path):
                return Option.of(mesh, task, primary.path, backup.path)
        return None

    def _primary_is_next(self) -> bool:
        floor = self._primaries.floor
        if floor >= NEVER:
            return False
        key = (
            self._primaries.floor_key
            + self._mesh.to_go(self._task.query.destination)[self._task.query.source]
        )
        return not self._ready or (floor + self._least_backup, key) <= self._ready[0][:2]

    def _enter(self, primary: Found) -> None:
        self._entered += 1
        query = _of_backup(self._mesh, self._task, primary.path)
        self._push(self._entered, primary, PathSearch(self._mesh, query, self._there, self._patience))

    def _push(self, serial: int, primary: Found, backups: PathSearch) -> None:
        if backups.floor < NEVER:
            order = (primary.cost + backups.floor, primary.key + backups.floor_key)
            heapq.heappush(self._ready, (*order, serial, primary, backups))


def _turning(mesh: Mesh, query: Query) -> Turning:
    """What the way back may take if the fastest backup, with links of its own, is to be in time after it."""
    least_ns = mesh.to_go(query.destination)[query.source] // mesh.unit
    limit_ns = NEVER if query.limit_ns is None else query.limit_ns
    return Turning(limit_ns - least_ns, latest(mesh, query)[query.source])


def _of_backup(mesh: Mesh, task: Task, primary: Directions) -> Query:
    """What a backup must be: in time after the way back, and clear of the primary and what fails with it."""
    query = task.query
    links = frozenset(e >> 1 for e in primary).union(*(mesh.groups[e >> 1] for e in primary))
    by_site = task.protection is Protection.SITE
    sites = frozenset(mesh.head[direction] for direction in primary[:-1]) if by_site else frozenset()
    return replace(
        query,
        upstream_ns=turning_back_queueing_ns(mesh, primary),
        limit_ns=None if query.limit_ns is None else query.limit_ns - turning_back_ns(mesh, primary),
        closed_links=query.closed_links | links,
        closed_sites=query.closed_sites | sites,
    )


def cheapest(mesh: Mesh, task: Task, tariff: Tariff, patience: int) -> tuple[int, Option | None]:
    """The cheapest option found, and a cost that no option goes below (its own, unless patience ran out)."""
    candidates = Candidates(mesh, task, tariff, patience)
    best, least = None, NEVER
    while option := candidates.next(least - 1):
        cost = tariff.of(option)
        if cost < least:
            best, least = option, cost
    return min(least, candidates.floor), best


def up_to(
    mesh: Mesh, task: Task, tariff: Tariff, most: int, *, count: int, patience: int
) -> tuple[list[Option], bool]:
    """The options that cost at most ``most``, at most ``count`` of them, and whether these are all."""
    candidates = Candidates(mesh, task, tariff, patience)
    options: list[Option] = []
    while len(options) < count and (option := candidates.next(most)):
        if tariff.of(option) <= most:
            options.append(option)
    return options, candidates.floor > most
