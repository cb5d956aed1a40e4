"""Bring-up and take-down of networks against plain Mininet building the same graphs, in one run."""

from __future__ import annotations

import math
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.benchmarks.memory import pss_mib
from topology.emulation.cell import CELL_RUNTIME, private_network
from topology.emulation.doctor import choose_datapath
from topology.emulation.layout import Layout
from topology.emulation.links.choose import pipe_for
from topology.emulation.network import EmulatedNetwork
from topology.emulation.openvswitch import OpenVSwitch
from topology.emulation.plain_mininet import plain_network, plain_topology
from topology.network import Comparison, Link, Network, Routing, Site, SiteKind, Text

SITES = (10, 50, 100)
PLAIN_UP_TO = 200  # sites; beyond, plain Mininet takes minutes
_REPEATED_UP_TO = 100  # sites; larger networks are built once
_ROUNDS = 3
_LAST, _LET_GO_SECONDS, _POLL_SECONDS = "last-to-go", 60.0, 0.01
_AGAINST = "plain Mininet, bare links"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """What it cost to bring a network up and take it down.

    Attributes:
        up_s: from nothing until it is there.
        down_s: until it is gone.
        memory_mib: proportional set size of all its processes, once it was up.
    """

    up_s: float
    down_s: float
    memory_mib: float

    @classmethod
    def median(cls, costs: Sequence[Cost]) -> Cost:
        """Of several rounds, each figure by itself."""
        return cls(
            statistics.median(cost.up_s for cost in costs),
            statistics.median(cost.down_s for cost in costs),
            statistics.median(cost.memory_mib for cost in costs),
        )


def bench_bring_up(
    sites: Sequence[int] = SITES,
    plain_up_to: int = PLAIN_UP_TO,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> list[Row]:
    """Medians of alternating runs, three of up to 100 sites and one of more; largest networks last.

    Ours counts from nothing (Open vSwitch not running) to links shaped and delayed; theirs from a running
    Open vSwitch to bare links. Down counts until every process has ended in ours (the kernel then
    removes the namespace), and until ``stop`` returns in theirs.

    Args:
        sites: sizes of the networks, chorded rings.
        plain_up_to: plain Mininet builds no network of more sites.
        tell: called with a short sentence at each step.
    """
    datapath = choose_datapath("auto")
    ours: dict[int, Cost] = {}
    theirs: dict[int, Cost] = {}
    rows: list[Row] = []
    for size in sorted(set(sites)):
        layout = Layout.of(chorded_ring(size))
        costs: list[tuple[Cost, Cost | None]] = []
        rounds = _ROUNDS if size <= _REPEATED_UP_TO else 1
        for number in range(1, rounds + 1):
            tell(f"bring-up of {size} sites, round {number} of {rounds}")
            _let_namespaces_go()
            mine = _ours(layout, datapath)
            plain = None
            if size <= plain_up_to:
                tell(f"bring-up of {size} sites, round {number} of {rounds}: plain Mininet")
                _let_namespaces_go()
                plain = _theirs(layout, datapath)
            costs.append((mine, plain))
        ours[size] = Cost.median([mine for mine, _plain in costs])
        if others := [plain for _mine, plain in costs if plain is not None]:
            theirs[size] = Cost.median(others)
        rows += _rows(size, len(layout.links), ours[size], theirs.get(size))
    return rows + _growth(ours, theirs)


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


def growth(seconds: dict[int, float]) -> float:
    """The exponent of time by sites, least squares of the logarithms: 1 is linear, 2 the square. Pure."""
    points = [(math.log(size), math.log(taken)) for size, taken in seconds.items()]
    slope, _intercept = statistics.linear_regression(*zip(*points, strict=True))
    return slope


def _rows(size: int, links: int, mine: Cost, plain: Cost | None) -> list[Row]:
    of = f"of {size} sites, {links} links"
    figures = [
        (f"bring-up {of}", mine.up_s, plain.up_s if plain else None, "s"),
        (f"take-down {of}", mine.down_s, plain.down_s if plain else None, "s"),
        (
            f"memory a site {of}",
            mine.memory_mib / size,
            plain.memory_mib / size if plain else None,
            "MiB",
        ),
    ]
    return [
        {
            "what": what,
            "ours": round(ours, 2),
            "other": "left out" if other is None else round(other, 2),
            "unit": unit,
            "ratio": "" if other is None else round(other / ours, 2),
            "against": _AGAINST,
        }
        for what, ours, other, unit in figures
    ]


def _growth(ours: dict[int, Cost], theirs: dict[int, Cost]) -> list[Row]:
    rows = []
    for name, taken in (
        ("bring-up", {size: cost.up_s for size, cost in ours.items()}),
        ("take-down", {size: cost.down_s for size, cost in ours.items()}),
    ):
        if len(taken) < 2:
            continue
        plain = {size: cost.up_s if name == "bring-up" else cost.down_s for size, cost in theirs.items()}
        rows.append(
            {
                "what": f"growth of {name} from {min(taken)} to {max(taken)} sites",
                "ours": round(growth(taken), 2),
                "other": round(growth(plain), 2) if len(plain) > 1 else "left out",
                "unit": "exponent",
                "ratio": "",
                "against": f"{_AGAINST}; 1 is linear",
            }
        )
    return rows


def _let_namespaces_go() -> None:
    """Wait until the kernel has removed the namespaces of the network before: that would slow the next down.

    It removes them in the background, in the order in which they were left. So another is left, and with it
    goes the end of a pair of interfaces that is here.
    """
    here = str(os.getpid())
    words = ["link", "add", "type", "veth", "peer", "name", _LAST, "netns", here]
    subprocess.run(["unshare", "--net", "ip", *words], check=True)
    deadline = time.monotonic() + _LET_GO_SECONDS
    while _LAST in (name for _index, name in socket.if_nameindex()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _ours(layout: Layout, datapath: str) -> Cost:
    begun = time.monotonic()
    with private_network():
        with EmulatedNetwork(layout, pipe_for("auto"), datapath=datapath, seed=1):
            up_s = time.monotonic() - begun
            memory_mib = pss_mib()
            begun = time.monotonic()
        return Cost(up_s, time.monotonic() - begun, memory_mib)


def _theirs(layout: Layout, datapath: str) -> Cost:
    topo = plain_topology(layout)
    with private_network(), OpenVSwitch(CELL_RUNTIME / "plain") as openvswitch:
        begun = time.monotonic()
        net = plain_network(topo, openvswitch, datapath)
        up_s = time.monotonic() - begun
        memory_mib = pss_mib()
        begun = time.monotonic()
        net.stop()
        return Cost(up_s, time.monotonic() - begun, memory_mib)
