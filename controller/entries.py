"""Flow entries as values: what a switch matches and does, in the words of OpenFlow 1.3 and nothing beyond it.

Match fields bear their OXM names (OpenFlow 1.3.5, section 7.2.3.7), so that ``wire`` can hand them to os-ken
as they are. The text form is that of ovs-ofctl(8); ``ovs-ofctl add-flows`` and ``diff-flows`` read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

ETH_TYPE_IPV4 = 0x0800
ETH_TYPE_ARP = 0x0806
ARP_REQUEST = 1
ARP_REPLY = 2
IN_PORT = 0xFFFFFFF8  # OFPP_IN_PORT: back where the packet came from

_TEXT_OF_MATCH = {"ipv4_src": "nw_src", "ipv4_dst": "nw_dst"}
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

    def fields(self) -> dict[str, int | str]:
        """The fields that are matched, by OXM name; each after those it requires."""
        return {part.name: value for part in fields(self) if (value := getattr(self, part.name)) is not None}

    def __str__(self) -> str:
        return ",".join(
            _TEXT_OF_TYPE[int(value)] if name == "eth_type" else f"{_TEXT_OF_MATCH.get(name, name)}={value}"
            for name, value in self.fields().items()
        )


@dataclass(frozen=True, slots=True)
class SetField:
    """Overwrite a header field."""

    name: str
    value: int | str

    def __str__(self) -> str:
        return f"set_field:{self.value}->{self.name}"


@dataclass(frozen=True, slots=True)
class DecrementTtl:
    """Take one from the IP TTL; a packet whose TTL would reach 0 is not forwarded."""

    def __str__(self) -> str:
        return "dec_ttl"


@dataclass(frozen=True, slots=True)
class Output:
    """Send the packet out of a port."""

    port: int

    def __str__(self) -> str:
        return "IN_PORT" if self.port == IN_PORT else f"output:{self.port}"


Action = SetField | DecrementTtl | Output
EntryKey = tuple[int, int, Match]


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """One entry of a flow table.

    Attributes:
        actions: applied in order; with neither actions nor ``goto`` the packet is dropped.
        goto: the table that goes on, or ``None``.
        hops_left: links still to cross from here; orders updates, and is no part of the entry on the switch.
    """

    table: int
    priority: int
    match: Match
    actions: tuple[Action, ...] = ()
    goto: int | None = None
    hops_left: int = field(default=0, compare=False)

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
        does = [str(action) for action in self.actions]
        if self.goto is not None:
            does.append(f"goto_table:{self.goto}")
        return f"table={self.table},priority={self.priority}{match},actions={','.join(does) or 'drop'}"

    def __str__(self) -> str:
        return f"cookie={self.cookie:#018x},{self._body()}"


@dataclass(frozen=True)
class FlowTable:
    """All entries of one switch, highest priority first within each table."""

    entries: tuple[FlowEntry, ...]

    @classmethod
    def of(cls, entries: Iterable[FlowEntry]) -> FlowTable:
        """Put entries into their canonical order."""
        return cls(tuple(sorted(entries, key=lambda e: (e.table, -e.priority, str(e.match)))))

    @cached_property
    def by_key(self) -> Mapping[EntryKey, FlowEntry]:
        """The entries by what a switch tells them apart by."""
        return {entry.key: entry for entry in self.entries}

    def to_text(self) -> str:
        """One entry a line, as ``ovs-ofctl add-flows`` reads them."""
        return "".join(f"{entry}\n" for entry in self.entries)

    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()
