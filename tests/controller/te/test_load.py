"""Instances from scenarios, from TopoHub and from files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from controller.te import load, of_network
from tests.controller.te.test_repetita import DEMANDS, GRAPH
from topology.errors import InputError
from topology.scenario import load as load_scenario
from topology.sources import topohub_traffic

SCENARIO = """\
scenario: tiny
demands:
  up: {from: beijing, to: qingyang, rate_gbps: 0.1, assumption: an example}
  up-again: {from: beijing, to: qingyang, rate_gbps: 0.2, assumption: an example}
"""


def test_a_scenario_has_two_arcs_per_link() -> None:
    network = load_scenario("qingyang-baseline")
    instance = load("qingyang-baseline")
    assert len(instance.arcs) == 2 * len(network.links)
    assert instance.total_rate == sum(Fraction(str(each.rate_gbps)) for each in network.demands.values())
    assert instance.carries_transit == tuple(site.carries_transit for site in network.sites.values())
    arc, link = instance.arcs[1], next(iter(network.links.values()))
    assert (instance.nodes[arc.tail], instance.nodes[arc.head]) == (link.b, link.a)
    assert arc.latency_ns == round(network.link_latency_ms(link) * 1e6)


def test_rates_are_the_decimals_that_were_written(tmp_path: Path) -> None:
    file = tmp_path / "demands.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    assert list(load(str(file)).demands.values()) == [Fraction(3, 10)]


def test_topohub_brings_demands() -> None:
    instance = load("topohub:sndlib/abilene")
    assert instance.demands[instance.nodes.index("iplsng"), instance.nodes.index("sttlng")] == 3580
    assert instance.total_rate == 3000002
    assert "states no unit" in instance.notes[0]
    assert {arc.capacity for arc in instance.arcs} == {100}
    unit = load("topohub:sndlib/abilene", unit_capacity=True)
    assert {arc.capacity for arc in unit.arcs} == {1}
    assert unit.notes == ()


@pytest.mark.parametrize("name", ["sndlib/abilene", "sndlib/brain", "topozoo/Cernet"])
def test_topohub_has_the_same_sites_and_links_as_the_scenario(name: str) -> None:
    traffic, network = topohub_traffic(name), load_scenario(f"topohub:{name}")
    assert traffic.on_map
    assert traffic.sites == tuple(network.sites)
    assert traffic.links == tuple((link.a, link.b) for link in network.links.values())


def test_a_network_drawn_on_a_plane_has_no_latency() -> None:
    instance = load("topohub:sndlib/atlanta", unit_capacity=True)
    assert not topohub_traffic("sndlib/atlanta").on_map
    assert (len(instance.nodes), len(instance.arcs), len(instance.demands)) == (15, 44, 210)
    assert {arc.latency_ns for arc in instance.arcs} == {None}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "three.graph").write_text(GRAPH, encoding="utf-8")
    (tmp_path / "three.0000.demands").write_text(DEMANDS, encoding="utf-8")
    (tmp_path / "back.demands").write_text("DEMANDS 1\nlabel src dest bw\nd 2 0 1\n", encoding="utf-8")
    return tmp_path


def test_repetita(files: Path) -> None:
    instance = load(str(files / "three.graph"), str(files / "three.0000.demands"))
    assert instance.demands == {(0, 2): Fraction(870235, 2)}
    assert instance.unit == "kbit/s"
    assert len(instance.notes) == 2


def test_repetita_demands_on_a_scenario_are_in_its_unit(files: Path) -> None:
    instance = load("tiny", str(files / "three.0000.demands"))
    assert instance.unit == "Gbit/s"
    assert instance.total_rate == Fraction(870235, 2 * 10**6)


@pytest.mark.parametrize(
    ("reference", "demands", "told"),
    [
        ("three.graph", None, "there are no demands"),
        ("three.graph", None, "name one with --demands, such as three.0000.demands"),
        ("three.graph", "back.demands", "the demand 2_Beijing > 0_Qingyang cannot be routed"),
        ("three.0000.demands", None, "this is a file of demands; expected a topology"),
        ("thre.graph", None, "there is no such file\n    hint: did you mean 'three.graph'?"),
        ("three.graph", "three.graph", "expected a REPETITA file, *.demands"),
        ("three.graph", "missing.demands", "there is no such file"),
    ],
)
def test_what_cannot_be_routed(
    files: Path, monkeypatch: pytest.MonkeyPatch, reference: str, demands: str | None, told: str
) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(InputError) as caught:
        load(reference, demands)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["topohub:topozoo/Chinanet", "topohub:sndlib/nowhere", "nowhere"])
def test_scenarios_that_bring_no_traffic(name: str) -> None:
    with pytest.raises(InputError):
        load(name)


def test_a_service_that_cannot_be_reached(tmp_path: Path) -> None:
    network = load_scenario("qingyang-baseline")
    lost = {name: each for name, each in network.demands.items() if each.service}
    assert lost
    demands = {name: replace(each, destination="") for name, each in lost.items()}
    with pytest.raises(InputError) as caught:
        of_network(replace(network, demands=demands))
    assert len(caught.value.problems) == len(lost)
    assert "no instance of the service" in str(caught.value)
