"""Flow entries and tables as values: what a switch holds, in the words of OpenFlow 1.3 and nothing beyond it.

Match fields bear their OXM names (OpenFlow 1.3.5, section 7.2.3.7), so that ``wire`` can hand them to os-ken
as they are. The text form is that of ovs-ofctl(8): ``add-flows``, ``add-groups``, ``add-meter`` and
``diff-flows`` read it.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

from controller.actions import Action
from controller.groups import Group
from controller.meters import Meter

ADMISSION_TABLE = 0
ROUTING_TABLE = 1

ETH_TYPE_IPV4 = 0x0800
ETH_TYPE_ARP = 0x0806
ARP_REQUEST = 1
ARP_REPLY = 2
IP_PROTO_TCP = 6
IP_PROTO_UDP = 17

_TEXT_OF_MATCH = {"ipv4_src": "nw_src", "ipv4_dst": "nw_dst", "ip_proto": "nw_proto"}
_TEXT_OF_TYPE = {ETH_TYPE_IPV4: "ip", ETH_TYPE_ARP: "arp"}


@dataclass(frozen=True, slots=True)
class Match:
    """What an entry matches; a field that is ``None`` matches anything."""

    in_port: int | None = None
    eth_type: int | None = None
    ip_dscp: int | None = None
    ipv4_src: str | None = None
    ipv4_dst: str | None = None
    arp_op: int | None = None
    arp_tpa: str | None = None
    ip_proto: int | None = None
    tcp_dst: int | None = None
    udp_dst: int | None = None

    def fields(self) -> dict[str, int | str]:
        """The fields that are matched, by OXM name; each after those it requires."""
        return {part.name: value for part in fields(self) if (value := getattr(self, part.name)) is not None}

    def __str__(self) -> str:
        return ",".join(
            _TEXT_OF_TYPE[int(value)] if name == "eth_type" else f"{_TEXT_OF_MATCH.get(name, name)}={value}"
            for name, value in self.fields().items()
        )


EntryKey = tuple[int, int, Match] | tuple[str, int]


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """One entry of a flow table.

    Attributes:
        actions: applied in order; with neither actions nor ``goto`` the packet is dropped.
        goto: the table that goes on, or ``None``.
        meter: the meter a packet must pass first, or ``None``.
        hops_left: links still to cross from here; orders updates, and is no part of the entry on the switch.
        reservation: whose packets it carries, or empty; no part of the entry on the switch.
    """

    table: int
    priority: int
    match: Match
    actions: tuple[Action, ...] = ()
    goto: int | None = None
    meter: int | None = None
    hops_left: int = field(default=0, compare=False)
    reservation: str = field(default="", compare=False)

    @property
    def key(self) -> EntryKey:
        """What a switch tells entries apart by: an entry replaces the one with the same key."""
        return self.table, self.priority, self.match

    @property
    def cookie(self) -> int:
        """63 bits of the SHA-256 of the entry's text: an entry found on a switch proves or betrays itself.

        Taken from the entry, not from the plan, so that what two plans share stays untouched between them.
        """
        return int.from_bytes(hashlib.sha256(self._body().encode()).digest()[:8], "big") >> 1

    def _body(self) -> str:
        match = f",{self.match}" if self.match.fields() else ""
        does = [] if self.meter is None else [f"meter:{self.meter}"]
        does += [str(action) for action in self.actions]
        if self.goto is not None:
            does.append(f"goto_table:{self.goto}")
        return f"table={self.table},priority={self.priority}{match},actions={','.join(does) or 'drop'}"

    def __str__(self) -> str:
        return f"cookie={self.cookie:#018x},{self._body()}"


Item = FlowEntry | Group | Meter


@dataclass(frozen=True)
class FlowTable:
    """All that one switch holds: entries, highest priority first within each table, groups and meters."""

    entries: tuple[FlowEntry, ...]
    groups: tuple[Group, ...] = ()
    meters: tuple[Meter, ...] = ()

    @classmethod
    def of(cls, items: Iterable[Item]) -> FlowTable:
        """Put entries, groups and meters into their canonical order."""
        entries: list[FlowEntry] = []
        groups: list[Group] = []
        meters: list[Meter] = []
        for item in items:
            match item:
                case FlowEntry():
                    entries.append(item)
                case Group():
                    groups.append(item)
                case Meter():
                    meters.append(item)
        return cls(
            tuple(sorted(entries, key=_place)),
            tuple(sorted(groups, key=lambda group: group.id)),
            tuple(sorted(meters, key=lambda meter: meter.id)),
        )

    def extended(self, items: Sequence[Item]) -> FlowTable:
        """This table with more in it. Costs little where little is added: a repair waits for it."""
        if not items:
            return self
        entries = list(self.entries)
        for item in items:
            if isinstance(item, FlowEntry):
                insort(entries, item, key=_place)
        more = FlowTable.of(items)
        groups, meters = (*self.groups, *more.groups), (*self.meters, *more.meters)
        extended = FlowTable(
            tuple(entries),
            tuple(sorted(groups, key=lambda group: group.id)),
            tuple(sorted(meters, key=lambda meter: meter.id)),
        )
        extended.__dict__["by_key"] = {**self.by_key, **more.by_key}  # instead of hashing all keys again
        return extended

    @cached_property
    def by_key(self) -> Mapping[EntryKey, Item]:
        """Everything in it, by what a switch tells it apart by."""
        items: tuple[Item, ...] = (*self.entries, *self.groups, *self.meters)
        return {item.key: item for item in items}

    @cached_property
    def group_by_id(self) -> Mapping[int, Group]:
        """The groups by their number."""
        return {group.id: group for group in self.groups}

    def to_text(self) -> str:
        """One entry a line, as ``ovs-ofctl add-flows`` reads them."""
        return _lines(self.entries)

    def groups_text(self) -> str:
        """One group a line, as ``ovs-ofctl add-groups`` reads them."""
        return _lines(self.groups)

    def meters_text(self) -> str:
        """One meter a line, each as ``ovs-ofctl add-meter`` reads it."""
        return _lines(self.meters)

    def digest(self) -> str:
        """SHA-256 of meters, groups and entries as text, in hexadecimal."""
        text = self.meters_text() + self.groups_text() + self.to_text()
        return hashlib.sha256(text.encode()).hexdigest()


def _place(entry: FlowEntry) -> tuple[int, int, str]:
    return entry.table, -entry.priority, str(entry.match)


def _lines(items: Iterable[Item]) -> str:
    return "".join(f"{item}\n" for item in items)
