"""Reservations to flow tables: a way of its own for every admitted flow, and the way round a cut laid ready.

A flow is told apart by its six-tuple (RFC 8939, section 5.1): addresses, protocol, destination port, and
inside the network the DSCP, of which it has two: ``dscp`` on its path, ``backup_dscp`` on the way round. At
the source's switch a meter holds it to its contract, then it is marked. Further on, an entry per switch
matches mark, six-tuple and the port it comes in by.

A protected flow has a fast-failover group at every switch of its path: out of the next link while that is
alive, else marked as on its way round and sent *back* where it came from (crankback). Every switch upstream
passes such a packet further back; the source's switch sends it into the backup path. So whichever switch
meets the cut acts alone, at once, and nothing sent since is lost. No packet can circle: marked ``dscp`` it
only goes forward on the path, marked ``backup_dscp`` only back on it, then forward on the backup, which
shares no link with it.

``hops_left`` of what is made here is the most links that a packet may still cross from there, cut included:
the order in which updates may turn switches without a packet that finds no way.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from controller.actions import IN_PORT, Action, DecrementTtl, Output, SetField, ToGroup
from controller.entries import (
    ADMISSION_TABLE,
    ETH_TYPE_IPV4,
    IP_PROTO_TCP,
    IP_PROTO_UDP,
    FlowEntry,
    Item,
    Match,
)
from controller.groups import Bucket, Group
from controller.meters import Meter
from controller.paths import Path
from controller.reservations import Reservation
from topology.emulation.layout import HOST_PORT, Layout
from topology.network import ReservedClass, Transport

FROM_HOST, FROM_LINK = 36, 16  # priorities: above the general entries for the host's and the links' packets
NUMBERS = (1 << 24) - 1  # of meters and groups; OpenFlow allows more, eyes do not


@dataclass(frozen=True, slots=True)
class Carried:
    """Where a reservation's packets go at present.

    Attributes:
        path: the way from source to destination.
        backup: the way round, disjoint from it, or ``None``.
        on_backup: whether the source's switch sends everything into the backup.
    """

    reservation: Reservation
    path: Path
    backup: Path | None = None
    on_backup: bool = False


def reserved_items(
    carried: Collection[Carried], marks: ReservedClass, layout: Layout
) -> Mapping[str, tuple[Item, ...]]:
    """What the switches hold for these reservations, by site; a site with nothing is absent.

    A reservation's meter bears a number of its id. Its groups bear, at all switches, one of its id and its
    path: when it moves, packets that come by the old path keep its groups until their switch has turned.
    (Should two meet in a number, it depends on their order too.) So others come and go without moving it.
    """
    items: defaultdict[str, list[Item]] = defaultdict(list)
    meters = numbers(one.reservation.id for one in carried)
    groups = numbers(f"{one.reservation.id} {' '.join(one.path)}" for one in carried)
    for meter, group, one in zip(meters, groups, carried, strict=True):
        for site, item in _Way(one, meter, group, marks, layout).items():
            items[site].append(item)
    return {site: tuple(found) for site, found in items.items()}


def numbers(ids: Iterable[str]) -> list[int]:
    """A number from 1 to ``NUMBERS`` for each id, no two alike."""
    taken: set[int] = set()
    chosen = []
    for name in ids:
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % NUMBERS + 1
        while number in taken:
            number = number % NUMBERS + 1
        taken.add(number)
        chosen.append(number)
    return chosen


class _Way:
    """The items of one reservation."""

    def __init__(
        self, carried: Carried, meter: int, group: int, marks: ReservedClass, layout: Layout
    ) -> None:
        self._path, self._backup, self._on_backup = carried.path, carried.backup, carried.on_backup
        self._reservation = carried.reservation
        self._meter, self._group = meter, group
        self._marks = marks
        self._layout = layout
        self._detour = len(self._backup) - 1 if self._backup else 0

    def items(self) -> Iterable[tuple[str, Item]]:
        """Each with its site."""
        yield from self._admission()
        for position in range(1, len(self._path) - 1):
            yield from self._transit(position)
        yield self._delivery(self._path, self._marks.dscp)
        if self._backup:
            yield from self._way_back()
            yield from self._way_round(self._backup)

    def _admission(self) -> Iterable[tuple[str, Item]]:
        """At the source's switch: to its contract, marked, on its way."""
        site, held = self._path[0], self._reservation
        meter = Meter.holding(self._meter, held.rate_bps, held.burst_bits, held.id)
        yield site, meter
        hops_left = self._hops_left(0)
        if self._backup:
            forward = Bucket(self._port(0, 1), (Output(self._port(0, 1)),))
            first = self._layout.port_towards(site, self._backup[1])
            round_ = Bucket(first, (SetField("ip_dscp", self._marks.backup_dscp), Output(first)))
            buckets = (round_,) if self._on_backup else (forward, round_)
            yield site, Group(self._group, buckets, hops_left, held.id)
        actions = (SetField("ip_dscp", self._marks.dscp), DecrementTtl(), self._onward(0))
        yield site, self._entry(HOST_PORT, None, actions, hops_left, FROM_HOST, meter.id)

    def _transit(self, position: int) -> Iterable[tuple[str, Item]]:
        """At a switch of the path: forward, or back if that is cut."""
        site, came_by = self._path[position], self._port(position, position - 1)
        hops_left = self._hops_left(position)
        if self._backup:
            onward = self._port(position, position + 1)
            back = (SetField("ip_dscp", self._marks.backup_dscp), Output(IN_PORT))
            buckets = (Bucket(onward, (Output(onward),)), Bucket(came_by, back))
            yield site, Group(self._group, buckets, hops_left, self._reservation.id)
        actions = (DecrementTtl(), self._onward(position))
        yield site, self._entry(came_by, self._marks.dscp, actions, hops_left)

    def _way_back(self) -> Iterable[tuple[str, Item]]:
        """Packets that a switch downstream sent back; the last one before the destination is sent none."""
        assert self._backup is not None
        for position in range(len(self._path) - 2):
            site = self._path[position]
            out = (
                self._port(position, position - 1)
                if position
                else self._layout.port_towards(site, self._backup[1])
            )
            actions = (DecrementTtl(), Output(out))
            came_by = self._port(position, position + 1)
            yield site, self._entry(came_by, self._marks.backup_dscp, actions, position + self._detour)

    def _way_round(self, backup: Path) -> Iterable[tuple[str, Item]]:
        """Along the backup path."""
        for position in range(1, len(backup) - 1):
            site = backup[position]
            came_by = self._layout.port_towards(site, backup[position - 1])
            actions = (DecrementTtl(), Output(self._layout.port_towards(site, backup[position + 1])))
            yield site, self._entry(came_by, self._marks.backup_dscp, actions, self._detour - position)
        yield self._delivery(backup, self._marks.backup_dscp)

    def _delivery(self, path: Path, dscp: int) -> tuple[str, Item]:
        """At the destination's switch; the host sees by the mark which way a packet came."""
        site = self._layout.sites[path[-1]]
        actions = (
            SetField("eth_src", site.gateway_mac),
            SetField("eth_dst", site.host_mac),
            DecrementTtl(),
            Output(HOST_PORT),
        )
        came_by = self._layout.port_towards(path[-1], path[-2])
        return path[-1], self._entry(came_by, dscp, actions, 0)

    def _entry(
        self,
        in_port: int,
        dscp: int | None,
        actions: tuple[Action, ...],
        hops_left: int,
        priority: int = FROM_LINK,
        meter: int | None = None,
    ) -> FlowEntry:
        demand, port = self._reservation.demand, self._reservation.port
        tcp = demand.transport is Transport.TCP
        match = Match(
            in_port=in_port,
            eth_type=ETH_TYPE_IPV4,
            ip_dscp=dscp,
            ipv4_src=self._layout.sites[demand.source].host_ip,
            ipv4_dst=self._layout.sites[demand.destination].host_ip,
            ip_proto=IP_PROTO_TCP if tcp else IP_PROTO_UDP,
            tcp_dst=port if tcp else None,
            udp_dst=None if tcp else port,
        )
        return FlowEntry(
            ADMISSION_TABLE,
            priority,
            match,
            actions,
            meter=meter,
            hops_left=hops_left,
            reservation=self._reservation.id,
        )

    def _onward(self, position: int) -> Action:
        return ToGroup(self._group) if self._backup else Output(self._port(position, position + 1))

    def _port(self, position: int, towards: int) -> int:
        return self._layout.port_towards(self._path[position], self._path[towards])

    def _hops_left(self, position: int) -> int:
        """Forward to the last switch; with protection then, at worst, all the way back and round."""
        last = len(self._path) - 1
        return last - position + (last - 1 + self._detour if self._backup else 0)
