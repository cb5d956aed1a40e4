"""What the kernel says it does at the egress of an interface, from the words of ``tc``. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topology.emulation.links.buckets import FRAME_BYTES

_CLASS = re.compile(
    r"^class htb ([0-9a-f]+):([0-9a-f]+) .*?\brate (\d+)([KMGT]?)bit"
    r"(?: ceil (\d+)([KMGT]?)bit)?(?: burst (\d+)([KM]?)b)?(?: cburst (\d+)([KM]?)b)?",
    re.MULTILINE,
)
_FLOW = re.compile(r"\bflowid ([0-9a-f]+):([0-9a-f]+)\b")
_MATCH = re.compile(r"^\s+match ([0-9a-f]{8})/([0-9a-f]{8}) at 0$", re.MULTILINE)
_DSCP_SHIFT, _DSCP_MASK = 18, 0x00FC0000  # of the first word of an IPv4 header
_UNIT_BYTES = {"bfifo": 1, "pfifo_head_drop": FRAME_BYTES}  # of a queue's limit
_RATE = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZE = {"": 1, "K": 1 << 10, "M": 1 << 20}
LINK_MINOR = 0x1


@dataclass(frozen=True, slots=True)
class ShapedClass:
    """One HTB class as tc prints it (rates rounded down to three digits or so of their unit).

    Attributes:
        queue_bytes: limit of the queue below it, full frames for one that counts frames; ``None`` if none.
        dscp: marks of the packets that filters send there, ascending.
    """

    rate_bps: int
    ceil_bps: int
    burst_bytes: int
    ceil_burst_bytes: int
    queue_bytes: int | None = None
    dscp: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shaped:
    """What an interface's HTB says it does: the class of the link, and those below it by minor number."""

    link: ShapedClass
    classes: Mapping[int, ShapedClass]

    @property
    def rate_mbps(self) -> float:
        """The link's rate."""
        return self.link.rate_bps / 1e6


def shaped_of(
    interfaces: Mapping[int, str], qdiscs: Sequence[Mapping[str, Any]], classes: str, filters: str
) -> dict[str, Shaped]:
    """By interface, from ``tc -j qdisc show``, ``tc class show`` and ``tc filter show`` of several.

    ``interfaces``: by the major number of their HTB.
    """
    queues = {
        entry["parent"]: entry["options"]["limit"] * _UNIT_BYTES[entry["kind"]]
        for entry in qdiscs
        if entry["kind"] in _UNIT_BYTES and interfaces.get(_major(entry.get("parent", ""))) == entry["dev"]
    }
    marks = parse_filters(filters)
    found: dict[int, dict[int, ShapedClass]] = {}
    for (major, minor), fields in parse_classes(classes).items():
        found.setdefault(major, {})[minor] = ShapedClass(
            *fields, queue_bytes=queues.get(f"{major:x}:{minor:x}"), dscp=marks.get((major, minor), ())
        )
    return {
        interfaces[major]: Shaped(of.pop(LINK_MINOR), of)
        for major, of in found.items()
        if major in interfaces and LINK_MINOR in of
    }


def parse_classes(shown: str) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    """Rate and ceil in bit/s, burst and cburst in bytes, by handle, from the text of ``tc class show``."""
    found = {}
    for major, minor, *fields in _CLASS.findall(shown):
        rate, ceil = (int(number or 0) * _RATE[unit] for number, unit in (fields[0:2], fields[2:4]))
        burst, ceil_burst = (int(number or 0) * _SIZE[unit] for number, unit in (fields[4:6], fields[6:8]))
        found[int(major, 16), int(minor, 16)] = (rate, ceil or rate, burst, ceil_burst or burst)
    return found


def parse_filters(shown: str) -> dict[tuple[int, int], tuple[int, ...]]:
    """DSCP values by the handle of the class they lead to, from the text of ``tc filter show``."""
    found: dict[tuple[int, int], set[int]] = {}
    for part in re.split(r"^filter ", shown, flags=re.MULTILINE):
        flow, match = _FLOW.search(part), _MATCH.search(part)
        if flow is not None and match is not None and int(match[2], 16) == _DSCP_MASK:
            dscp = int(match[1], 16) >> _DSCP_SHIFT
            found.setdefault((int(flow[1], 16), int(flow[2], 16)), set()).add(dscp)
    return {handle: tuple(sorted(values)) for handle, values in found.items()}


def _major(handle: str) -> int:
    return int(handle.partition(":")[0] or "0", 16)
