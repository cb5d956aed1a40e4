"""``onehop propose`` at its boundary: the answer, the folder, resuming, and what mistakes are told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.cli import guarded, onehop, propose_work
from experiments.cli.propose import exit_code_of
from experiments.proposals import answer as ordering
from experiments.proposals.answer import Options, to_emulate, with_budget
from experiments.proposals.document import load_study
from experiments.proposals.findings import Best
from experiments.proposals.output.folder import read_document
from tests.experiments.proposals import synthetic_answer
from topology.errors import InputError

QUICKLY = ("--workers", "1", "--samples", "0")


def propose(*words: str) -> int:
    return guarded(lambda: onehop.main(["propose", *words], standalone_mode=False))


@pytest.fixture(autouse=True)
def without_optics(monkeypatch: pytest.MonkeyPatch) -> None:
    """GNPy takes seconds and has tests of its own."""
    monkeypatch.setattr(ordering, "note", lambda: "not here")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small study."""
    folder = tmp_path_factory.mktemp("propose") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "note", lambda: "not here")
        assert propose("tiny-candidates", *QUICKLY, "--output", str(folder)) == 0
    return folder


def test_it_answers_and_leaves_everything_in_the_folder(finished: Path) -> None:
    files = {file.name for file in finished.iterdir()}
    assert {"manifest.json", "study.json", "proposal.json", "proposal.xlsx", "report.html"} <= files
    assert {"ranking.csv", "pareto.csv", "cuts.csv", "figures.csv"} <= files
    assert "work" not in files
    manifest = json.loads((finished / "manifest.json").read_text())
    assert (manifest["experiment"], manifest["status"]) == ("propose", "complete")
    answer = read_document(finished).answer
    study = load_study("tiny-candidates")
    assert {each.portfolio[0].candidate for each in answer.alone} == set(study.candidates)
    assert answer.best.portfolio
    assert answer.evaluation.portfolio == answer.best.portfolio
    assert answer.evaluation.delay_saved == pytest.approx(answer.best.delay_saved)
    assert set(answer.resilience) == {"base", "best"}
    assert answer.sureness is None
    assert answer.optics_note == "not here"


def test_json_is_the_file(tmp_path: Path, finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert propose("tiny-candidates", *QUICKLY, "--json", "--output", str(tmp_path / "run")) == 0
    out, err = capfd.readouterr()
    assert out == (tmp_path / "run" / "proposal.json").read_text(encoding="utf-8")
    assert out == (finished / "proposal.json").read_text(encoding="utf-8")
    assert "report: " in err


def test_the_folder_is_named_after_time_and_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(propose_work, "answer", _stopped)
    assert propose("tiny-candidates") == 130
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.endswith("Z-propose-tiny-candidates")


def _stopped(*_: object, **__: object) -> object:
    raise KeyboardInterrupt


def test_what_is_interrupted_goes_on_to_the_same_bytes(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(ordering, "interactions", _stopped)
        assert propose("tiny-candidates", *QUICKLY, "--output", str(folder)) == 130
    assert f"onehop propose --resume {folder}" in capfd.readouterr().err
    assert json.loads((folder / "manifest.json").read_text())["status"] == "interrupted"
    assert not (folder / "proposal.json").exists()
    # What was done is found, not done again.
    monkeypatch.setattr(ordering, "best", _again)
    monkeypatch.setattr(ordering, "next_yuan", _again)
    assert propose("--resume", str(folder), "--workers", "1") == 0
    assert (folder / "proposal.json").read_bytes() == (finished / "proposal.json").read_bytes()
    assert (folder / "proposal.xlsx").read_bytes() == (finished / "proposal.xlsx").read_bytes()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "complete"


def _again(*_: object, **__: object) -> object:
    raise AssertionError("was done again")


def test_a_finished_folder_is_shown_again(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (finished / "proposal.json").read_bytes()
    assert propose("--resume", str(finished), "--language", "zh") == 0
    assert "建议建设" in capfd.readouterr().out
    assert (finished / "proposal.json").read_bytes() == before


def test_the_report_is_built_again_from_the_folder(finished: Path) -> None:
    before = (finished / "report.html").read_bytes()
    assert guarded(lambda: onehop.main(["report", str(finished)], standalone_mode=False)) == 0
    assert (finished / "report.html").read_bytes() == before


def test_another_budget_is_another_answer(tmp_path: Path, finished: Path) -> None:
    folder = tmp_path / "run"
    assert propose("tiny-candidates", *QUICKLY, "--budget", "70", "--output", str(folder)) == 0
    poor, rich = read_document(folder), read_document(finished)
    assert poor.study.budget.total_cny_million == 70
    assert poor.answer.evaluation.cost.build_cny_million <= 70
    assert poor.answer.best.delay_saved < rich.answer.best.delay_saved
    assert poor.answer.digest != rich.answer.digest


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tiny-candidates", "--budget", "1"], "buys nothing"),
        (["tiny-candidates", "--budget", "-5"], "above 0"),
        (["tiny-candidates", "--samples", "-1"], "--samples must be 0"),
        (["tiny-candidates", "--emulate", "99"], "--emulate must be 0 to 20"),
        (["tiny-candidates", "--seed", "-1"], "--seed"),
        (["tiny-candidates", "--repetitions", "0"], "--repetitions"),
        (["no-such-study"], "tiny-candidates"),
        ([], "no STUDY is named"),
        (["--resume", "nowhere"], "no such result folder"),
        (["--resume", "nowhere", "--budget", "7"], "--budget does not go with --resume"),
        (["tiny-candidates", "--resume", "nowhere"], "STUDY does not go with --resume"),
        (["tiny-candidates", "--workers", "0"], "at least 1 worker"),
        (["explain", "nowhere", "tiny-candidates"], "its candidates: "),
        (["explain", "nowhere"], "there is no result of 'onehop propose'"),
    ],
)
def test_a_mistake_is_answered_and_leaves_nothing(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert propose(*words) == 2
    out, err = capfd.readouterr()
    assert expected in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_cheapest_candidate_is_named_where_nothing_can_be_bought(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert propose("tiny-candidates", "--budget", "1") == 2
    err = capfd.readouterr().err
    assert any(candidate in err for candidate in load_study("tiny-candidates").candidates)
    assert "--budget" in err


def test_a_study_is_checked_without_computing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert propose("tiny-candidates", "--check") == 0
    assert "ok: tiny-candidates: 3 candidates" in capfd.readouterr().out
    file = tmp_path / "mistaken.yaml"
    file.write_text("proposal: 1\nid: mistaken\nyears: -3\n", encoding="utf-8")
    assert propose(str(file), "--check") == 2
    assert "mistaken.yaml" in capfd.readouterr().err


def test_the_schema_and_the_studies_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert propose("--schema") == 0
    assert "StudyFile" in json.loads(capfd.readouterr().out)["$defs"]
    assert propose("--list") == 0
    assert "tiny-candidates: " in capfd.readouterr().out


def test_explain_traces_every_figure_to_what_it_rests_on(capfd: pytest.CaptureFixture[str]) -> None:
    study = load_study("tiny-candidates")
    candidate = next(iter(study.candidates))
    assert propose("explain", candidate, "tiny-candidates", "--json") == 0
    figures = {each["name"]: each for each in json.loads(capfd.readouterr().out)["figures"]}
    assert {"route_km", "build_cny_million", "delay_saved", "payback_years"} <= set(figures)
    assert all(item["rests_on"] for each in figures.values() for item in each["inputs"])
    named = {item["name"] for each in figures.values() for item in each["inputs"]}
    assert {"operation_ratio_per_year", "unserved_ms", "discount_rate_per_year"} <= named
    assert propose("explain", candidate, "tiny-candidates") == 0
    shown = capfd.readouterr().out
    assert "[1] " in shown
    assert "assumption: " in shown


def test_explain_agrees_with_the_ranking(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = read_document(finished).answer.alone[0]
    assert propose("explain", first.portfolio[0].candidate, str(finished), "--json") == 0
    figures = {each["name"]: each["value"] for each in json.loads(capfd.readouterr().out)["figures"]}
    assert figures["delay_saved"] == pytest.approx(first.delay_saved, abs=1e-6)
    assert figures["build_cny_million"] == pytest.approx(first.cost.build_cny_million, abs=1e-6)
    assert figures["cost_per_ms_cny_million"] == pytest.approx(first.cost_per_ms_cny_million, abs=1e-6)


def test_explain_takes_the_newest_result(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, tmp_path / "results" / "20260101T000000Z-propose-tiny-candidates")
    monkeypatch.chdir(tmp_path)
    assert propose("explain", next(iter(load_study("tiny-candidates").candidates))) == 0
    assert "(tiny-candidates)" in capfd.readouterr().out


def test_help_tells_of_explain(capfd: pytest.CaptureFixture[str]) -> None:
    assert propose("--help") == 0
    assert "onehop propose explain" in capfd.readouterr().out
    assert propose("explain", "--help") == 0
    assert "Trace every figure" in capfd.readouterr().out


def test_portfolios_are_emulated_best_first_and_once() -> None:
    answer = synthetic_answer.answer()
    chosen = to_emulate(answer.best, answer.pareto, answer.alone, 4)
    assert chosen[0] == answer.best.portfolio
    assert len(set(chosen)) == len(chosen) == 4
    assert all(chosen)
    empty = Best(1.0, (), 0.0, 0.0, answer.best.proof)
    assert all(to_emulate(empty, answer.pareto, answer.alone, 2))


def test_evidence_off_the_prediction_shows_in_the_exit_code() -> None:
    evidence = [replace(one, within_tolerance=True) for one in synthetic_answer.answer().evidence]
    assert exit_code_of(()) == exit_code_of(tuple(evidence)) == 0
    assert exit_code_of((*evidence, replace(evidence[0], within_tolerance=False))) == 5


def test_a_budget_of_years_stays_with_another_total() -> None:
    study = load_study("tiny-candidates")
    assert with_budget(study, 5.0).budget.yearly_cny_million == study.budget.yearly_cny_million
    with pytest.raises(InputError, match="above 0"):
        with_budget(study, float("nan"))


def test_options_that_change_nothing_have_no_place_in_the_folder(finished: Path) -> None:
    options = json.loads((finished / "manifest.json").read_text())["options"]
    assert set(options) == {"study", "samples", "seed", "emulate", "repetitions"}
    assert Options().samples > 0
