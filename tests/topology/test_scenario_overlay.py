"""Overlays: what they add, change and remove, where the figures then come from, and overlays on overlays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from topology.errors import InputError
from topology.network import Network, Provenance
from topology.scenario import check, load, load_pair

Propose = Callable[..., Network]
FIGURE = {"assumption": "the proposal"}


@pytest.fixture
def propose(tmp_path: Path) -> Propose:
    """Loads an overlay on ``tiny``. JSON is YAML too."""

    def load_it(**sections: Any) -> Network:
        file = tmp_path / "proposal.yaml"
        head = {"onehop": 1, "id": "proposal", "title": "P", "base": "tiny"}
        file.write_text(json.dumps(head | sections), encoding="utf-8")
        return load(str(file))

    return load_it


def test_a_bare_overlay_is_its_base_under_another_name(propose: Propose) -> None:
    base, proposal = load("tiny").to_dict(), propose().to_dict()
    assert (proposal.pop("id"), proposal.pop("base")) == ("proposal", "tiny")
    assert proposal.pop("title") == {"en": "P", "zh": "P"}
    assert proposal.pop("description") == {"en": "", "zh": ""}
    assert proposal == {key: base[key] for key in proposal}


def test_add(propose: Propose) -> None:
    network = propose(
        add={
            "sites": {"tianjin": {"name": "Tianjin", "kind": "metro", "location": [39.1, 117.2], **FIGURE}},
            "links": ["beijing -- tianjin", {"ends": ["qingyang", "beijing"], "id": "direct"}],
            "demands": {"d": {"from": "tianjin", "to": "beijing", "rate_gbps": 1, **FIGURE}},
        }
    )
    base = load("tiny")
    assert list(network.sites) == [*base.sites, "tianjin"]
    assert list(network.links) == [*base.links, "beijing--tianjin", "direct"]  # numbering of the base is kept
    assert list(network.demands) == ["d"]


def test_change(propose: Propose) -> None:
    network = propose(
        change={
            "figures": {"route_factor": {"value": 1.3, "assumption": "a new route"}},
            "emulation": {"rate_scale": 500},
            "routing": {"dscp": {"compute": 34}},
            "measure": {"to": ["xian"]},
            "sites": {"xian": {"name": "Chang'an", "kind": "ixp"}},
            "links": {"lanzhou--xian": {"capacity_gbps": 400, **FIGURE}},
        }
    )
    assert network.figures["route_factor"] == (1.3, Provenance(assumption="a new route"))
    assert network.figures["fibre_us_per_km"][1].sources == ("fibre",)
    assert network.rate_scale == 500
    assert list(network.routing.dscp.values()) == [0, 34]
    assert (network.comparison.source, network.comparison.destinations) == ("qingyang", ("xian",))
    assert (network.sites["xian"].name.en, network.sites["xian"].kind) == ("Chang'an", "ixp")
    assert network.sites["xian"].provenance.sources == ("geonames",)  # no figure changed, so its source holds
    assert network.links["lanzhou--xian"].capacity_gbps == 400
    assert network.links["lanzhou--xian"].route_basis == "great circle x 1.3"


def test_changed_figures_lose_the_origin_they_had(propose: Propose) -> None:
    network = propose(change={"links": {"xian--beijing": {"capacity_gbps": 800, "source": "topozoo"}}})
    assert network.links["xian--beijing"].provenance == Provenance(sources=("topozoo",))
    assert network.links["xian--beijing"].route_km == 1460
    with pytest.raises(InputError, match="without saying where the figure comes from"):
        propose(change={"links": {"xian--beijing": {"capacity_gbps": 800}}})


@pytest.mark.parametrize(
    ("change", "basis"),
    [
        ({"latency_ms": 8, **FIGURE}, "from latency"),
        ({"route_factor": 1.2, **FIGURE}, "great circle x 1.2"),
        ({"route_km": None}, "great circle x 1.6"),
    ],
)
def test_ways_to_say_a_length_replace_each_other(
    change: dict[str, Any], basis: str, propose: Propose
) -> None:
    assert propose(change={"links": {"xian--beijing": change}}).links["xian--beijing"].route_basis == basis


def test_loss_alone_and_loss_in_bursts_replace_each_other(propose: Propose) -> None:
    bursts = {"good_to_bad": 0.01, "bad_to_good": 0.19}
    change = {"xian--beijing": {"burst_loss": bursts} | FIGURE}
    link = propose(change={"links": change}).links["xian--beijing"]
    assert (link.loss_ratio, link.burst_loss is not None) == (0.05, True)


def test_remove(propose: Propose) -> None:
    network = propose(
        remove={"sites": ["lanzhou"], "links": ["qingyang--lanzhou", "lanzhou--xian"]},
        add={"links": ["qingyang -- xian"]},
    )
    assert list(network.sites) == ["qingyang", "xian", "beijing"]
    assert list(network.links) == ["xian--beijing", "qingyang--xian"]


def test_remove_and_add_again_replaces(propose: Propose) -> None:
    new = {"name": "New Lanzhou", "kind": "pop", "location": [36, 104], **FIGURE}
    network = propose(remove={"sites": ["lanzhou"]}, add={"sites": {"lanzhou": new}})
    assert network.sites["lanzhou"].name.en == "New Lanzhou"
    assert list(network.sites)[-1] == "lanzhou"


def test_sources_of_both_are_known(propose: Propose) -> None:
    network = propose(
        sources={"plan": {"title": "The plan"}},
        add={"links": [{"ends": ["qingyang", "xian"], "route_km": 320, "source": ["plan", "topozoo"]}]},
    )
    assert network.links["qingyang--xian"].provenance.sources == ("plan", "topozoo")
    assert network.sources["plan"].title == "The plan"


def test_overlays_stand_on_overlays_and_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(name: str, base: str, link: str) -> None:
        text = f"onehop: 1\nbase: {base}\nid: {Path(name).stem}\ntitle: T\nadd: {{links: [{link}]}}\n"
        (tmp_path / name).write_text(text, encoding="utf-8")

    (tmp_path / "sub").mkdir()
    write("first.yaml", "tiny", "qingyang -- xian")
    write("sub/second.yaml", "../first.yaml", "qingyang -- beijing")
    write("import.yaml", "topohub:topozoo/Cernet", "lanzhou -- urumqi")
    monkeypatch.chdir(tmp_path)
    base, proposal = load_pair("sub/second.yaml")
    assert (base.id, proposal.base, base.base) == ("first", "first", "tiny")
    assert list(proposal.links)[-2:] == ["qingyang--xian", "qingyang--beijing"]
    assert (
        proposal.digest() == load(str(tmp_path / "sub" / "second.yaml")).digest()
    )  # wherever it is called from
    base, proposal = load_pair("import.yaml")
    assert len(proposal.links) == len(base.links) + 1


def test_a_tower_of_overlays_ends(tmp_path: Path) -> None:
    for number in range(30):
        text = f"onehop: 1\nbase: o{number + 1}.yaml\nid: o{number}\ntitle: T\n"
        (tmp_path / f"o{number}.yaml").write_text(text, encoding="utf-8")
    (problem,) = check(str(tmp_path / "o0.yaml"))
    assert "more than 20 overlays stand on each other" in problem.what
