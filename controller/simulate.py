"""A pure model of the switches: follow a packet through flow tables without a switch, a socket or a clock.

It knows exactly the OpenFlow 1.3 our entries use: highest matching priority wins, actions in order, a goto to
a later table, a TTL that would reach 0 ends the packet, output to the port of entry happens only through
IN_PORT, a group takes its first bucket whose port is alive. Meters let everything pass: these packets keep to
their contract. Tests hold every planned path against it, and every step of an update.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.actions import IN_PORT, Action, DecrementTtl, Output, SetField, ToGroup
from controller.entries import ETH_TYPE_IPV4, IP_PROTO_TCP, IP_PROTO_UDP, FlowTable
from controller.reservations import Reservation
from topology.emulation.layout import HOST_PORT, Layout
from topology.network import Transport

INITIAL_TTL = 64


class Fate(StrEnum):
    """How a walk ended."""

    DELIVERED = "delivered"
    DROPPED = "dropped"  # an entry without actions, or no entry
    EXPIRED = "expired"  # the TTL ran out: a loop, or a short TTL
    LOST = "lost"  # sent into a failed link or a port without one


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet at a port: the header fields our entries know, by OXM name, and the TTL."""

    in_port: int
    fields: Mapping[str, int | str] = field(default_factory=dict)
    ttl: int = INITIAL_TTL

    def matches(self, wanted: Mapping[str, int | str]) -> bool:
        """Whether every wanted field has the wanted value."""
        return all(
            (self.in_port if name == "in_port" else self.fields.get(name)) == value
            for name, value in wanted.items()
        )


@dataclass(frozen=True, slots=True)
class Walk:
    """What became of a packet: the sites it crossed, how it ended, and the packet as it ended."""

    sites: tuple[str, ...]
    fate: Fate
    packet: Packet


def process(
    table: FlowTable, packet: Packet, dead_ports: Collection[int] = frozenset()
) -> tuple[int | None, Packet, bool]:
    """One switch: the port the packet leaves by, or ``None``; the packet; whether its TTL ran out."""
    number: int | None = 0
    while number is not None:
        entry = next(
            (e for e in table.entries if e.table == number and packet.matches(e.match.fields())), None
        )
        if entry is None:
            return None, packet, False
        waiting = list(entry.actions)
        while waiting:
            match waiting.pop(0):
                case SetField(name, value):
                    packet = replace(packet, fields={**packet.fields, name: value})
                case DecrementTtl():
                    if packet.ttl <= 1:
                        return None, packet, True
                    packet = replace(packet, ttl=packet.ttl - 1)
                case Output(port):
                    if port == IN_PORT:
                        return packet.in_port, packet, False
                    return (port if port != packet.in_port else None), packet, False
                case ToGroup(group):
                    waiting = list(_chosen(table, group, dead_ports))
        number = entry.goto
    return None, packet, False


def _chosen(table: FlowTable, group: int, dead_ports: Collection[int]) -> tuple[Action, ...]:
    """The actions of the first bucket that is alive; a group without one drops (OpenFlow 1.3.5, 5.6.1)."""
    found = table.group_by_id.get(group)
    buckets = () if found is None else found.buckets
    return next((bucket.actions for bucket in buckets if bucket.watch_port not in dead_ports), ())


def follow(
    tables: Mapping[str, FlowTable],
    layout: Layout,
    source: str,
    destination: str,
    *,
    dscp: int = 0,
    ttl: int = INITIAL_TTL,
    without_links: Collection[str] = frozenset(),
) -> Walk:
    """Follow an IPv4 packet that the host at ``source`` sends to the host at ``destination``."""
    return _walk(tables, layout, source, _packet(layout, source, destination, dscp, ttl), without_links)


def follow_reserved(
    tables: Mapping[str, FlowTable],
    layout: Layout,
    reservation: Reservation,
    *,
    dscp: int = 0,
    without_links: Collection[str] = frozenset(),
) -> Walk:
    """Follow a packet of a reservation from the source's host. Links fail at both ends at once."""
    demand = reservation.demand
    packet = _packet(layout, demand.source, demand.destination, dscp, INITIAL_TTL)
    tcp = demand.transport is Transport.TCP
    name, protocol = ("tcp_dst", IP_PROTO_TCP) if tcp else ("udp_dst", IP_PROTO_UDP)
    packet = replace(packet, fields={**packet.fields, "ip_proto": protocol, name: reservation.port})
    return _walk(tables, layout, demand.source, packet, without_links)


def _packet(layout: Layout, source: str, destination: str, dscp: int, ttl: int) -> Packet:
    return Packet(
        HOST_PORT,
        {
            "eth_type": ETH_TYPE_IPV4,
            "ipv4_src": layout.sites[source].host_ip,
            "ipv4_dst": layout.sites[destination].host_ip,
            "ip_dscp": dscp,
        },
        ttl,
    )


def _walk(
    tables: Mapping[str, FlowTable],
    layout: Layout,
    source: str,
    packet: Packet,
    without_links: Collection[str],
) -> Walk:
    far_end: dict[tuple[str, int], tuple[str, int]] = {}
    dead_ports: dict[str, set[int]] = {}
    for link in layout.links.values():
        for end, far in ((link.a, link.b), (link.b, link.a)):
            if link.link in without_links:
                dead_ports.setdefault(end.site, set()).add(end.port)
            else:
                far_end[end.site, end.port] = (far.site, far.port)
    sites = [source]
    while True:
        site = sites[-1]
        port, packet, expired = process(tables[site], packet, dead_ports.get(site, frozenset()))
        if port is None:
            return Walk(tuple(sites), Fate.EXPIRED if expired else Fate.DROPPED, packet)
        if port == HOST_PORT:
            return Walk(tuple(sites), Fate.DELIVERED, packet)
        if (site, port) not in far_end:
            return Walk(tuple(sites), Fate.LOST, packet)
        neighbour, in_port = far_end[site, port]
        sites.append(neighbour)
        packet = replace(packet, in_port=in_port)
