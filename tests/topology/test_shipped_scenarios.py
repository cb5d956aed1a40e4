"""What a user of the shipped scenarios relies on: where traffic runs, what it costs, and who says so."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from itertools import combinations, islice
from pathlib import Path
from statistics import mean
from types import ModuleType

import networkx as nx
import pytest

from topology.geography import great_circle_km
from topology.network import Network, Provenance, SiteKind
from topology.scenario import check, load, load_pair

BASELINE, XIAN, DIRECT = "qingyang-baseline", "qingyang-xian", "qingyang-direct"
SHIPPED = (BASELINE, XIAN, DIRECT)
REGIONS = {"bth", "yrd", "gba"}
DERIVE_ROUTES = Path(__file__).parents[2] / "docs" / "data" / "derive_routes.py"

WRONG_PLACES = {  # TopoHub's Chinanet and Cernet put these cities hundreds of kilometres off
    "Hong Kong": (30.13, 100.52),
    "Chengdou": (25.71, 116.98),
    "Xianggang": (23.39, 112.82),
}


@pytest.fixture(scope="module", params=SHIPPED)
def network(request: pytest.FixtureRequest) -> Network:
    """Each shipped scenario in turn."""
    return load(request.param)


@pytest.fixture(scope="module")
def derive_routes() -> ModuleType:
    """The script that derives the route lengths from public data."""
    spec = importlib.util.spec_from_file_location("derive_routes", DERIVE_ROUTES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def ways(network: Network, source: str, destination: str) -> Iterator[tuple[str, ...]]:
    """The loop-free paths between two sites over sites that carry transit, least latency first."""
    sites = [s.id for s in network.sites.values() if s.carries_transit or s.id in (source, destination)]
    graph = nx.Graph()
    for link in network.links.values():
        if link.a in sites and link.b in sites:
            graph.add_edge(link.a, link.b, ms=network.link_latency_ms(link))
    for path in nx.shortest_simple_paths(graph, source, destination, weight="ms"):
        yield tuple(path)


def best(network: Network, destination: str) -> tuple[str, ...]:
    """The least-latency path from the measured source."""
    return next(ways(network, network.comparison.source, destination))


def latency_ms(name: str, destination: str) -> float:
    """One-way latency that a scenario predicts from Qingyang."""
    network = load(name)
    return network.path_latency_ms(best(network, destination))


def circle_km(network: Network, a: str, b: str) -> float:
    one, other = network.sites[a], network.sites[b]
    return great_circle_km(one.latitude_deg, one.longitude_deg, other.latitude_deg, other.longitude_deg)


def provenances(network: Network) -> dict[str, Provenance]:
    """Everything that states figures, by name."""
    parts = {f"figure {name}": provenance for name, (_, provenance) in network.figures.items()}
    for kind in ("operators", "sites", "links", "services", "demands"):
        parts |= {f"{kind} {name}": part.provenance for name, part in getattr(network, kind).items()}
    return parts


# --- size and shape -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_is_sound(name: str) -> None:
    assert check(name) == []


def test_baseline_has_the_parts_of_the_national_picture() -> None:
    sites = load(BASELINE).sites.values()
    assert 25 <= len(sites) <= 45
    count = {kind: sum(site.kind is kind for site in sites) for kind in SiteKind}
    assert count[SiteKind.HUB] == 1
    assert count[SiteKind.CLUSTER] == 9  # ten clusters in all, Qingyang is the hub
    assert count[SiteKind.IXP] == 4
    assert count[SiteKind.INTERCONNECTION] >= 3
    assert count[SiteKind.CDN] >= 2
    assert {site.operator for site in sites if site.kind is SiteKind.POP} == {"telecom", "unicom"}


def test_measures_all_three_regions(network: Network) -> None:
    destinations = [network.sites[site] for site in network.comparison.destinations]
    assert network.comparison.source == "qingyang"
    assert len(destinations) >= 9
    assert {site.region for site in destinations} == REGIONS


def test_rates_can_be_emulated(network: Network) -> None:
    emulated_mbps = [link.capacity_gbps * 1000 / network.rate_scale for link in network.links.values()]
    # What two CPUs carry with background traffic on every measured link, and still a real TCP rate.
    assert max(emulated_mbps) == pytest.approx(20)
    assert min(emulated_mbps) >= 5


def test_overlays_stand_on_the_baseline() -> None:
    for name in (XIAN, DIRECT):
        base, proposal = load_pair(name)
        assert base.id == proposal.base == BASELINE
        assert base.links.keys() < proposal.links.keys()


def test_names_are_in_both_languages(network: Network) -> None:
    texts = [network.title, network.description, *(site.name for site in network.sites.values())]
    for text in texts:
        assert text.en.isascii(), text
        assert any("\u4e00" <= character <= "\u9fff" for character in text.zh), text


# --- where traffic runs ---------------------------------------------------------------------------------


def test_all_sites_reach_each_other(network: Network) -> None:
    for a, b in combinations(network.sites, 2):
        assert next(ways(network, a, b))


def test_the_best_way_is_clearly_the_best(network: Network) -> None:
    """No near tie, so that a rounding or a microsecond never moves traffic to another path."""
    for destination in network.comparison.destinations:
        first, second = islice(ways(network, "qingyang", destination), 2)
        assert network.path_latency_ms(second) - network.path_latency_ms(first) > 0.05, destination


def test_baseline_goes_over_lanzhou_and_xian() -> None:
    network = load(BASELINE)
    for destination in network.comparison.destinations:
        assert best(network, destination)[:3] == ("qingyang", "lanzhou-telecom", "xian-telecom")


def test_xian_overlay_leaves_lanzhou_out() -> None:
    network = load(XIAN)
    for destination in network.comparison.destinations:
        assert best(network, destination)[:2] == ("qingyang", "xian-telecom")


def test_direct_overlay_is_one_hop_to_each_region() -> None:
    network = load(DIRECT)
    one_hop = {site for site in network.comparison.destinations if len(best(network, site)) == 2}
    assert one_hop >= {"beijing", "shanghai", "guangzhou"}
    assert {network.sites[site].region for site in one_hop} == REGIONS


def test_direct_overlay_brings_both_carriers_and_an_exchange_to_qingyang() -> None:
    network = load(DIRECT)
    point = "qingyang-interconnect"
    assert network.sites[point].kind is SiteKind.INTERCONNECTION
    assert {network.sites[site].operator for site in network.graph[point]} >= {"telecom", "unicom"}
    assert any(network.sites[site].kind is SiteKind.IXP for site in network.graph["qingyang"])
    unicom = next(ways(network, "qingyang", "xian-unicom"))
    assert unicom == ("qingyang", point, "xian-unicom")


def test_carriers_meet_only_where_a_hand_over_is_declared(network: Network) -> None:
    within = nx.Graph()
    for link in network.links.values():
        a, b = network.sites[link.a], network.sites[link.b]
        if link.handover_ms > 0:
            assert {a.kind, b.kind} & {SiteKind.INTERCONNECTION, SiteKind.IXP}, link.id
        elif a.carries_transit and b.carries_transit:
            within.add_edge(a.id, b.id)
    for together in nx.connected_components(within):
        assert len({network.sites[site].operator for site in together} - {""}) <= 1


# --- what it costs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "direct_ms", "over_xian_ms", "over_lanzhou_ms"),
    [  # worked by hand: sum of great circles x 1.6 x 4.9 us/km
        ("beijing", 7.0, 8.7, 13.8),
        ("shanghai", 10.8, 11.1, 16.2),
        ("nanjing", 8.7, 9.0, 14.1),
        ("guangzhou", 11.8, 11.8, 16.9),
        ("shenzhen", 12.5, 12.5, 17.6),
    ],
)
def test_propagation_agrees_with_the_worked_examples(
    destination: str, direct_ms: float, over_xian_ms: float, over_lanzhou_ms: float
) -> None:
    for name, expected in zip(
        (DIRECT, XIAN, BASELINE), (direct_ms, over_xian_ms, over_lanzhou_ms), strict=True
    ):
        network = load(name)
        fibre_ms = sum(link.propagation_ms for link in network.path_links(best(network, destination)))
        assert fibre_ms == pytest.approx(expected, abs=0.35), name  # access in the city, stated lengths


@pytest.mark.parametrize("destination", ["shanghai", "nanjing", "hangzhou", "guangzhou", "shenzhen"])
def test_homing_on_xian_brings_most_of_the_gain_to_the_south_east(destination: str) -> None:
    base, xian, direct = (latency_ms(name, destination) for name in SHIPPED)
    assert direct < xian < base
    assert (base - xian) / (base - direct) > 0.75


def test_transit_is_calibrated_to_the_national_means() -> None:
    """CAICT, first quarter of 2024: IP private 1.51, public IP 1.72 times the optical latency."""
    network = load(BASELINE)
    clusters = [s.id for s in network.sites.values() if s.kind in (SiteKind.HUB, SiteKind.CLUSTER)]
    pairs = list(combinations(clusters, 2))
    routed = mean(network.path_latency_ms(next(ways(network, *pair))) for pair in pairs)
    optical = mean(circle_km(network, *pair) * 1.6 * 4.9 / 1000 for pair in pairs)
    assert 1.51 < routed / optical < 1.72


# --- who says so ----------------------------------------------------------------------------------------


def test_every_figure_has_a_source_or_is_an_assumption(network: Network) -> None:
    for name, provenance in provenances(network).items():
        assert provenance.sources or provenance.assumption, name
        assert set(provenance.sources) <= network.sources.keys(), name


def test_every_source_is_used() -> None:
    """A reference that nothing rests on only lends weight; all sources of the family are used in it."""
    used: set[str] = set()
    listed: set[str] = set()
    for name in SHIPPED:
        network = load(name)
        listed |= network.sources.keys()
        used |= {source for provenance in provenances(network).values() for source in provenance.sources}
    assert listed == used


def test_no_cable_is_shorter_than_the_great_circle(network: Network) -> None:
    for link in network.links.values():
        circle = circle_km(network, link.a, link.b)
        assert link.route_km >= circle, link.id
        if circle >= 100:
            assert link.route_km <= 2.2 * circle, link.id


def test_no_place_is_one_of_the_known_wrong_ones(network: Network) -> None:
    for site in network.sites.values():
        assert 18 < site.latitude_deg < 54, site.id
        assert 73 < site.longitude_deg < 135, site.id
        for city, wrong in WRONG_PLACES.items():
            off = great_circle_km(site.latitude_deg, site.longitude_deg, *wrong)
            assert off > 40, f"{site.id} stands where a data set misplaces {city}"


def test_routes_are_what_public_data_give(derive_routes: ModuleType) -> None:
    """Each adjacency is in the data set it names; each stated length is the derived one."""
    network = load(BASELINE)
    rows = list(derive_routes.rows(network))
    assert len(rows) > 30
    for row in rows:
        named = set(row.link.provenance.sources)
        assert named & {"topozoo", "caida"} == set(row.seen_by), row.link.id
        if row.derived_km is None:
            assert row.link.route_basis != "stated", row.link.id
        else:
            assert row.link.route_km == row.derived_km, row.link.id
            assert "backbone-map" in named
