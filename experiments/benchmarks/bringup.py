"""Bring-up and take-down of a network against plain Mininet building the same graph, in one run."""

from __future__ import annotations

import statistics
import time
from typing import Any

from topology.emulation.cell import CELL_RUNTIME, private_network
from topology.emulation.doctor import choose_datapath
from topology.emulation.layout import Layout
from topology.emulation.links.choose import pipe_for
from topology.emulation.network import EmulatedNetwork
from topology.emulation.openvswitch import OpenVSwitch
from topology.emulation.plain_mininet import build_and_stop
from topology.network import Comparison, Link, Network, Routing, Site, SiteKind, Text


def bench_bring_up(sites: int = 100, rounds: int = 3) -> list[dict[str, Any]]:
    """Medians over ``rounds`` of alternating runs; links are shaped and delayed in ours, bare in theirs.

    Ours counts from nothing (Open vSwitch not running) to links shaped and delayed; theirs from a running
    Open vSwitch to bare links. Down counts until every process has ended in ours (the kernel then
    removes the namespace), and until ``stop`` returns in theirs.
    """
    layout = Layout.of(chorded_ring(sites))
    datapath = choose_datapath("auto")
    ours = [_ours(layout, datapath) for _ in range(rounds)]
    theirs = [_theirs(layout, datapath) for _ in range(rounds)]
    rows = []
    for number, name in enumerate(("bring-up", "take-down")):
        mine = statistics.median(pair[number] for pair in ours)
        other = statistics.median(pair[number] for pair in theirs)
        rows.append(
            {
                "what": f"{name} of {sites} sites, {len(layout.links)} links",
                "ours": round(mine, 2),
                "other": round(other, 2),
                "unit": "s",
                "ratio": round(other / mine, 2),
                "against": "plain Mininet, bare links",
            }
        )
    return rows


def chorded_ring(sites: int) -> Network:
    """A ring in which every fourth site has a link across: 1.25 links a site, as backbones have."""
    names = [f"s{number}" for number in range(sites)]
    pairs = [(number, (number + 1) % sites) for number in range(sites)]
    pairs += [(number, (number + sites // 2) % sites) for number in range(0, sites // 2, 2)]
    links = {}
    for a, b in pairs:
        link = Link(f"{names[a]}--{names[b]}", names[a], names[b], 100.0, 200.0, "stated", 1.0, queue_ms=20.0)
        links[link.id] = link
    return Network(
        id=f"chorded-ring-{sites}",
        title=Text("A chorded ring", "带弦的环"),
        description=Text("", ""),
        sites={n: Site(n, Text(n, n), SiteKind.POP, 35.0, 107.0, 0.1, True) for n in names},
        links=links,
        operators={},
        services={},
        demands={},
        sources={},
        routing=Routing(),
        comparison=Comparison(names[0], (names[1],)),
        rate_scale=1000.0,
        figures={},
    )


def _ours(layout: Layout, datapath: str) -> tuple[float, float]:
    begun = time.monotonic()
    with private_network():
        with EmulatedNetwork(layout, pipe_for("auto"), datapath=datapath, seed=1):
            up_s = time.monotonic() - begun
            begun = time.monotonic()
        return up_s, time.monotonic() - begun


def _theirs(layout: Layout, datapath: str) -> tuple[float, float]:
    with private_network(), OpenVSwitch(CELL_RUNTIME / "plain") as openvswitch:
        return build_and_stop(layout, openvswitch, datapath)
