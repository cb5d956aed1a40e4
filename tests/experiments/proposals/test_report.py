"""The page for a meeting and the tables: complete in both languages, self-contained, never empty."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.proposals.findings import Answer, Best, Evaluation, NextYuan, Proof
from experiments.proposals.model import Study
from experiments.proposals.output.folder import write_answer, write_study
from experiments.report import write_report
from experiments.report.proposal_findings import amount, key_figures, to_know, verdict
from experiments.report.proposal_names import StudyNames
from experiments.report.proposal_table import print_proposal
from experiments.results import Backend, Host, Manifest, ResultFolder, ScenarioReference
from tests.experiments.proposals import synthetic_answer
from topology.network import Text

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> $x^2$ & {{ 7*7 }}"
LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module")
def study() -> Study:
    return synthetic_answer.study()


@pytest.fixture(scope="module")
def answer(study: Study) -> Answer:
    return synthetic_answer.answer(study)


def nothing_built(study: Study, answer: Answer) -> Answer:
    """The answer if no portfolio saves anything."""
    empty = replace(
        answer.evaluation, portfolio=(), pairs=(), moved_demands={}, delay_saved=0.0, mean_delay_saved_ms=0.0
    )
    best = Best(study.budget.total_cny_million, (), 0.0, 0.0, Proof.OPTIMAL)
    return replace(answer, best=best, evaluation=empty, next_yuan=NextYuan((), None, 0.0, 0.0))


def without_targets_met(found: Evaluation) -> Evaluation:
    targets = tuple(replace(t, met_after=False, met_before=False) for t in found.targets)
    return replace(found, targets=targets)


def made(path: Path, study: Study, answer: Answer) -> ResultFolder:
    manifest = Manifest(
        experiment="propose",
        created="2026-01-01T00:00:00Z",
        onehop="0.1.0",
        seed=1,
        scenarios={
            "base": ScenarioReference(id=study.base.id, title=study.base.title, digest=study.base.digest())
        },
        rate_scale=1.0,
        backend=Backend(datapath="other", pipe="other"),
        host=Host(kernel="Linux", python="3.12.0", cpu_model="a processor", cpu_count=2),
    )
    folder = ResultFolder.create(manifest, path=path)
    write_study(folder.path, study)
    write_answer(folder.path, study, answer, verdict(study, answer))
    return folder


@pytest.fixture(scope="module")
def folder(study: Study, answer: Answer, tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    return made(tmp_path_factory.mktemp("page") / "run", study, answer)


@pytest.fixture(scope="module")
def page(folder: ResultFolder) -> str:
    return write_report(folder).read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Ids, what is loaded, handlers, texts by language; fails on wrong nesting."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.texts: dict[str | None, str] = {}
        self._languages: list[str | None] = [None]
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.handlers += [name for name in found if name.startswith("on")]
        self.loads += [
            v or "" for n, v in attrs if n in ("src", "data") or (n.endswith("href") and tag != "a")
        ]
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)
            self._languages.append(found.get("lang", self._languages[-1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._languages.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            language = self._languages[-1]
            self.texts[language] = self.texts.get(language, "") + data


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r'(?:href="|url\()#([\w.-]+)', page)) <= set(reader.ids)
    assert [load for load in reader.loads if not load.startswith("#")] == []
    assert reader.handlers == []
    assert "default-src 'none'" in page
    assert len(page) < 1_500_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_it_all_in_each_language(
    page: str, study: Study, answer: Answer, language: str
) -> None:
    text = Reader(page).texts[language]
    names = StudyNames(study)
    assert verdict(study, answer).in_language(language) in text
    for found in to_know(study, answer):
        assert found.in_language(language) in text
    for candidate in study.candidates:
        assert names.short(candidate).in_language(language) in text
    for figure in study.figures:
        assert names.figure(figure).in_language(language) in text


def test_the_page_holds_figures_sources_and_assumptions(page: str, study: Study, answer: Answer) -> None:
    every = "".join(Reader(page).texts.values())
    for source in study.sources.values():
        assert source.title in every
    assert "assumed: usual in the trade" in every
    assert amount(answer.evaluation.cost.build_cny_million) in every
    assert answer.optics[0].candidate.removeprefix("qingyang-").title() in every
    assert "28.30 [28.20, 28.40]" in every  # measured, with its interval


def test_the_same_folder_gives_the_same_page(folder: ResultFolder, page: str) -> None:
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_hostile_names_stay_text(study: Study, answer: Answer, tmp_path: Path) -> None:
    name = Text(HOSTILE, HOSTILE)
    candidates = {id_: replace(link, name=name) for id_, link in study.candidates.items()}
    base = replace(study.base, sites={k: replace(v, name=name) for k, v in study.base.sites.items()})
    asked = replace(study, title=name, base=base, candidates=candidates)
    page = write_report(made(tmp_path / "run", asked, answer)).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "49" not in re.findall(r"\$x\^2\$ &amp; (\S+)", page)


def test_parts_not_asked_for_are_said_to_be_missing(study: Study, answer: Answer, tmp_path: Path) -> None:
    bare = replace(
        answer, optics=(), optics_note="get the extra", sureness=None, evidence=(), interactions=(), pareto=()
    )
    page = write_report(made(tmp_path / "run", study, bare)).read_text(encoding="utf-8")
    text = Reader(page).texts
    assert "get the extra" in text["en"]
    assert "--samples 0" in text["zh"]
    assert "--emulate 1" in text["en"]


def test_nothing_to_build_is_an_answer(study: Study, answer: Answer, tmp_path: Path) -> None:
    nothing = nothing_built(study, answer)
    said = verdict(study, nothing)
    assert said.en.startswith("Build nothing")
    assert "暂不建设" in said.zh
    assert key_figures(study, nothing) == []
    page = write_report(made(tmp_path / "run", study, nothing)).read_text(encoding="utf-8")
    assert said.en in page


def test_no_target_met_names_the_nearest(study: Study, answer: Answer) -> None:
    found = replace(answer, evaluation=without_targets_met(answer.evaluation))
    assert "None of the 12 delay targets is met; nearest is “to " in verdict(study, found).en


def test_demand_without_a_place_is_said_first(study: Study, answer: Answer) -> None:
    load = replace(answer.evaluation.load_after, utilisation=1.0, unserved_gbps=84.0)
    found = replace(answer, evaluation=replace(answer.evaluation, load_after=load))
    assert "84 Gbit/s of demand have no place in 2030" in to_know(study, found)[0].en


def test_a_gap_is_no_proof(study: Study, answer: Answer) -> None:
    best = replace(answer.best, proof=Proof.GAP, bound=answer.best.delay_saved * 1.05)
    assert "over 5.0% more" in verdict(study, replace(answer, best=best)).en


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_fit_a_terminal_and_end_with_the_answer(
    study: Study, answer: Answer, language: str
) -> None:
    file = io.StringIO()
    print_proposal(study, answer, console=Console(file=file, width=120), language=language)
    lines = file.getvalue().splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 120
    assert "…" not in file.getvalue()
    said = verdict(study, answer).in_language(language)[:20]
    assert any(line.startswith(said) for line in lines[-20:])
    marked = [line for line in lines if re.match(r"\d+\* ", line)]
    assert len(marked) == len(synthetic_answer.CHOSEN)


def test_amounts_have_about_three_digits() -> None:
    assert [amount(v) for v in (12345.6, 123.4, 12.34, 1.234, 0.0312, 7.0, None, -1500.0)] == [
        "12,346", "123", "12.3", "1.23", "0.031", "7", "–", "−1,500",
    ]  # fmt: skip
