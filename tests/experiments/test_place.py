"""``onehop place`` at its boundary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.cli import guarded, onehop
from topology.emulation.layout import Layout
from topology.placement.model import Placement
from topology.placement.parts import Part, parts
from topology.scenario import load

MACHINES = """\
placement: 1
machines:
  here: {address: 192.0.2.10, reach: [], mtu_bytes: 1600}
  there: {address: 192.0.2.11, mtu_bytes: 1600}
underlay: [{one_way_ms: 0.5, rate_mbps: 30}]
"""


def run(*words: str) -> int:
    return guarded(lambda: onehop.main(["place", *words], standalone_mode=False))


@pytest.fixture
def machines(tmp_path: Path) -> str:
    file = tmp_path / "machines.yaml"
    file.write_text(MACHINES, encoding="utf-8")
    return str(file)


def test_machines_links_and_what_they_add(machines: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("tiny", "--machines", machines) == 0
    told = capfd.readouterr()
    assert "4 sites and 3 links on 2 machines; 1 link crosses" in told.out
    rows = [row.split() for row in told.out.splitlines()]
    assert any(row[:3] == ["here", "(controller)", "192.0.2.10"] for row in rows)
    (crossing,) = [row for row in rows if row and row[-1].startswith("100000")]
    assert float(crossing[3]) == pytest.approx(float(crossing[4]) + float(crossing[5]))
    assert told.err.startswith("warning: here - there: 1 crossing link at full rate")


def test_json_and_parts_are_what_was_placed(
    machines: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "parts"
    assert run("tiny", "--machines", machines, "--json", "--parts", str(folder)) == 0
    data = json.loads(capfd.readouterr().out)
    assert sorted(file.name for file in folder.iterdir()) == [
        "part-here.json",
        "part-there.json",
        "placement.json",
    ]
    placement = Placement.from_json((folder / "placement.json").read_text())
    assert json.loads(placement.to_json()) == data["placement"]
    assert [entry["link"] for entry in data["crossing"]] == list(placement.crossing)
    assert data["between"][0]["rate_mbps"] == 30
    for name, part in parts(Layout.of(load("tiny")), placement).items():
        assert Part.from_json((folder / f"part-{name}.json").read_text()) == part
    assert run("tiny", "--machines", machines, "--parts", str(folder)) == 2
    assert "something is there already" in capfd.readouterr().err


def test_the_same_bytes_twice(machines: str, capfd: pytest.CaptureFixture[str]) -> None:
    told = [(run("tiny", "--machines", machines, "--json"), capfd.readouterr().out) for _ in range(2)]
    assert told[0] == told[1]


def test_schema_and_bad_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--schema") == 0
    assert json.loads(capfd.readouterr().out)["$id"] == "urn:onehop:placement:1"
    assert run("tiny") == 2
    assert "error: --machines: say on which machines" in capfd.readouterr().err
    assert run("tiny", "--machines", str(tmp_path / "nowhere.yaml")) == 2
    assert "there is no such file" in capfd.readouterr().err
