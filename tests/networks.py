"""Small networks for tests, built without a scenario file."""

from __future__ import annotations

from topology.network import Comparison, Link, Network, Routing, Site, SiteKind, Text


def ring(count: int, *, capacity_gbps: float = 100.0, propagation_ms: float = 1.0) -> Network:
    """``count`` sites ``s0``, ``s1``, ... in a circle; each crossing costs 0.1 ms."""
    sites = {
        f"s{n}": Site(f"s{n}", Text(f"Site {n}", f"站点{n}"), SiteKind.POP, 35.0, 107.0, 0.1, True)
        for n in range(count)
    }
    links = {}
    for n in range(count):
        a, b = f"s{n}", f"s{(n + 1) % count}"
        links[f"{a}--{b}"] = Link(
            f"{a}--{b}", a, b, capacity_gbps, propagation_ms / 0.0049, "stated", propagation_ms, queue_ms=20.0
        )
    return Network(
        id=f"ring-{count}",
        title=Text("A ring", "环"),
        description=Text("", ""),
        sites=sites,
        links=links,
        operators={},
        services={},
        demands={},
        sources={},
        routing=Routing(),
        comparison=Comparison("s0", ("s1",)),
        rate_scale=1000.0,
        figures={},
    )
