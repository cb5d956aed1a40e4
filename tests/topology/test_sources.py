"""Networks of public collections become scenarios: mistakes mended, unusable ones refused with a reason."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import topohub
from hypothesis import given
from hypothesis import strategies as st

from topology.errors import InputError
from topology.gazetteer import CORRECTIONS
from topology.geography import great_circle_km
from topology.scenario import check, load
from topology.sources import from_graphml, from_topohub

GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="label" attr.type="string" for="node" id="d0" />
  <key attr.name="Latitude" attr.type="double" for="node" id="d1" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d2" />
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d3" />
  <graph edgedefault="undirected">
    <node id="0"><data key="d0">Xi'an</data><data key="d1">34.26</data><data key="d2">108.93</data></node>
    <node id="1"><data key="d0">Lanzhou</data><data key="d1">36.06</data><data key="d2">103.84</data></node>
    <node id="2"><data key="d0">上海</data><data key="d1">31.22</data><data key="d2">121.46</data></node>
    <node id="3"><data key="d0">上海</data><data key="d1">31.23</data><data key="d2">121.47</data></node>
    <edge source="0" target="1"><data key="d3">10000000000</data></edge>
    <edge source="0" target="2" />
    <edge source="2" target="0" />
    <edge source="2" target="3" />
    <edge source="2" target="2" />
  </graph>
</graphml>
"""


def place(network: str, site: str) -> tuple[float, float]:
    found = load(f"topohub:{network}").sites[site]
    return found.latitude_deg, found.longitude_deg


def test_chinanet() -> None:
    network = load("topohub:topozoo/Chinanet")
    assert (len(network.sites), len(network.links)) == (38, 62)
    assert {"xian", "shijiazhuang", "nanchang"} <= network.sites.keys()
    assert network.sites["xian"].name.zh == "西安"
    assert set(network.graph["lanzhou"]) == {"xian", "beijing"}
    assert network.sources["imported"].title.startswith("TopoHub 1.")
    assert all(provenance.assumption for _, provenance in network.figures.values())
    assert network.comparison.destinations == tuple(network.sites)[1:]


def test_wrong_coordinates_are_mended() -> None:
    """Facts to hold: Hong Kong lies by Shenzhen and not in Sichuan, Chengdu not in Fujian."""
    assert great_circle_km(*place("topozoo/Chinanet", "hong-kong"), 22.546, 114.068) < 50
    assert great_circle_km(*place("topozoo/Cernet", "hong-kong"), 22.546, 114.068) < 50
    assert great_circle_km(*place("topozoo/Cernet", "chengdu"), 30.667, 104.067) < 1


@pytest.mark.parametrize(("network", "name"), CORRECTIONS)
def test_corrections_are_still_needed(network: str, name: str) -> None:
    """Fails when a new release of the collection names a node differently: then look at the table again."""
    assert name in [node["name"] for node in topohub.get(network)["nodes"]]


@pytest.mark.parametrize(
    "network",
    ["sndlib/germany50", "gabriel/25/0", "caida/2024-08/4134", "backbone/africa", "topozoo/Abilene"],
)
def test_every_collection_can_be_read(network: str) -> None:
    assert check(f"topohub:{network}") == []


def test_a_synthetic_network_keeps_its_lengths() -> None:
    stated = sorted(edge["dist"] for edge in topohub.get("gabriel/25/0")["edges"])
    links = load("topohub:gabriel/25/0").links.values()
    assert sorted(link.route_km for link in links) == pytest.approx(stated, abs=0.01)
    assert {link.route_basis for link in links} == {"stated"}


@pytest.mark.parametrize("network", ["sndlib/di-yuan", "sndlib/india35", "sndlib/ta1"])
def test_drawings_are_refused(network: str) -> None:
    with pytest.raises(InputError, match="positions on a drawing"):
        load(f"topohub:{network}")


def test_graphml(tmp_path: Path) -> None:
    file = tmp_path / "My Network.graphml"
    file.write_text(GRAPHML, encoding="utf-8")
    network = load(str(file))
    assert network.id == "my-network"
    assert list(network.sites) == ["xian", "lanzhou", "site", "site-2"]
    assert network.sites["site"].name.en == "上海"
    assert network.links["xian--lanzhou"].capacity_gbps == 10
    assert network.links["xian--site"].capacity_gbps == 100  # the stated assumption
    assert "2 parallel links and loops left out" in network.description.en
    assert network.sources["imported"].title == "GraphML file My Network.graphml"


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        from_graphml(text, "file", "file.graphml")
    return str(caught.value)


def test_graphml_that_cannot_be_used() -> None:
    assert "not XML" in refused("no xml at all")
    assert refused(GRAPHML.replace("</graph>", "")).startswith("file.graphml:18:3: this is not XML")
    assert "not GraphML" in refused("<html></html>")
    assert "the network has 0 nodes" in refused('<graphml><graph edgedefault="undirected"/></graphml>')
    assert "1 of 4 nodes have no coordinates: Lanzhou" in refused(
        GRAPHML.replace('<data key="d1">36.06</data>', "")
    )
    assert "not GraphML" in refused(GRAPHML.replace("36.06", "unknown"))
    assert "positions on a drawing" in refused(GRAPHML.replace("36.06", "360.6"))


@given(st.text(max_size=30), st.integers(0, len(GRAPHML)), st.integers(0, 80))
def test_any_damage_to_graphml_is_bad_input(text: str, start: int, length: int) -> None:
    with suppress(InputError):
        from_graphml(GRAPHML[:start] + text + GRAPHML[start + length :], "file", "file.graphml")


def test_a_network_in_pieces_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pieces.graphml"
    file.write_text(GRAPHML.replace('<edge source="2" target="3" />', ""), encoding="utf-8")
    (problem,) = check(str(file))
    assert "in 2 pieces, of 3, 1 sites" in problem.what
    assert "site-2" in problem.hint


def test_exploding_entities_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'
    assert "DOCTYPE" in refused(GRAPHML.replace("<graphml", f"{bomb}<graphml", 1))
    external = '<!DOCTYPE x SYSTEM "file:///etc/hostname">'
    assert "DOCTYPE" in refused(GRAPHML.replace("<graphml", f"{external}<graphml", 1))


def test_ids_are_unique_and_valid() -> None:
    data = from_topohub("backbone/africa")  # hundreds of nodes without a name
    assert len(data["sites"]) == 403
    assert all(0 < len(site) <= 31 and site[0].isalpha() for site in data["sites"])
