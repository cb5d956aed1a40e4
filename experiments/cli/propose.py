"""``onehop propose``: from a file of candidate links to a ranked portfolio, without root or emulation."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from experiments.cli import propose_explain
from experiments.cli.console import err, out, steps
from experiments.cli.options import LARGEST_SEED, seed_option
from experiments.cli.propose_work import begin, resume, work_off
from experiments.proposals.answer import Options, require_affordable, with_budget
from experiments.proposals.document import check_study, json_schema, load_study, study_names
from experiments.proposals.findings import Evidence
from experiments.proposals.model import Study
from experiments.proposals.output.folder import read_study
from experiments.proposals.sweep import Sweep
from experiments.proposals.uncertainty import SAMPLES
from topology.emulation.doctor import require_emulation
from topology.errors import InputError, MeasurementError

MOST_SAMPLES = 1_000_000
MOST_EMULATED = 20


class _Propose(click.Command):
    """A verb with one word of its own: ``onehop propose explain LINK``. All else names a study."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of ``explain`` if that is asked for; else the verb's own."""
        if args[:1] == ["explain"]:
            command = propose_explain.command
            return command.make_context(f"{info_name} explain", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Propose)
@click.argument("study", required=False)
@click.option("--budget", type=float, help="Millions of yuan to spend instead of what the study says.")
@click.option("--samples", type=int, default=SAMPLES, show_default=True, help="Of the Monte Carlo; 0: none.")
@seed_option
@click.option("--workers", type=int, help="Processes.  [default: one per core]")
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask scheduler (tcp://host:8786) instead of processes."
)
@click.option(
    "--emulate", type=int, default=0, metavar="K", help="Build the best K portfolios and measure them."
)
@click.option("--repetitions", type=int, default=3, show_default=True, help="How often each is measured.")
@click.option("--output", type=click.Path(path_type=Path), help="The result folder.  [default: results/...]")
@click.option(
    "--resume", "resumed", type=click.Path(path_type=Path), help="Go on in a folder that was begun."
)
@click.option("--check", "only_check", is_flag=True, help="Check the file of STUDY, and compute nothing.")
@click.option(
    "--schema", "only_schema", is_flag=True, help="Print the JSON Schema of such files, for editors."
)
@click.option("--list", "only_list", is_flag=True, help="Name the studies that come with OneHop.")
@click.option("--json", "as_json", is_flag=True, help="Print proposal.json instead of the tables.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.pass_context
def command(
    context: click.Context,
    study: str | None,
    budget: float | None,
    samples: int,
    seed: int,
    workers: int | None,
    scheduler: str | None,
    emulate: int,
    repetitions: int,
    output: Path | None,
    resumed: Path | None,
    only_check: bool,
    only_schema: bool,
    only_list: bool,
    as_json: bool,
    language: str,
) -> int:
    """Which candidate links to build, what they bring, and how sure that is.

    STUDY is a shipped name (--list) or a .yaml file: a base scenario, candidates, demands, targets, a budget,
    and what everything costs. Out come the best portfolio under the budget with its proof, each candidate
    alone, what more money buys, failures, optics, intervals, and a report for a meeting. Needs no root,
    except for --emulate. The same study gives the same bytes, whatever --workers or --scheduler.

    "onehop propose explain LINK" traces every figure of a candidate to its inputs and their sources.

    \b
    Examples:
      onehop propose qingyang-candidates
      onehop propose qingyang-candidates --budget 150 --samples 1000
      onehop propose my-study.yaml --check
      onehop propose qingyang-candidates --emulate 1
      onehop propose --resume results/20260101T080000Z-propose-qingyang-candidates
      onehop propose explain beijing
      onehop propose qingyang-candidates --json > proposal.json
    """
    if only_schema:
        print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
        return 0
    if only_list:
        return _list(language)
    if resumed is not None:
        _refuse_with_resume(context)
        return _work(resumed, resume(resumed, workers, scheduler), as_json=as_json, language=language)
    if study is None:
        known = ", ".join(study_names())
        raise InputError("no STUDY is named", hint=f"a .yaml file, or one of: {known}")
    if only_check:
        return _check(study)
    _check_numbers(samples, seed, emulate, repetitions)
    Sweep(workers, scheduler)  # refuses what makes no sense before anything is created
    asked = load_study(study)
    if budget is not None:
        asked = with_budget(asked, budget)
    require_affordable(asked)
    if emulate:
        require_emulation()
    options = Options(samples, seed, workers, scheduler, emulate, repetitions)
    folder = begin(asked, options, output)
    # As the folder has it: what goes on after an interruption then works on the very same values.
    return _work(folder.path, (read_study(folder.path), options), as_json=as_json, language=language)


def _work(path: Path, asked: tuple[Study, Options], *, as_json: bool, language: str) -> int:
    with steps() as progress:
        document, report = work_off(path, *asked, progress=progress)
    if as_json:
        sys.stdout.write(document.to_json())
    else:
        from experiments.report.proposal_table import print_proposal

        print_proposal(asked[0], document.answer, console=out, language=language)
    err.print(f"report: {report}", markup=False, soft_wrap=True)
    return exit_code_of(document.answer.evidence)


def exit_code_of(evidence: tuple[Evidence, ...]) -> int:
    """0; or 5, as for any run, where a measurement was asked for and does not bear out the prediction."""
    return 0 if all(one.within_tolerance for one in evidence) else MeasurementError.exit_code


def _list(language: str) -> int:
    for name in study_names():
        known = load_study(name)
        out.print(f"{name}: {known.title.in_language(language)}", markup=False)
    return 0


def _check(study: str) -> int:
    problems = check_study(study)
    if problems:
        raise InputError.of(problems)
    known = load_study(study)
    out.print(
        f"ok: {study}: {len(known.candidates)} candidates, {len(known.demands)} demands, "
        f"{len(known.targets)} targets",
        markup=False,
    )
    return 0


def _check_numbers(samples: int, seed: int, emulate: int, repetitions: int) -> None:
    for name, value, low, high in (
        ("--samples", samples, 0, MOST_SAMPLES),
        ("--seed", seed, 0, LARGEST_SEED),
        ("--emulate", emulate, 0, MOST_EMULATED),
        ("--repetitions", repetitions, 1, 100),
    ):
        if not low <= value <= high:
            raise InputError(f"{name} must be {low} to {high:,}, not {value}", where=name)


def _refuse_with_resume(context: click.Context) -> None:
    """What was asked is in the folder; to ask for something else is a mistake."""
    free = {"resumed", "workers", "scheduler", "as_json", "language"}
    for name in context.params:
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and name not in free:
            shown = "STUDY" if name == "study" else f"--{name.removeprefix('only_')}"
            raise InputError(
                f"{shown} does not go with --resume, which goes on with what was asked before",
                where=shown,
                hint=f"leave out {shown}, or begin anew without --resume",
            )
