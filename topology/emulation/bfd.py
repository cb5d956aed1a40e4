"""Bidirectional Forwarding Detection on link ports (RFC 5880, RFC 5881), as Open vSwitch does it.

A fault that takes no carrier away is seen by nobody but the ends themselves: each sends a small packet every
few milliseconds, and an end that has missed several in a row takes its port for dead. Fast-failover groups
that watch the port then use their next bucket, and the port status told to the controller loses
``OFPPS_LIVE``. ovs-vswitchd.conf.db(5), Interface, ``bfd`` and ``bfd_status``.

A session that is down sends once a second (RFC 5880, section 6.8.3), so a mended link is used again after a
second or two. For up to a second more its ends still expect one another at that pace, and a new silence is
noticed that much later. Packets have DSCP 48 (CS6); shaped links must let them pass before what users send.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from topology.emulation.layout import Layout, LinkEnd
from topology.emulation.ovsdb import Operation, Row, as_map, map_of

SLOWEST_INTERVAL_MS = 120
MOST_PACKETS_PER_S = 1500  # of all sessions; switches and links in software have other work to do as well


@dataclass(frozen=True, slots=True)
class BfdTimers:
    """How often each end sends, and how many it must miss in a row to call the link dead.

    With the silence of one direction its far end notices after ``detection_ms`` at most, and tells the near
    one with its next packet; so four times 7 ms is known sooner there than three times 10 ms.
    """

    interval_ms: int = 7
    multiplier: int = 4

    @classmethod
    def affordable(cls, sessions: int) -> BfdTimers:
        """The quickest timers at which so many sessions together send ``MOST_PACKETS_PER_S`` at most."""
        return cls(interval_ms=max(cls().interval_ms, -(-1000 * sessions // MOST_PACKETS_PER_S)))

    def slower(self) -> BfdTimers | None:
        """Half as often, for a machine that calls links dead which are not; ``None``: slow enough already."""
        interval_ms = 2 * self.interval_ms
        return replace(self, interval_ms=interval_ms) if interval_ms <= SLOWEST_INTERVAL_MS else None

    @property
    def detection_ms(self) -> int:
        """The longest that a dead link goes unnoticed, from the last packet that came."""
        return self.interval_ms * self.multiplier


@dataclass(frozen=True, slots=True)
class BfdStatus:
    """What a switch says of one session.

    Attributes:
        interface: switch-side interface name.
        forwarding: whether the port counts as live.
        state: ``up``, ``init``, ``down``, ``admin_down``; empty before the first report.
        flaps: how often ``forwarding`` has changed.
        diagnostic: why the state changed last (RFC 5880, section 4.1).
    """

    interface: str
    forwarding: bool
    state: str
    flaps: int
    diagnostic: str


def watched_ends(layout: Layout, links: Collection[str]) -> Iterator[LinkEnd]:
    """Both ends of the links, in the order of the layout. Raises ``KeyError`` for an unknown link."""
    for link in sorted(links, key=lambda name: layout.links[name].number):
        yield from (layout.links[link].a, layout.links[link].b)


def session_rows(ends: Sequence[LinkEnd], timers: BfdTimers) -> dict[str, Row]:
    """What starts a session at each end, or changes its pace: columns of the interfaces. Pure."""
    settings = {
        "enable": "true",
        "min_rx": str(timers.interval_ms),
        "min_tx": str(timers.interval_ms),
        "mult": str(timers.multiplier),
    }
    return {end.interface: {"bfd": as_map(settings)} for end in ends}


def parse_pace(shown: str) -> dict[str, int]:
    """How often each session expects a packet, in ms, from what ``ovs-appctl bfd/show`` prints. Pure."""
    return {name: int(pace) for name, pace in _PACE.findall(shown)}


_PACE = re.compile(r"^---- (\S+) ----$.*?^\s*RX Interval: Approx (\d+)ms$", re.MULTILINE | re.DOTALL)
STATUS: Operation = {
    "op": "select",
    "table": "Interface",
    "where": [],
    "columns": ["name", "bfd", "bfd_status"],
}


def statuses_of(rows: Iterable[Row]) -> dict[str, BfdStatus]:
    """The sessions among the interfaces that ``STATUS`` selected, by interface. Pure."""
    return {
        row["name"]: status_of(row["name"], map_of(row["bfd_status"]))
        for row in rows
        if map_of(row["bfd"]).get("enable") == "true"
    }


def status_of(interface: str, told: Mapping[str, str]) -> BfdStatus:
    """The column ``bfd_status`` as a value. Pure."""
    return BfdStatus(
        interface=interface,
        forwarding=told.get("forwarding") == "true",
        state=told.get("state", ""),
        flaps=int(told.get("flap_count", 0)),
        diagnostic=told.get("diagnostic", ""),
    )
