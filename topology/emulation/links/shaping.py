"""Rate, queue and classes of a link: HTB at the egress of its two switch-side interfaces.

Each interface gets one root HTB with one class at the link's rate. Where the link has no classes, a
byte-counting queue lies below it. Where it has, each hangs below the link's class ``N:1`` (``N:10`` control,
``N:20`` reserved, ``N:30`` the rest) with a queue of its own, and filters sort packets by their DSCP; what
matches none, as frames without IP, goes with the rest. The rate counts Ethernet frames as Linux does:
payload, IP and the 14 bytes of Ethernet header. tc-htb(8), tc-u32(8).

The rest's queue drops its oldest frame when full, not the newest: the kernel tells the sender of the latter,
and Open vSwitch's userspace datapath then drops what it would have sent next, reserved packets among it
(``netdev_linux_sock_batch_send`` ends a batch at the first ENOBUFS).

HTB serves first every class that is within its own rate, then lends what is left in the order of ``prio``
(net/sched/sch_htb.c); so a class keeps its rate whatever the others do.

Handles are unique in a lab (``2n:`` at end a of link number n, ``2n+1:`` at end b), because ``tc class show``
does not say which interface it speaks of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import tc
from topology.emulation.links.buckets import FRAME_BYTES, burst_bytes
from topology.emulation.links.classes import ClassName, LinkClass
from topology.emulation.links.shaped import LINK_MINOR, Shaped, shaped_of

LARGEST_LINK_NUMBER = 0x7FFE  # two handles each, of 16 bits
MINORS = {ClassName.CONTROL: 0x10, ClassName.RESERVED: 0x20, ClassName.REST: 0x30}


def apply(layout: Layout) -> None:
    """Shape every link of ``layout`` (switch-side interfaces exist). Raises ``EmulationError``."""
    tc.run(commands(layout))


def commands(layout: Layout) -> list[tc.Command]:
    """The ``tc`` commands that shape every link. Pure."""
    return [command for link in layout.links.values() for command in link_commands(link)]


def link_commands(link: LinkLayout, sides: str = "ab") -> list[tc.Command]:
    """The ``tc`` commands that shape both ends of one link, or only ``a`` or ``b``. Pure."""
    return [
        tc.Command(link.link, text)
        for end, handle in ends(link, sides)
        for text in (*_link_class(link, end, handle), *_queues(link, end, handle))
    ]


def read_back(links: Iterable[tuple[LinkLayout, str]]) -> dict[str, Shaped]:
    """What the kernel says it does, by switch-side interface; an interface without our HTB is missing.

    ``links``: each with the sides to look at, as of ``ends``.
    """
    every = [(link, end, handle) for link, sides in links for end, handle in ends(link, sides)]
    classes = tc.show_text([f"class show dev {end.interface}" for _link, end, _handle in every])
    filters = tc.show_text(
        [f"filter show dev {end.interface}" for link, end, _handle in every if link.classes]
    )
    return shaped_of(
        {handle: end.interface for _link, end, handle in every}, tc.show_qdiscs(), classes, filters
    )


def rest_drops(layout: Layout) -> dict[str, int]:
    """Frames that the rest's queue has dropped so far, by switch-side interface; links without classes are
    missing.
    """
    drops = {(entry["dev"], entry.get("parent")): int(entry["drops"]) for entry in tc.show_qdiscs()}
    places = {
        end.interface: f"{handle:x}:{MINORS[ClassName.REST]:x}"
        for link in layout.links.values()
        for end, handle in ends(link)
    }
    return {name: drops[name, parent] for name, parent in places.items() if (name, parent) in drops}


def ends(link: LinkLayout, sides: str = "ab") -> list[tuple[LinkEnd, int]]:
    """The two ends of a link, or only that of side ``a`` or ``b``, and the handles of their HTB."""
    both = {"a": (link.a, 2 * link.number), "b": (link.b, 2 * link.number + 1)}
    return [both[side] for side in sides]


def _link_class(link: LinkLayout, end: LinkEnd, handle: int) -> Iterator[str]:
    default = MINORS[ClassName.REST] if link.classes else LINK_MINOR
    rate = f"{round(link.properties.rate_mbps * 1e6)}bit"
    burst = f"{burst_bytes(link.properties.rate_mbps)}b"
    yield f"qdisc replace dev {end.interface} root handle {handle:x}: htb default {default:x}"
    yield (
        f"class replace dev {end.interface} parent {handle:x}: classid {handle:x}:{LINK_MINOR:x} htb"
        f" rate {rate} ceil {rate} burst {burst} cburst {burst} quantum {FRAME_BYTES}"
    )


def _queues(link: LinkLayout, end: LinkEnd, handle: int) -> Iterator[str]:
    """One queue for all, or a class with a queue and filters for each."""
    if not link.classes:
        limit = f"{link.properties.queue_bytes}b"
        yield f"qdisc replace dev {end.interface} parent {handle:x}:{LINK_MINOR:x} bfifo limit {limit}"
    for priority, each in enumerate(link.classes):
        classid = f"{handle:x}:{MINORS[each.name]:x}"
        yield (
            f"class replace dev {end.interface} parent {handle:x}:{LINK_MINOR:x} classid {classid} htb"
            f" rate {each.rate_bps}bit ceil {each.ceil_bps}bit burst {each.burst_bytes}b"
            f" cburst {each.ceil_burst_bytes}b prio {priority} quantum {FRAME_BYTES}"
        )
        yield f"qdisc replace dev {end.interface} parent {classid} {_queue(each)}"
        for dscp in each.dscp:
            yield (
                f"filter add dev {end.interface} parent {handle:x}: protocol ip prio 1"
                f" u32 match ip dsfield {dscp << 2:#04x} 0xfc flowid {classid}"
            )


def _queue(each: LinkClass) -> str:
    if each.name is ClassName.REST:
        return f"pfifo_head_drop limit {each.queue_bytes // FRAME_BYTES}"
    return f"bfifo limit {each.queue_bytes}b"
