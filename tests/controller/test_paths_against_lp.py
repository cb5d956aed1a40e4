"""Paths and pairs under every constraint at once, against whole-number programmes on networks of the zoo.

``test_disjoint`` checks what a plain flow can say. Here the programme knows it all: bursts that grow, the way
back from a cut, limits on delay and hops, shared risks. Queues passed become potentials: a site that a path
enters has at least the potential of the one it comes from and the budget between (Miller, Tucker and Zemlin,
JACM 7, 1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import highspy
import pytest

from controller.charges import charges
from controller.constrained import Query, Room, least_path
from controller.disjoint import least_pair
from controller.highs import solver
from controller.mesh import Mesh
from tests.controller.reserving import reserving, with_groups
from topology.network import Protection
from topology.scenario import load

FAR_MS = 1000.0  # above every delay here
MOST_QUEUED_MS = 40.0  # above every sum of budgets of a path that could be used here
CERNET, GERMANY = "topohub:topozoo/Cernet", "topohub:sndlib/germany50"


class Programme:
    """A primary and, if asked for, a backup at least total bound; milliseconds and Mbit throughout."""

    def __init__(self, mesh: Mesh, query: Query, room: Room, protection: Protection) -> None:
        self.mesh, self.query, self.room = mesh, query, room
        self.rate, self.burst = query.rate_bps / 1e9, query.burst_bits / 1e6  # Gbit/s is Mbit/ms
        self.highs = solver("this test", mip_rel_gap=0.0)
        self.bound = [bound_ns / 1e6 for bound_ns in mesh.bound_ns]
        self.queueing = [queueing_ns / 1e6 for queueing_ns in mesh.queueing_ns]
        self.limit = FAR_MS if query.limit_ns is None else query.limit_ns / 1e6
        self.primary = self.path()
        there = self.potentials()
        self.hold(self.highs.addConstr(there[query.source] == query.upstream_ns / 1e6))
        self.grow(self.primary, there, list(self.directions))
        self.hold(self.highs.addConstr(self.bound_of(self.primary) <= self.limit))
        self.cost = self.bound_of(self.primary)
        if protection is not Protection.NONE:
            self.protect(there, protection)

    @property
    def directions(self) -> range:
        return range(len(self.mesh.key))

    def hold(self, row: Any) -> None:
        """Rows take effect when added; this says that nothing else is done with them."""

    def path(self) -> list[Any]:
        """One unit of flow, whole, over what the query lets it use; each direction once."""
        mesh, query, highs = self.mesh, self.query, self.highs
        arcs = []
        for direction in self.directions:
            head = mesh.head[direction]
            inner = head != query.destination
            usable = direction >> 1 not in query.closed_links
            usable = usable and self.room.rate_bps[direction] >= query.rate_bps
            usable = usable and not (inner and head in query.closed_sites)
            usable = usable and not (inner and not mesh.carries_transit[head])
            arcs.append(highs.addVariable(0, int(usable), type=highspy.HighsVarType.kInteger))
        for site in range(len(mesh.sites)):
            leaving = [direction for _, direction, _ in mesh.leaving[site]]
            out = sum(arcs[direction] - arcs[direction ^ 1] for direction in leaving)
            self.hold(highs.addConstr(out == (site == query.source) - (site == query.destination)))
            self.hold(highs.addConstr(sum(arcs[direction] for direction in leaving) <= 1))
        if query.max_hops is not None:
            self.hold(highs.addConstr(sum(arcs) <= query.max_hops))
        return arcs

    def potentials(self) -> list[Any]:
        return [self.highs.addVariable(0, MOST_QUEUED_MS) for _ in self.mesh.sites]

    def bound_of(self, arcs: Sequence[Any]) -> Any:
        return sum(bound * arc for bound, arc in zip(self.bound, arcs, strict=True))

    def grow(self, arcs: Sequence[Any], queued: Sequence[Any], crossed: Sequence[int]) -> None:
        """Where ``arcs[n]`` is used the flow crosses ``crossed[n]``, with what has ``queued`` at its tail."""
        mesh, highs = self.mesh, self.highs
        for arc, direction in zip(arcs, crossed, strict=True):
            tail, head = mesh.tail[direction], mesh.head[direction]
            limit = self.room.burst_bits[direction] / 1e6
            step = self.queueing[direction]
            self.hold(
                highs.addConstr(queued[head] - queued[tail] - MOST_QUEUED_MS * arc >= step - MOST_QUEUED_MS)
            )
            most = self.burst + self.rate * MOST_QUEUED_MS
            self.hold(highs.addConstr(self.rate * queued[tail] + most * arc <= limit - self.burst + most))

    def protect(self, there: Sequence[Any], protection: Protection) -> None:
        mesh, query, highs = self.mesh, self.query, self.highs
        backup = self.path()
        returning, spare = self.potentials(), self.potentials()
        turning: list[int] = []
        for direction in self.directions:
            arc, back = self.primary[direction], direction ^ 1
            if mesh.head[direction] == query.destination:
                # Cut here, the packets turn with all that they have queued so far.
                tail = mesh.tail[direction]
                row = returning[tail] - there[tail] - MOST_QUEUED_MS * arc >= -MOST_QUEUED_MS
                self.hold(highs.addConstr(row))
                continue
            turning.append(direction)
            if self.room.rate_bps[back] < query.rate_bps:
                self.hold(highs.addConstr(arc <= 0))
        self.grow([self.primary[e] for e in turning], returning, [e ^ 1 for e in turning])
        self.hold(highs.addConstr(spare[query.source] - returning[query.source] >= 0))
        self.grow(backup, spare, list(self.directions))
        back_ms = sum((self.bound[e] + self.bound[e ^ 1]) * self.primary[e] for e in turning)
        self.hold(highs.addConstr(back_ms + self.bound_of(backup) <= self.limit))
        for link in range(len(mesh.links)):
            for other in {link, *mesh.groups[link]}:
                both = [self.primary[2 * link], self.primary[2 * link + 1]]
                both += [backup[2 * other], backup[2 * other + 1]]
                self.hold(highs.addConstr(sum(both) <= 1))
        for site in range(len(mesh.sites)):
            if protection is Protection.SITE and site not in (query.source, query.destination):
                entering = [direction ^ 1 for _, direction, _ in mesh.leaving[site]]
                through = sum(self.primary[e] + backup[e] for e in entering)
                self.hold(highs.addConstr(through <= 1))
        self.hold(highs.addConstr(self.bound_of(self.primary) - self.bound_of(backup) <= 0))
        self.cost = self.cost + self.bound_of(backup)

    def least_ms(self) -> float | None:
        """The least total, or ``None`` if nothing satisfies all of it."""
        self.highs.minimize(self.cost)
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return float(self.highs.getInfo().objective_function_value)


def filled(name: str) -> tuple[Mesh, Room]:
    """A network with ducts, and with room that differs from link to link."""
    network = load(name)
    names = list(network.links)
    ducts = {name: (f"duct{number // 9}",) for number, name in enumerate(names) if number % 9 in (0, 4)}
    mesh = Mesh(with_groups(reserving(network, burst_ms=1.0), ducts))
    room = Room.whole(mesh)
    for direction in range(len(mesh.key)):
        room.rate_bps[direction] -= direction * 7919 % 11 * 6_000_000_000
        room.burst_bits[direction] -= direction * 104_729 % 13 * 4_700_000
    return mesh, room


def queries(mesh: Mesh, count: int) -> list[Query]:
    """Questions across the network, each a little tighter than the last in one respect."""
    sites = len(mesh.sites)
    asked = []
    for number in range(count):
        source, destination = number * 7 % sites, (number * 13 + 5) % sites
        if source == destination:
            continue
        least_ns = mesh.to_go(destination)[source] // mesh.unit
        asked.append(
            Query(
                source,
                destination,
                rate_bps=(5_000_000_011, 9_000_000_007, 16_000_000_003)[number % 3],
                burst_bits=(1_000_003, 9_000_011)[number % 2],
                limit_ns=least_ns * (2, 3, 6)[number % 3] + 1,
                max_hops=(None, mesh.hops_to_go(destination)[source] + 2)[number % 2],
                closed_sites=frozenset({(number * 5 + 2) % sites} - {source, destination}),
            )
        )
    return asked


def total_ms(mesh: Mesh, *paths: Sequence[int]) -> Any:
    return pytest.approx(sum(mesh.path_bound_ns(path) for path in paths) / 1e6, abs=1e-5)


@pytest.mark.parametrize("name", [CERNET, GERMANY])
def test_paths(name: str) -> None:
    mesh, room = filled(name)
    found = 0
    for query in queries(mesh, 12):
        path = least_path(mesh, query, room)
        least_ms = Programme(mesh, query, room, Protection.NONE).least_ms()
        assert (path is None) == (least_ms is None), query
        if path is not None:
            found += 1
            assert least_ms == total_ms(mesh, path), query
    assert found >= 5


@pytest.mark.parametrize("protection", [Protection.LINK, Protection.SITE])
def test_pairs(protection: Protection) -> None:
    mesh, room = filled(CERNET)
    found = 0
    for query in queries(mesh, 12):
        wider = replace(query, limit_ns=(query.limit_ns or 0) * 3, rate_bps=query.rate_bps // 3)
        pair = least_pair(mesh, wider, room, protection)
        least_ms = Programme(mesh, wider, room, protection).least_ms()
        assert (pair is None) == (least_ms is None), wider
        if pair is not None:
            found += 1
            assert least_ms == total_ms(mesh, *pair), wider
            taken = charges(mesh, wider.rate_bps, wider.burst_bits, *pair)
            assert all(room.burst_bits[direction] >= bits for direction, bits in taken)
    assert found >= 3
