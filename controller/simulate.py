"""A pure model of the switches: follow a packet through flow tables without a switch, a socket or a clock.

It knows exactly the OpenFlow 1.3 our entries use: highest matching priority wins, actions in order, a goto to
a later table, a TTL that would reach 0 ends the packet, output to the port of entry happens only through
IN_PORT. Tests hold every planned path against it, and every step of an update.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.entries import ETH_TYPE_IPV4, IN_PORT, DecrementTtl, FlowTable, Output, SetField
from topology.emulation.layout import HOST_PORT, Layout

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


def process(table: FlowTable, packet: Packet) -> tuple[int | None, Packet, bool]:
    """One switch: the port the packet leaves by, or ``None``; the packet; whether its TTL ran out."""
    number: int | None = 0
    while number is not None:
        entry = next(
            (e for e in table.entries if e.table == number and packet.matches(e.match.fields())), None
        )
        if entry is None:
            return None, packet, False
        for action in entry.actions:
            match action:
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
        number = entry.goto
    return None, packet, False


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
    far_end = {}
    for link in layout.links.values():
        if link.link not in without_links:
            far_end[link.a.site, link.a.port] = (link.b.site, link.b.port)
            far_end[link.b.site, link.b.port] = (link.a.site, link.a.port)
    packet = Packet(
        HOST_PORT,
        {
            "eth_type": ETH_TYPE_IPV4,
            "ipv4_src": layout.sites[source].host_ip,
            "ipv4_dst": layout.sites[destination].host_ip,
            "ip_dscp": dscp,
        },
        ttl,
    )
    sites = [source]
    while True:
        port, packet, expired = process(tables[sites[-1]], packet)
        if port is None:
            return Walk(tuple(sites), Fate.EXPIRED if expired else Fate.DROPPED, packet)
        if port == HOST_PORT:
            return Walk(tuple(sites), Fate.DELIVERED, packet)
        if (sites[-1], port) not in far_end:
            return Walk(tuple(sites), Fate.LOST, packet)
        site, in_port = far_end[sites[-1], port]
        sites.append(site)
        packet = replace(packet, in_port=in_port)
