"""Networks for tests: small ones written by hand, and random ones for hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from topology.network import Comparison, Link, Network, Routing, Site, SiteKind, Text

COMPUTE_MIN_GBPS = 100.0


def network_of(
    sites: Iterable[str],
    links: Sequence[tuple[str, str, float, float]],
    *,
    no_transit: Iterable[str] = (),
    transit_ms: float = 0.0,
) -> Network:
    """A network from site ids and ``(a, b, propagation_ms, capacity_gbps)``; link ids are ``a--b``."""
    closed = set(no_transit)
    everything = {
        site: Site(site, Text(site, site), SiteKind.POP, 0.0, 0.0, transit_ms, site not in closed)
        for site in sites
    }
    first, *others = everything
    return Network(
        id="test",
        title=Text("Test", "测试"),
        description=Text("", ""),
        sites=everything,
        links={
            f"{a}--{b}": Link(f"{a}--{b}", a, b, capacity, delay * 200, "stated", delay)
            for a, b, delay, capacity in links
        },
        operators={},
        services={},
        demands={},
        sources={},
        routing=Routing(compute_min_capacity_gbps=COMPUTE_MIN_GBPS),
        comparison=Comparison(first, tuple(others[:1])),
        rate_scale=1000.0,
        figures={},
    )


def four_sites() -> Network:
    """A square with one narrow, fast side: ``a`` reaches ``d`` best over ``b``, *compute* over ``c``."""
    return network_of(
        "abcd",
        [("a", "b", 1.0, 100), ("b", "d", 1.0, 10), ("a", "c", 2.0, 100), ("c", "d", 2.0, 100)],
    )


@st.composite
def networks(draw: st.DrawFn, *, max_sites: int = 7) -> Network:
    """Random networks: many ties, some narrow links, some sites without transit, not always in one part."""
    count = draw(st.integers(2, max_sites))
    sites = [f"n{number}" for number in range(count)]
    pairs = [(a, b) for i, a in enumerate(sites) for b in sites[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=len(pairs)))
    delays = st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0])
    capacities = st.sampled_from([10.0, 100.0])
    links = [(a, b, draw(delays), draw(capacities)) for a, b in chosen]
    closed = draw(st.sets(st.sampled_from(sites), max_size=2))
    return network_of(sites, links, no_transit=closed, transit_ms=draw(st.sampled_from([0.0, 0.25])))


@st.composite
def networks_and_failures(draw: st.DrawFn) -> tuple[Network, frozenset[str], frozenset[str]]:
    """A network with two sets of failed links: before and after."""
    network = draw(networks())
    failures = (
        st.frozensets(st.sampled_from(sorted(network.links)), max_size=3)
        if network.links
        else st.just(frozenset())
    )
    return network, draw(failures), draw(failures)


def grid(rows: int, columns: int) -> Network:
    """A grid of sites ``r0c0`` ...: many paths of equal delay; every third link is narrow."""
    sites = [f"r{row}c{column}" for row in range(rows) for column in range(columns)]
    ends = [(f"r{r}c{c}", f"r{r}c{c + 1}") for r in range(rows) for c in range(columns - 1)]
    ends += [(f"r{r}c{c}", f"r{r + 1}c{c}") for r in range(rows - 1) for c in range(columns)]
    return network_of(
        sites, [(a, b, 1.0, 10.0 if number % 3 == 2 else 100.0) for number, (a, b) in enumerate(ends)]
    )
