"""Working off a proposal in its result folder: begun, interrupted, resumed, finished."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import click

from experiments.capability.machine import host_of, versions_of
from experiments.cli.console import Steps, err, steps
from experiments.manifests import finish
from experiments.proposals.answer import Options, answer, expected_seconds
from experiments.proposals.findings import Evidence, Portfolio
from experiments.proposals.model import Study
from experiments.proposals.output.document import ProposalDocument
from experiments.proposals.output.folder import (
    WORK_DIRECTORY,
    read_document,
    read_study,
    write_answer,
    write_study,
)
from experiments.report import write_report
from experiments.report.proposal_findings import verdict
from experiments.results import (
    RESULTS_DIRECTORY,
    Backend,
    Manifest,
    ResultFolder,
    ScenarioReference,
)
from experiments.results.model import utc_now
from topology.errors import InputError

EXPERIMENT = "propose"
_PACKAGES = ("highspy", "numpy", "gnpy", "dask")
_ASKED = ("samples", "seed", "emulate", "repetitions")  # the options that the answer depends on


def begin(study: Study, options: Options, output: Path | None) -> ResultFolder:
    """A new result folder with the question in it."""
    base = ScenarioReference(id=study.base.id, title=study.base.title, digest=study.base.digest())
    manifest = Manifest(
        experiment=EXPERIMENT,
        created=utc_now(),
        onehop=version("onehop"),
        seed=options.seed,
        scenarios={"base": base},
        rate_scale=study.base.rate_scale,
        backend=Backend(datapath="other", pipe="other"),
        host=host_of(versions_of(_PACKAGES)),
        options={"study": study.id} | {name: getattr(options, name) for name in _ASKED},
    )
    folder = ResultFolder.create(manifest, parent=RESULTS_DIRECTORY, path=output, subject=study.id)
    write_study(folder.path, study)
    return folder


def resume(path: Path, workers: int | None, scheduler: str | None) -> tuple[Study, Options]:
    """What was asked in a folder. Raises ``InputError`` if it holds no proposal."""
    manifest = ResultFolder.open(path).manifest
    if manifest.experiment != EXPERIMENT:
        raise InputError(
            f"holds a result of the experiment {manifest.experiment!r}, not of 'onehop propose'",
            where=str(path),
        )
    asked = {name: manifest.options.get(name) for name in _ASKED}
    if not all(isinstance(value, int) for value in asked.values()):
        raise InputError("its manifest.json does not say what was asked", where=str(path))
    options = Options(workers=workers, scheduler=scheduler, **asked)  # type: ignore[arg-type]
    return read_study(path), options


def work_off(path: Path, study: Study, options: Options, *, progress: Steps) -> tuple[ProposalDocument, Path]:
    """Compute what is missing and write everything; returns the document and where the page is.

    However it is cut short, what was finished stays, and the folder can be resumed.
    """
    folder = ResultFolder.open(path)
    if folder.manifest.status == "complete":
        return read_document(path), write_report(folder)
    folder.update_manifest(status="running")

    def measured(study: Study, portfolios: tuple[Portfolio, ...]) -> tuple[Evidence, ...]:
        return _measure(path, study, portfolios, options, progress)

    try:
        progress.expect(expected_seconds(study, options))
        found = answer(study, options, folder=path / WORK_DIRECTORY, measure=measured, say=progress.say)
        progress.say("writing the report")
        document = write_answer(path, study, found, verdict(study, found))
        finish(folder, "complete")
        report = write_report(folder)
    except BaseException:
        finish(folder, "interrupted")
        err.print(
            f"what was computed so far is kept; go on with: onehop propose --resume {path}",
            markup=False,
            soft_wrap=True,
        )
        raise
    shutil.rmtree(path / WORK_DIRECTORY, ignore_errors=True)
    return document, report


def _measure(
    path: Path, study: Study, portfolios: tuple[Portfolio, ...], options: Options, progress: Steps
) -> tuple[Evidence, ...]:
    """Evidence from a cell of its own. It says itself what went wrong; only its exit code comes back."""
    from experiments.cli.labs import in_cell
    from experiments.lab import LabOptions
    from experiments.proposals.evidence import evidence, read_summary

    def work(_record: object) -> int:
        with steps() as within:  # what draws outside the cell does not come along
            evidence(
                study,
                portfolios,
                folder=path,
                options=LabOptions(seed=options.seed),
                repetitions=options.repetitions,
                say=within.say,
                expect=within.expect,
            )
        return 0

    with progress.paused():
        code = in_cell("propose", study.id, work)
    if code:
        raise click.exceptions.Exit(code)
    return read_summary(path).evidence
