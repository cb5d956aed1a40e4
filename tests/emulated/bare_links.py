"""Links without switches or hosts: veth pairs shaped and joined by a pipe, in the test's own namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, Pipe, Wire, shaping
from topology.emulation.links.classes import link_classes
from topology.network import ReservedClass


def layout_of(properties: Sequence[LinkProperties], reserved: ReservedClass | None = None) -> Layout:
    """Link ``l1`` joins sites ``a1`` and ``b1``, and so on; with classes where something is ``reserved``."""
    links = {
        f"l{n}": LinkLayout(
            f"l{n}",
            n,
            LinkEnd(f"a{n}", 2, f"sa{n}", f"wa{n}"),
            LinkEnd(f"b{n}", 2, f"sb{n}", f"wb{n}"),
            each,
            () if reserved is None else link_classes(each, reserved),
        )
        for n, each in enumerate(properties, start=1)
    }
    return Layout("bare", "", 1000.0, {}, links)


def wires_of(layout: Layout) -> list[Wire]:
    return [Wire(link.link, link.a.wire, link.b.wire, link.properties) for link in layout.links.values()]


def ip(*commands: str) -> None:
    """Run ``ip`` commands in one batch."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)


@contextmanager
def bare_links(
    properties: Sequence[LinkProperties], pipe: Pipe, *, seed: int = 1, reserved: ReservedClass | None = None
) -> Iterator[Layout]:
    """Build the interfaces, shape them, start ``pipe``; everything goes with the namespace."""
    layout = layout_of(properties, reserved)
    subprocess.run(["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"], check=True)
    ends = [end for link in layout.links.values() for end in (link.a, link.b)]
    ip(*(f"link add name {end.interface} type veth peer name {end.wire}" for end in ends))
    ip(*(f"link set {name} up" for end in ends for name in (end.interface, end.wire)))
    shaping.apply(layout)
    pipe.start(wires_of(layout), seed)
    try:
        yield layout
    finally:
        pipe.stop()
