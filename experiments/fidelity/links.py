"""The links that are measured: one of each kind, shaped and joined by a pipe, without switches or hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from experiments.capability.testlinks import ip, quiet_interfaces
from topology.burstloss import GilbertElliott
from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, Pipe, Wire, shaping
from topology.variation import JitterDistribution

JITTER_MS, VARYING_MS, STEADY_MS = 1.5, 12.0, 5.0
LOSS_RATIO, BURSTS = 0.05, GilbertElliott(0.02, 0.25)
LOADED = LinkProperties(20.0, STEADY_MS, queue_bytes=125_000)  # 50 ms


def _varying(distribution: JitterDistribution, *, reorders: bool = False) -> LinkProperties:
    return LinkProperties(50.0, VARYING_MS, JITTER_MS, jitter_distribution=distribution, reorders=reorders)


KINDS: Mapping[str, LinkProperties] = {
    **{f"{distribution} jitter": _varying(distribution) for distribution in JitterDistribution},
    "jitter that reorders": _varying(JitterDistribution.NORMAL, reorders=True),
    "single losses": LinkProperties(50.0, STEADY_MS, loss_ratio=LOSS_RATIO),
    "losses in bursts": LinkProperties(50.0, STEADY_MS, loss_ratio=BURSTS.loss_ratio, burst_loss=BURSTS),
    "load": LOADED,
}


def layout_of(kinds: Mapping[str, LinkProperties] = KINDS) -> Layout:
    """A link of each kind, under the kind's name."""
    links = {
        kind: LinkLayout(
            kind,
            number,
            LinkEnd(f"{kind} a", 2, f"fa{number}", f"fv{number}"),
            LinkEnd(f"{kind} b", 2, f"fb{number}", f"fw{number}"),
            properties,
        )
        for number, (kind, properties) in enumerate(kinds.items(), start=1)
    }
    return Layout("links under test", "", 1.0, {}, links)


@contextmanager
def links_of(layout: Layout, pipe: Pipe, seed: int) -> Iterator[None]:
    """The links of ``layout``, up; inside a cell, in a network namespace of its own. Raises
    ``EmulationError``.
    """
    every = [end for link in layout.links.values() for end in (link.a, link.b)]
    quiet_interfaces()
    ip(
        *(f"link add name {end.interface} type veth peer name {end.wire}" for end in every),
        *(f"link set {name} up" for end in every for name in (end.interface, end.wire)),
    )
    try:
        shaping.apply(layout)
        wires = [Wire(link.link, link.a.wire, link.b.wire, link.properties) for link in layout.links.values()]
        pipe.start(wires, seed)
        yield
    finally:
        pipe.stop()
        ip(*(f"link del {end.interface}" for end in every))
