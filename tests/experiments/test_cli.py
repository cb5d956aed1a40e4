"""The command line at its boundary: help, exit codes, one clear error, nothing created."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from experiments import cli
from experiments.cli import VERBS, guarded, onehop
from topology.emulation import registry


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experiments.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    shown = CliRunner().invoke(onehop, [verb, "--help"])
    assert shown.exit_code == 0
    assert f"onehop {verb}" in shown.output
    assert verb == "scenario" or "Example" in shown.output


def test_the_help_page_names_every_verb() -> None:
    shown = CliRunner().invoke(onehop, ["--help"]).output
    assert all(f"\n  {verb} " in shown for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("plan", "qingyang-basline"), "qingyang-baseline"),
        (("plan", "tiny", "--without", "no-such-link"), "--without"),
        (("plan", "tiny", "--from", "paris"), "'paris' is not a site"),
        (("plan", "tiny", "--flows", "paris"), "'paris' is not a site"),
        (("run", "no-such-experiment"), "one-hop"),
        (("run", "missing.py"), "no such file"),
        (("run", "--sites", "paris"), "cannot measure to: paris"),
        (("run", "--samples", "1"), "2 to 1,000,000"),
        (("run", "--utilisation", "1.5"), "0 to 0.95"),
        (("run", "--seed", "-1"), "--seed"),
        (("run", "--rate-scale", "0"), "--rate-scale"),
        (("run", "--proposal", "tiny"), "overlay"),
        (("run", "--scenario", "tiny"), "compares a base and a proposal"),
        (("run", "determinism", "--proposal", "tiny"), "compares no networks"),
        (("run", "determinism", "--scenario", "tiny"), "no reserved demands"),
        (("run", "failover", "--scenario", "tiny"), "sets nothing aside for reserved traffic"),
        (("run", "determinism", "--packets", "5"), "100 to 10,000,000"),
        (("exec", "qingyang", "true"), "no network"),
        (("report", "no-such-folder"), "no such result folder"),
        (("compare", "no-such-folder", "another"), "no such result folder"),
        (("scenario", "show", "tiny", "--map", "map.gif"), ".svg or .png"),
    ],
)
def test_bad_input_is_one_clear_error(
    words: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "LABS", tmp_path / "labs")  # other labs may run on this machine
    code = guarded(lambda: onehop.main(list(words), standalone_mode=False))
    told = capfd.readouterr().err
    assert code == 2
    assert told.startswith("error: ")
    assert expected in told
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_defect_is_told_without_a_traceback_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def broken() -> int:
        raise ZeroDivisionError("a defect")

    assert guarded(broken) == 70
    told = capfd.readouterr().err
    assert "Traceback" not in told
    (kept,) = tmp_path.iterdir()
    assert kept.name in told
    assert "ZeroDivisionError" in kept.read_text()


def test_the_plan_digest_is_the_same_under_any_hash_seed() -> None:
    digests = {
        run("plan", "qingyang-baseline", "--digest", PYTHONHASHSEED=seed).stdout for seed in ("0", "4711")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_json_is_json_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> Any:
        guarded(lambda: onehop.main(list(words), standalone_mode=False))
        return json.loads(capfd.readouterr().out)

    assert json.loads(run("plan", "tiny", "--json").stdout)  # and nothing as the program begins and ends
    assert told("doctor", "--json")["findings"]
    assert told("scenario", "list", "--json")
    assert told("scenario", "schema")["$schema"]
    assert told("scenario", "show", "tiny", "--json")["id"] == "tiny"


def test_a_pipe_that_closes_early_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m experiments.cli plan qingyang-direct --json | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert len(done.stdout) == 10
    assert done.stderr == ""


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_map_is_drawn(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"map{suffix}"
    words = ["scenario", "show", "tiny", "--map", str(target)]
    assert guarded(lambda: onehop.main(words, standalone_mode=False)) == 0
    assert target.stat().st_size > 5000


def test_every_verb_has_a_module() -> None:
    folder = Path(cli.__file__).parent
    assert all((folder / f"{verb}.py").exists() for verb in VERBS)
