"""What a sound file becomes: defaults, lengths, latencies, demands, comparison; the same bytes everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from topology.burstloss import GilbertElliott
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.network import Network, SiteKind, TrafficClass
from topology.resolved import network_from_dict
from topology.scenario import json_schema, load, shipped
from topology.scenario.locate import SHIPPED_FOLDER
from topology.scenario.resolve import distance_km
from topology.variation import JitterDistribution

Load = Callable[..., Network]

DOCUMENT: dict[str, Any] = {
    "onehop": 1,
    "id": "test",
    "title": "Test",
    "sources": {"map": {"title": "A map", "grade": "A"}},
    "figures": {
        "fibre_us_per_km": {"value": 5, "source": "map"},
        "route_factor": {"value": 2, "assumption": "twice as long"},
        "capacity_gbps": {"value": 100, "assumption": "one wave"},
        "transit_ms_pop": {"value": 0.2, "assumption": "a router"},
    },
    "sites": {  # on the equator, one degree of longitude is 111.195 km
        "hub": {"name": "Hub", "kind": "hub", "location": [0, 0], "source": "map"},
        "pop": {"name": {"en": "Pop", "zh": "点"}, "kind": "pop", "location": [0, 1], "source": ["map"]},
        "metro": {"name": "M", "kind": "metro", "location": [0, 2], "assumption": "x", "region": "east"},
        "cdn": {"name": "C", "kind": "cdn", "location": [0, 3], "assumption": "x", "transit_ms": 1},
    },
    "links": ["hub -- pop", {"ends": ["pop", "metro"]}, {"ends": ["pop", "cdn"]}],
}


@pytest.fixture
def load_with(tmp_path: Path) -> Load:
    """Loads ``DOCUMENT`` with some sections replaced."""

    def load_it(**sections: Any) -> Network:
        file = tmp_path / "test.yaml"
        file.write_text(json.dumps(DOCUMENT | sections), encoding="utf-8")  # JSON is YAML too
        return load(str(file))

    return load_it


def test_defaults(load_with: Load) -> None:
    network = load_with()
    assert (network.rate_scale, network.base, network.description.en) == (1000, "", "")
    assert network.routing.dscp == {TrafficClass.BEST_EFFORT: 0, TrafficClass.COMPUTE: 46}
    assert network.sites["pop"].name.zh == "点"
    assert network.sites["hub"].name.zh == "Hub"
    assert [site.transit_ms for site in network.sites.values()] == [0, 0.2, 0, 1]
    assert [site.carries_transit for site in network.sites.values()] == [True, True, False, False]
    link = network.links["hub--pop"]
    assert (link.capacity_gbps, link.jitter_ms, link.loss_ratio, link.queue_ms) == (100, 0, 0, 20)
    assert network.sources["map"].grade == "A"


def test_what_was_not_stated_is_listed_as_an_assumption(load_with: Load) -> None:
    figures = load_with().figures
    assert figures["fibre_us_per_km"][1].sources == ("map",)
    assert figures["queue_ms"] == (20, figures["queue_ms"][1])
    assert "not stated" in figures["queue_ms"][1].assumption
    assert "transit_ms_metro" in figures
    assert "transit_ms_cdn" not in figures  # the only one states its own
    assert "transit_ms_ixp" not in figures  # there is none


@pytest.mark.parametrize(
    ("link", "route_km", "basis", "propagation_ms"),
    [
        ({}, 222.390, "great circle x 2", 1.11195),
        ({"route_factor": 1.5}, 166.793, "great circle x 1.5", 0.833965),
        ({"route_km": 300, "source": "map"}, 300, "stated", 1.5),
        ({"latency_ms": 2, "assumption": "measured"}, 400, "from latency", 2),
    ],
)
def test_length_and_latency(
    link: dict[str, Any], route_km: float, basis: str, propagation_ms: float, load_with: Load
) -> None:
    stated = {"ends": ["hub", "pop"], "assumption": "x"} | link
    network = load_with(links=[stated, *DOCUMENT["links"][1:]])
    found = network.links["hub--pop"]
    assert (found.route_km, found.route_basis, found.propagation_ms) == (route_km, basis, propagation_ms)
    assert network.link_latency_ms(found) == pytest.approx(propagation_ms + 0.1)  # half the pop's transit


def test_links_from_latency_of_another_medium_may_beat_fibre(load_with: Load) -> None:
    microwave = {"ends": ["hub", "pop"], "medium": "microwave", "latency_ms": 0.4, "assumption": "x"}
    assert load_with(links=[microwave, *DOCUMENT["links"][1:]]).links["hub--pop"].medium == "microwave"
    with pytest.raises(InputError, match="light in fibre needs"):
        load_with(links=[microwave | {"medium": "fibre"}, *DOCUMENT["links"][1:]])


def test_a_service_is_served_by_the_nearest_instance(load_with: Load) -> None:
    demand = {"from": "hub", "service": "ai", "rate_gbps": 1, "class": "compute", "assumption": "x"}

    def destination(*instances: str, **sections: Any) -> str:
        services = {"ai": {"name": "AI", "instances": list(instances)}}
        return load_with(services=services, demands={"d": demand}, **sections).demands["d"].destination

    assert destination("cdn", "metro") == "metro"
    assert destination("metro", "cdn") == "metro"
    far = DOCUMENT["sites"] | {"cdn": DOCUMENT["sites"]["metro"] | {"name": "as far"}}
    assert destination("cdn", "metro", sites=far) == "cdn"  # equally near: the first named
    assert destination("metro", "cdn", sites=far) == "metro"


def test_traffic_crosses_only_sites_that_carry_transit(load_with: Load) -> None:
    links = ["hub -- metro", "metro -- pop", "pop -- cdn"]
    measure = {"from": "hub", "to": ["cdn"]}
    with pytest.raises(InputError, match="cannot be reached from 'hub': cdn"):
        load_with(links=links, measure=measure)
    crossing = DOCUMENT["sites"] | {"metro": DOCUMENT["sites"]["metro"] | {"carries_transit": True}}
    assert load_with(links=links, measure=measure, sites=crossing).comparison.destinations == ("cdn",)


def test_what_is_measured_by_default(load_with: Load) -> None:
    assert load_with().comparison.source == "hub"
    assert load_with().comparison.destinations == ("metro",)
    nowhere = {name: site | {"region": None} for name, site in DOCUMENT["sites"].items()}
    assert load_with(sites=nowhere).comparison.destinations == ("pop", "metro", "cdn")
    no_hub = DOCUMENT["sites"] | {"hub": DOCUMENT["sites"]["hub"] | {"kind": "pop"}}
    assert load_with(sites=no_hub).comparison.destinations == ("pop", "metro", "cdn")
    assert load_with(measure={"from": "pop"}).comparison.destinations == ("metro",)


def test_every_kind_has_a_transit_figure() -> None:
    properties = json_schema()["$defs"]["FiguresIn"]["properties"]
    assert {f"transit_ms_{kind.value}" for kind in SiteKind} <= properties.keys()


@pytest.mark.parametrize("name", shipped())
def test_shipped_scenarios_follow_the_json_schema(name: str) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = yaml.safe_load((SHIPPED_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert load(name).id == name


@pytest.mark.parametrize(
    "change",
    [
        {"titel": "x"},
        {"links": "a -- b"},
        {"links": ["hub -- pop", "hub--metro"]},
        {"base": "tiny"},
        {"sites": DOCUMENT["sites"] | {"No-Id": DOCUMENT["sites"]["hub"]}},
    ],
)
def test_the_json_schema_refuses_what_the_reader_refuses(change: dict[str, Any], load_with: Load) -> None:
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(DOCUMENT | change)
    with pytest.raises(InputError):
        load_with(**change)


def test_same_scenario_same_digest_under_any_hash_seed() -> None:
    code = (
        "from topology.scenario import load, shipped\nfor name in shipped(): print(name, load(name).digest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        for seed in ("0", "4294967295")
    }
    assert len(digests) == 1
    assert [line.split()[0] for line in digests.pop().splitlines()] == shipped()


def test_the_digest_sees_every_figure() -> None:
    network = load("tiny")
    link = network.links["xian--beijing"]
    longer = replace(network, links={**network.links, link.id: replace(link, route_km=link.route_km + 0.001)})
    assert network.digest() == load("tiny").digest() != longer.digest()


def test_what_a_link_says_of_jitter_and_bursts_is_kept_and_comes_back(load_with: Load) -> None:
    bursts = {"good_to_bad": 0.001, "bad_to_good": 0.199}
    stated = {"jitter_ms": 0.1, "jitter_distribution": "normal", "reorders": True, "burst_loss": bursts}
    first = {"ends": ["hub", "pop"], **stated, "assumption": "a guess"}
    network = load_with(links=[first, *DOCUMENT["links"][1:]])
    link = network.links["hub--pop"]
    assert (link.jitter_distribution, link.reorders) == (JitterDistribution.NORMAL, True)
    assert link.burst_loss == GilbertElliott(0.001, 0.199)
    assert link.loss_ratio == 0.005
    assert network_from_dict(json.loads(json.dumps(network.to_dict()))) == network
    properties = Layout.of(network).links[link.id].properties
    assert properties.burst_loss == link.burst_loss
    assert Layout.from_json(Layout.of(network).to_json()).links[link.id].properties == properties


def test_a_link_that_says_nothing_new_has_no_new_keys() -> None:
    """So digests of scenarios stay what they were before there were distributions."""
    keys = {key for link in load("tiny").to_dict()["links"].values() for key in link}
    assert not keys & {"jitter_distribution", "burst_loss", "reorders"}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Sound scenarios: a random tree of sites that carry transit, further links, figures within bounds."""
    assumed = {"assumption": draw(st.text("a庆 :#'", min_size=1).filter(str.strip))}
    places = draw(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=2, max_size=8))
    kinds = draw(st.lists(st.sampled_from(["hub", "pop", "ixp"]), min_size=8, max_size=8))
    sites = {
        f"s{i}": {"name": f"S{i}", "kind": kinds[i], "location": list(place), **assumed}
        for i, place in enumerate(places)
    }
    pairs = {(draw(st.integers(0, i - 1)), i) for i in range(1, len(places))}
    more = st.tuples(st.integers(0, len(places) - 1), st.integers(0, len(places) - 1))
    pairs |= {(a, b) for a, b in draw(st.sets(more, max_size=6)) if a < b}
    figures = {
        "capacity_gbps": st.floats(0.001, 1e6),
        "route_factor": st.floats(1, 10),
        "handover_ms": st.floats(0, 1000),
        "loss_ratio": st.floats(0, 1, exclude_max=True),
        "queue_ms": st.integers(0, 1000),
        "jitter_ms": st.floats(0, 1000),
    }
    probability = st.floats(1e-6, 1)
    bursts = st.fixed_dictionaries(
        {"good_to_bad": probability, "bad_to_good": probability}, optional={"loss_in_bad": probability}
    )
    if draw(st.booleans()):
        del figures["loss_ratio"]
        figures["burst_loss"] = bursts
    links = [
        {"ends": [f"s{a}", f"s{b}"], **assumed, **draw(st.fixed_dictionaries({}, optional=figures))}
        for a, b in sorted(pairs)
    ]
    demand = {"from": "s0", "to": "s1", "rate_gbps": draw(st.floats(0.001, 1000)), **assumed}
    return DOCUMENT | {"sites": sites, "links": links, "demands": {"d": demand}}


@given(documents())
def test_sound_documents_resolve_to_what_physics_allows(document: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "random.yaml"
        file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        network = load(str(file))
        assert network.digest() == load(str(file)).digest()
    assert list(network.sites) == list(document["sites"])
    assert len(network.links) == len(document["links"])
    assert json.dumps(network.to_dict(), allow_nan=False)  # plain and finite
    for link in network.links.values():
        floor_km = distance_km(network.sites[link.a], network.sites[link.b])
        assert link.route_km >= floor_km - 0.001
        assert link.propagation_ms == pytest.approx(link.route_km * 5 / 1000, abs=1e-6)
        assert 0 <= link.loss_ratio <= 1
    again = network_from_dict(json.loads(json.dumps(network.to_dict())))
    assert again.digest() == network.digest()
