"""``onehop propose explain``: every figure of a candidate, traced to its inputs and their sources."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text as Styled

from experiments.cli.console import out
from experiments.proposals.document import load_study
from experiments.proposals.model import Study
from experiments.proposals.output.folder import STUDY_FILE, read_study
from experiments.proposals.output.trace import Step, trace
from experiments.report.proposal_names import StudyNames
from experiments.results import RESULTS_DIRECTORY
from topology.errors import InputError


@click.command()
@click.argument("link")
@click.argument("study", required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="As JSON: name, value, formula and inputs of each figure."
)
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(link: str, study: str | None, as_json: bool, language: str) -> int:
    """Trace every figure of candidate LINK to its inputs, with their ranges, sources and assumptions.

    STUDY is a shipped name, a .yaml file or a result folder; the newest result of "onehop propose" below
    results/ if not given. The candidate is taken alone, at its first capacity, as early as possible, as in
    the ranking.

    \b
    Examples:
      onehop propose explain beijing
      onehop propose explain beijing qingyang-candidates
      onehop propose explain shanghai results/20260101T080000Z-propose-qingyang-candidates --json
    """
    asked = _study(study)
    steps = trace(asked, link)
    if as_json:
        data = {"study": asked.id, "candidate": link, "figures": [asdict(step) for step in steps]}
        print(json.dumps(data, ensure_ascii=False, indent=1))
        return 0
    name = StudyNames(asked).candidate(link).in_language(language)
    out.print(Styled(f"{name} ({asked.id})", style="bold"))
    notes: dict[str, int] = {}
    for step in steps:
        _print(step, notes)
    out.print()
    for text, number in notes.items():
        out.print(Styled(f"[{number}] {text}", style="dim"), soft_wrap=True)
    return 0


def _study(reference: str | None) -> Study:
    if reference is None:
        return read_study(_newest())
    path = Path(reference)
    return read_study(path) if path.is_dir() else load_study(reference)


def _newest() -> Path:
    """The newest proposal below results/; names begin with the time."""
    found = sorted(RESULTS_DIRECTORY.glob(f"*-propose-*/{STUDY_FILE}")) if RESULTS_DIRECTORY.is_dir() else []
    if not found:
        raise InputError(
            "there is no result of 'onehop propose' below results/",
            where="STUDY",
            hint="name a study: onehop propose explain beijing qingyang-candidates",
        )
    return found[-1].parent


def _print(step: Step, notes: dict[str, int]) -> None:
    """A figure, its formula, its inputs; what they rest on as numbers of notes, which are told at the end."""
    value = "none" if step.value is None else f"{step.value:.6g}"
    out.print(Styled(f"\n{step.name} = {value}", style="bold"), soft_wrap=True)
    out.print(Styled(f"  {step.formula}"), soft_wrap=True)
    for item in step.inputs:
        numbers = [notes.setdefault(text, len(notes) + 1) for text in item.rests_on]
        marks = "".join(f"[{number}]" for number in numbers)
        out.print(Styled.assemble(f"    {item.name}: {item.value} ", (marks, "dim")), soft_wrap=True)
