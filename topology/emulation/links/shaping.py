"""Rate and queue of a link: HTB at the egress of its two switch-side interfaces.

Each interface gets one root HTB with one class at the link's rate and, below it, a byte-counting queue. The
rate counts Ethernet frames as Linux does: payload, IP and the 14 bytes of Ethernet header. tc-htb(8).

Handles are unique in a lab (``2n:`` at end a of link number n, ``2n+1:`` at end b), because ``tc class show``
does not say which interface it speaks of. Traffic classes of their own would hang below the link's class
``N:1`` as ``N:10``, ``N:20``, ...; the queue would move down to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from topology.emulation.layout import ETHERNET_HEADER_BYTES, MTU_BYTES, Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, tc

FRAME_BYTES = MTU_BYTES + ETHERNET_HEADER_BYTES
LARGEST_LINK_NUMBER = 0x7FFE  # two handles each, of 16 bits
LEAST_BURST_MS, MOST_BURST_MS = 1.0, 3.0

_RATE = re.compile(r"^class htb ([0-9a-f]+):1 .*?\brate (\d+)([KMGT]?)bit\b", re.MULTILINE)
_UNITS = {"": 1e-6, "K": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}


@dataclass(frozen=True, slots=True)
class Shaped:
    """What an interface's HTB says it does: ``rate_mbps`` (rounded as tc prints it) and ``queue_bytes``."""

    rate_mbps: float
    queue_bytes: int


def apply(layout: Layout) -> None:
    """Shape every link of ``layout`` (switch-side interfaces exist). Raises ``EmulationError``."""
    tc.run(commands(layout))


def change(link: LinkLayout, properties: LinkProperties) -> None:
    """Give a shaped link another rate and queue. Raises ``EmulationError``."""
    tc.run(
        [command for _end, handle in _ends(link) for command in _class_and_queue(link, handle, properties)]
    )


def commands(layout: Layout) -> list[tc.Command]:
    """The ``tc`` commands that shape every link. Pure."""
    return [command for link in layout.links.values() for command in link_commands(link)]


def link_commands(link: LinkLayout) -> list[tc.Command]:
    """The ``tc`` commands that shape both ends of one link. Pure."""
    result = []
    for end, handle in _ends(link):
        root = f"qdisc replace dev {end.interface} root handle {handle:x}: htb default 1"
        result.append(tc.Command(link.link, root))
        result += _class_and_queue(link, handle, link.properties)
    return result


def read_back(layout: Layout) -> dict[str, Shaped]:
    """What the kernel says it does, by switch-side interface; an interface without our HTB is missing."""
    queues = {
        (entry["dev"], entry["parent"]): entry["options"]["limit"]
        for entry in tc.show_qdiscs()
        if entry["kind"] == "bfifo" and "parent" in entry
    }
    shown = tc.show_text([f"class show dev {end.interface}" for end, _handle in _all_ends(layout)])
    rates = parse_rates(shown)
    return {
        end.interface: Shaped(rates[handle], queues[end.interface, f"{handle:x}:1"])
        for end, handle in _all_ends(layout)
        if handle in rates and (end.interface, f"{handle:x}:1") in queues
    }


def parse_rates(shown: str) -> dict[int, float]:
    """Rate in Mbit/s by major handle from the text of ``tc class show``. Pure."""
    return {int(handle, 16): int(number) * _UNITS[unit] for handle, number, unit in _RATE.findall(shown)}


def burst_bytes(rate_mbps: float) -> int:
    """HTB's burst, what may pass at once after a pause: 1 ms worth up to 100 Mbit/s, 3 ms from 300 on.

    At least one full frame. Measured on two busy cores: with 1 ms 400 Mbit/s became 310, because the kernel
    came back to the queue only after more than that; with 3 ms 400. Below 200 Mbit/s 1 ms loses nothing, and
    what is shorter hurts delays less.
    """
    burst_ms = min(max(rate_mbps / 100, LEAST_BURST_MS), MOST_BURST_MS)
    return max(FRAME_BYTES, round(rate_mbps * 1e3 / 8 * burst_ms))


def _class_and_queue(link: LinkLayout, handle: int, properties: LinkProperties) -> list[tc.Command]:
    end = link.a if handle % 2 == 0 else link.b
    rate = f"{round(properties.rate_mbps * 1e6)}bit"
    burst = f"{burst_bytes(properties.rate_mbps)}b"
    return [
        tc.Command(
            link.link,
            f"class replace dev {end.interface} parent {handle:x}: classid {handle:x}:1 htb"
            f" rate {rate} ceil {rate} burst {burst} cburst {burst} quantum {FRAME_BYTES}",
        ),
        tc.Command(
            link.link,
            f"qdisc replace dev {end.interface} parent {handle:x}:1 bfifo limit {properties.queue_bytes}b",
        ),
    ]


def _ends(link: LinkLayout) -> tuple[tuple[LinkEnd, int], tuple[LinkEnd, int]]:
    return (link.a, 2 * link.number), (link.b, 2 * link.number + 1)


def _all_ends(layout: Layout) -> Iterator[tuple[LinkEnd, int]]:
    for link in layout.links.values():
        yield from _ends(link)
