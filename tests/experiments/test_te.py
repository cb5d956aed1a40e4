"""``onehop te`` at its boundary."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from experiments.cli import guarded, onehop, te

POLSKA = ("topohub:sndlib/polska", "--unit-capacity")


def run(*words: str) -> int:
    return guarded(lambda: onehop.main(["te", *words], standalone_mode=False))


def test_a_row_per_routing_and_a_proof(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*POLSKA, "--weights", "hops", "--weights", "latency") == 0
    told = capfd.readouterr()
    rows = told.out.splitlines()
    assert rows[0].endswith("12 nodes, 36 arcs, 66 demands of 9943 in all")
    assert [row.split()[0] for row in rows[2:6]] == ["shortest", "ECMP", "shortest", "ECMP"]
    assert "1458.08333" in rows[3]
    assert "1.466  bydgoszcz > warsaw" in rows[3]
    assert sum("994.5 " in row for row in rows) == 2
    assert "Proven: no routing has a lower maximum utilisation than 994.5." in told.out
    assert told.err == ""


def test_percent_and_a_note_where_capacities_are_real(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("topohub:sndlib/polska", "--language", "zh") == 0
    told = capfd.readouterr()
    assert "最小化最大利用率" in told.out
    assert "994.50%" in told.out
    assert "states no unit of its demands" in told.err


def test_json_has_loads_proof_and_paths(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*POLSKA, "--json", "--paths") == 0
    data = json.loads(capfd.readouterr().out)
    ecmp, least = data["outcomes"][1], data["outcomes"][2]
    assert ecmp["method"] == "ECMP"
    assert max(arc["utilisation"] for arc in ecmp["arcs"]) == pytest.approx(1458.083, abs=1e-3)
    assert least["max_utilisation"] == {"value": 994.5, "exact": "1989/2"}
    assert least["proof"]["exact"]
    assert least["proof"]["lower_bound"]["exact"] == "1989/2"
    assert {price["arc"] for price in least["proof"]["prices"]} == {
        arc["arc"] for arc in least["bottlenecks"]
    }
    assert sum(Fraction(path["rate"]["exact"]) for path in least["paths"]) == 9943
    assert "paths" not in ecmp


def test_the_same_bytes_twice(capfd: pytest.CaptureFixture[str]) -> None:
    told = [(run(*POLSKA, "--json", "--paths"), capfd.readouterr().out) for _ in range(2)]
    assert told[0] == told[1]


def test_progress_where_it_takes_long(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(te, "LONG", 1)
    assert run(*POLSKA) == 0
    assert "linear programme" in capfd.readouterr().err


def test_a_scenario_of_ours_fits(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("qingyang-direct") == 0
    assert "do not fit" not in capfd.readouterr().out


def test_demands_that_do_not_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "much.yaml"
    demand = "{from: beijing, to: qingyang, rate_gbps: 900000, assumption: far too much}"
    file.write_text(f"scenario: tiny\ndemands:\n  much: {demand}\n", encoding="utf-8")
    assert run(str(file)) == 0
    assert "The demands do not fit, however they are routed." in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["topohub:topozoo/Chinanet"], "there are no demands, so there is no traffic to engineer"),
        (["topohub:sndlib/atlanta", "--weights", "latency"], "it can be routed by: hops, inverse-capacity"),
        (["tiny", "--paths"], "--paths goes with --json"),
        (["none.graph"], "there is no such file"),
        (["tiny", "--demands", "none.demands"], "there is no such file"),
    ],
)
def test_bad_input(words: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    answer = capfd.readouterr()
    assert told in answer.err
    assert answer.out == ""


@pytest.mark.parametrize("page", ["te.md", "te.zh.md"])
def test_the_page_shows_what_is_printed(page: str, capfd: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    shown = text.split("```text\n", 2)[1].split("```")[0]
    assert run("topohub:sndlib/nobel-germany", "--unit-capacity") == 0
    printed = "".join(f"{line.rstrip()}\n" for line in capfd.readouterr().out.splitlines())
    assert printed == shown
