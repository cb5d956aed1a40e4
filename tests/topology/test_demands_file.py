"""Files of demands on a scenario: read as a scenario's own demands are, every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from topology.errors import InputError
from topology.network import Protection, TrafficClass
from topology.scenario import load, load_with_demands

SOUND = """\
scenario: tiny-deterministic
sources:
  note: {title: A note, grade: D}
demands:
  second: {from: beijing, to: lanzhou, rate_gbps: 6, class: reserved, max_one_way_ms: 30, source: note}
  first: {from: xian, service: storage, rate_gbps: 1, class: reserved, max_one_way_ms: 20, protection: site,
    assumption: an example}
"""

MISTAKES = """\
scenario: tiny-deterministic
demand: 3
demands:
  one: {from: bejing, to: qingyang, rate_gbps: -10, class: reserved, max_one_way_ms: 9, assumption: ours}
  two: {from: beijing, to: lanzhou, rate_gbps: 60, class: reserved, assumption: an example}
  three: {from: beijing, to: lanzhou, rate_gbps: 60, max_hops: 3}
"""

TOLD = """\
demands.yaml:2:1 demand: unknown key 'demand'
    hint: did you mean 'demands'?
demands.yaml:4:9 demands.one.from: unknown site 'bejing'
    hint: did you mean 'beijing'?
demands.yaml:4:37 demands.one.rate_gbps: found -10; expected more than 0 Gbit/s
demands.yaml:5:3 demands.two: a reserved demand states no max_one_way_ms
    hint: say which one-way delay must never be exceeded
demands.yaml:6:3 demands.three: nothing says where rate_gbps comes from
    hint: add 'source: ID' (an id of the sources section) or 'assumption: WHY'
demands.yaml:6:54 demands.three.max_hops: max_hops of a demand of class best-effort; only reserved ones ask \
for it
    hint: make it 'class: reserved', or take it out"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(folder: Path, text: str) -> str:
    (folder / "demands.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_with_demands("demands.yaml")
    return str(error.value)


def test_the_files_demands_take_the_place_of_the_scenarios(folder: Path) -> None:
    (folder / "demands.yaml").write_text(SOUND.replace("service: storage", "to: beijing"), encoding="utf-8")
    network = load_with_demands("demands.yaml")
    assert list(network.demands) == ["second", "first"]
    first = network.demands["first"]
    assert (first.traffic_class, first.protection, first.burst_mbit) == (
        TrafficClass.RESERVED,
        Protection.SITE,
        0.1,
    )
    assert network.links == load("tiny-deterministic").links
    assert "note" in network.sources


def test_every_mistake_at_once_with_its_place(folder: Path) -> None:
    assert told(folder, MISTAKES) == TOLD


def test_a_scenario_that_is_not_there_is_told_where_it_is_named(folder: Path) -> None:
    text = told(folder, "scenario: tinny\ndemands: {}\n")
    assert text.startswith("demands.yaml:1:1 scenario: no scenario has the name 'tinny'")
    assert "did you mean 'tiny'?" in text
    assert "demands.yaml:2:1 demands: found 0 entries; expected at least 1" in text
    assert "the key 'scenario' is missing" in told(folder, "demands: {}\n")


def test_a_scenario_that_sets_nothing_aside_is_told_with_its_cure(folder: Path) -> None:
    text = told(
        folder, SOUND.replace("tiny-deterministic", "tiny").replace("service: storage", "to: beijing")
    )
    assert "add 'reserved: {}' under routing" in text


def test_a_path_is_relative_to_the_file(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "mine.yaml").write_text(
        "onehop: 1\nbase: tiny-deterministic\nid: mine\ntitle: Mine\n", encoding="utf-8"
    )
    text = SOUND.replace("tiny-deterministic", "mine.yaml").replace("service: storage", "to: beijing")
    (folder / "below" / "demands.yaml").write_text(text, encoding="utf-8")
    assert load_with_demands("below/demands.yaml").id == "mine"


@pytest.mark.parametrize("reference", ["tiny", "qingyang-deterministic", "topohub:topozoo/Cernet"])
def test_a_scenario_is_itself(reference: str) -> None:
    assert load_with_demands(reference) == load(reference)
