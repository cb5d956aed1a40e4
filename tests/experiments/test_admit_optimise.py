"""``onehop admit --optimise`` at its boundary."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from controller.disjoint import MAX_PRIMARIES
from controller.placement import optimise
from experiments.cli import guarded, onehop
from experiments.cli.admit import REFUSED
from experiments.cli.placements import TIME_LIMIT_S, sentences
from tests.controller.test_placement import crowd, demand, reserving, square
from topology.emulation.links.classes import LEAST_BURST_FRAMES
from topology.scenario import load

BLOCKING = """\
scenario: tiny-deterministic
demands:
  long: {from: lanzhou, to: beijing, rate_gbps: 50, burst_mbit: 5, class: reserved, max_one_way_ms: 20,
    assumption: over both links}
  first: {from: lanzhou, to: qingyang, rate_gbps: 40, burst_mbit: 5, class: reserved, max_one_way_ms: 5,
    assumption: over one}
  second: {from: qingyang, to: beijing, rate_gbps: 40, burst_mbit: 5, class: reserved, max_one_way_ms: 9,
    assumption: over the other}
"""


def admit(*words: str) -> int:
    return guarded(lambda: onehop.main(["admit", *words], standalone_mode=False))


@pytest.fixture
def blocking(tmp_path: Path) -> str:
    file = tmp_path / "blocking.yaml"
    file.write_text(BLOCKING, encoding="utf-8")
    return str(file)


def test_the_comparison_is_shown(blocking: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert admit(blocking) == 6
    assert admit(blocking, "--optimise") == 0
    told = capfd.readouterr().out
    assert "3 of 3 demands admitted" in told
    assert "No placement has a larger rate (proven" in told
    assert "One by one falls 61.54 % short of the most possible." in told
    assert "Refused one by one, but fits: first, second" in told


def test_json_has_both_scores(blocking: str, capfd: pytest.CaptureFixture[str]) -> None:
    cut = ("--without", "lanzhou--xian")
    assert admit(blocking, "--optimise", "--objective", "count", "--json", *cut) == 6
    data = json.loads(capfd.readouterr().out)
    scores = data["optimise"]
    assert scores["objective"] == "count"
    assert scores["worth_bound"] == scores["placed"]["worth"] == sum(a["admitted"] for a in data["answers"])
    assert set(data["standing"]["reservations"]) == {a["id"] for a in data["answers"] if a["admitted"]}


def test_options_of_optimise_need_it(blocking: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert admit(blocking, "--objective", "count") == 2
    assert admit(blocking, "--time-limit", "5") == 2
    assert "go with --optimise" in capfd.readouterr().err


def test_what_is_not_proven_is_said() -> None:
    network = reserving(load("topohub:topozoo/Cernet"), burst_ms=2.0)
    told = sentences(optimise(network, crowd(network, 60), seconds=0.0))
    assert told[0].startswith("Not proven that this is the best")
    assert any(sentence.startswith("One by one falls at most ") for sentence in told)


def test_nothing_gained_is_said() -> None:
    told = sentences(optimise(square(), [demand("only", "ad", 0.5)]))
    assert told[:2] == [
        "No placement has a larger rate (proven by duality, in whole numbers).",
        "One by one reaches it too.",
    ]


@pytest.mark.parametrize("page", ["admission.md", "admission.zh.md"])
def test_the_page_shows_what_is_told(page: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^```(yaml|text)\n(.*?)^```", text, re.M | re.S)[:1])
    shown = [body for kind, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S) if kind == "text"]
    file = tmp_path / "three.yaml"
    file.write_text(blocks["yaml"], encoding="utf-8")
    admit(str(file))
    admit(str(file), "--optimise")
    told = capfd.readouterr()
    plain = "\n".join(line.rstrip() for line in f"{told.out}\n{told.err}".splitlines())
    assert [block for block in shown if block not in plain + "\n"] == []
    assert len(shown) == 3
    for figure in (MAX_PRIMARIES, LEAST_BURST_FRAMES, f"{TIME_LIMIT_S:g}", REFUSED):
        assert re.search(rf"\b{figure}\b", text, re.A)
