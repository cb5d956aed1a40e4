"""``onehop admit`` at its boundary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.cli import guarded, onehop

DEMANDS = """\
scenario: tiny-deterministic
demands:
  easy: {from: beijing, to: qingyang, rate_gbps: 10, class: reserved, max_one_way_ms: 30, protection: link,
    assumption: an example}
  hasty: {from: beijing, to: qingyang, rate_gbps: 10, class: reserved, max_one_way_ms: 5, assumption: ours}
"""


def admit(*words: str) -> int:
    return guarded(lambda: onehop.main(["admit", *words], standalone_mode=False))


@pytest.fixture
def demands(tmp_path: Path) -> str:
    file = tmp_path / "demands.yaml"
    file.write_text(DEMANDS, encoding="utf-8")
    return str(file)


def test_a_table_and_a_sentence_for_each_refusal(demands: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert admit(demands) == 6
    told = capfd.readouterr()
    assert "1 of 2 demands admitted, at real rates" in told.out
    assert "Beijing > Xi'an > Qingyang" in told.out
    assert told.err.startswith("hasty: at most 5 ms asked, but the least bound is")
    assert "possible would be a limit of" in told.err


def test_json_has_everything(demands: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert admit(demands, "--json", "--without", "qingyang--beijing") == 6
    data = json.loads(capfd.readouterr().out)
    easy, hasty = data["answers"]
    assert easy["admitted"]
    assert easy["backup"]["sites"] == ["beijing", "xian", "qingyang"]
    assert not hasty["admitted"]
    assert hasty["constraint"] == "delay"
    assert hasty["possible"]["max_one_way_ns"] == easy["primary"]["bound_ns"]
    assert data["standing"]["reservations"]["easy"]["state"] == "on-backup"
    assert {usage["rate_bps"] for usage in data["usage"]} == {10**10}


def test_a_broken_promise_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "demands.yaml"
    line = next(line for line in DEMANDS.splitlines() if "hasty" in line)
    text = f"scenario: tiny-deterministic\ndemands:\n{line.replace('ms: 5,', 'ms: 9,')}\n"
    file.write_text(text, encoding="utf-8")
    assert admit(str(file)) == 0
    assert admit(str(file), "--without", "qingyang--beijing") == 6
    told = capfd.readouterr()
    assert "broken" in told.out
    assert "hasty: at most 9 ms asked" in told.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tiny"], "no demand is of class reserved"),
        (["tiny-deterministic", "--without", "qingyang--bejing"], "did you mean 'qingyang--beijing'"),
        (["missing.yaml"], "there is no such file"),
    ],
)
def test_bad_input_is_one_clear_error(
    words: list[str], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert admit(*words) == 2
    told = capfd.readouterr().err
    assert told.startswith("error: ")
    assert expected in told


def test_the_shipped_scenario_is_answered_at_its_scale(capfd: pytest.CaptureFixture[str]) -> None:
    assert admit("tiny-deterministic", "--emulated") == 0
    assert "3 of 3 demands admitted, emulated at 1 : 10000" in capfd.readouterr().out
