"""``onehop bound`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.bounds.examples import EXAMPLES
from experiments.cli import guarded, onehop


def bound(*words: str) -> int:
    return guarded(lambda: onehop.main(["bound", *words], standalone_mode=False))


@pytest.fixture
def two(tmp_path: Path) -> str:
    file = tmp_path / "two.yaml"
    file.write_text(EXAMPLES["fifo"], encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_an_example_is_a_file_to_start_from(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bound("--example", name) == 0
    (tmp_path / "f.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert bound(str(tmp_path / "f.yaml"), "--theorems") == 0
    assert "theorem" in capsys.readouterr().out


def test_delays_of_two_servers_with_two_flows(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bound(two, "--multiplexing", "fifo") == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["f1", "s1", ">", "s2", "40", "35", "175", "35"] in words
    assert ["s2", "25", "250"] in words


def test_json_has_exact_fractions_and_theorems(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bound(two, "--json", "--method", "sfa", "--multiplexing", "arbitrary") == 0
    told = json.loads(capsys.readouterr().out)
    (result,) = told["results"]
    assert told["units"] == {"data": "", "time": ""}
    assert (result["method"], result["multiplexing"]) == ("sfa", "arbitrary")
    assert result["flows"]["f1"]["delay"]["exact"] == "65"
    assert "theorem 6.2.1" in result["flows"]["f1"]["delay"]["theorem"]


def test_chinese(two: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bound(two, "--language", "zh") == 0
    assert "最小时延" in capsys.readouterr().out


def test_a_method_without_an_answer_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLES["ring"].replace("rate: 1000,", "rate: 1400,")
    (tmp_path / "ring.yaml").write_text(text, encoding="utf-8")
    assert bound(str(tmp_path / "ring.yaml")) == 0
    told = capsys.readouterr()
    assert "tfa++: s0, s1, s2, s3, s4 feed each other in a circle: solved exactly" in told.out
    assert "tfa: no bound: " in told.err
    assert bound(str(tmp_path / "ring.yaml"), "--method", "sfa") == 2


def test_mistakes_are_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("servers: {a: {}}\nflows: {f: {path: [b]}}", encoding="utf-8")
    assert bound(str(tmp_path / "f.yaml")) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("hint:") >= 1
    assert "the key 'rate' is missing" in told.err
    assert bound() == 2
    assert bound("--method", "ftl", "x") == 2
