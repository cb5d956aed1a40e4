"""``onehop admit --optimise`` at its boundary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.placement import optimise
from experiments.cli import guarded, onehop
from experiments.cli.placements import sentences
from tests.controller.test_placement import crowd, demand, reserving, square
from topology.scenario import load

BLOCKING = """\
scenario: tiny-deterministic
demands:
  long: {from: lanzhou, to: beijing, rate_gbps: 40, burst_mbit: 1, class: reserved, max_one_way_ms: 30,
    max_hops: 2, assumption: over both links}
  first: {from: lanzhou, to: xian, rate_gbps: 40, burst_mbit: 1, class: reserved, max_one_way_ms: 30,
    max_hops: 1, assumption: over one}
"""


def admit(*words: str) -> int:
    return guarded(lambda: onehop.main(["admit", *words], standalone_mode=False))


@pytest.fixture
def blocking(tmp_path: Path) -> str:
    file = tmp_path / "blocking.yaml"
    file.write_text(BLOCKING, encoding="utf-8")
    return str(file)


def test_the_comparison_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert admit("qingyang-deterministic", "--emulated") == 6
    assert admit("qingyang-deterministic", "--emulated", "--optimise") == 0
    told = capfd.readouterr().out
    assert "7 of 7 demands admitted" in told
    assert "No placement has a larger rate (proven" in told
    assert "One by one falls 7.7 % short of the most possible." in told
    assert "Refused one by one, but fits: mirror-shanghai-beijing" in told


def test_json_has_both_scores(blocking: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert admit(blocking, "--optimise", "--objective", "count", "--json", "--without", "lanzhou--xian") == 6
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
