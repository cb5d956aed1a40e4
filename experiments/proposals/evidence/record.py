"""What stays of the evidence: ``evidence/`` in the result folder of a proposal.

::

    evidence/summary.json              every portfolio and pair, measured beside predicted
    evidence/base/1/                   first repetition on the base network: a result folder of its own, with
                                       manifest.json, network-base.json, links.json, base-idle.jsonl and
                                       summary.json, the medians and the paths crossed
    evidence/portfolio-1/1/            the same with the first portfolio built: network-proposal.json, ...

A repetition that was cut short, or had a busy machine, stays as it is; the next attempt is ``1-2``. One that
is complete is not measured again when the same is asked for once more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from experiments.proposals.evidence.interval import CONFIDENCE, Median
from experiments.proposals.evidence.plan import Job
from experiments.proposals.evidence.verdict import Repetition
from experiments.proposals.findings import Evidence, Portfolio
from experiments.results import Manifest, ResultFolder
from experiments.results.model import SCHEMA_VERSION, ResultModel
from topology.errors import InputError

FOLDER = "evidence"
SUMMARY = "summary.json"


class MeasuredPair(ResultModel):
    """One pair in one repetition: median round trip with its interval, and the sites its probes crossed."""

    source: str
    destination: str
    rtt_ms: Median
    path: tuple[str, ...]


class RepetitionSummary(ResultModel):
    """``summary.json`` of one repetition."""

    schema_version: int = SCHEMA_VERSION
    pairs: tuple[MeasuredPair, ...]

    @classmethod
    def of(cls, one: Repetition) -> RepetitionSummary:
        """The part of a repetition that the other files of its folder do not hold."""
        pairs = (
            MeasuredPair(source=pair[0], destination=pair[1], rtt_ms=rtt_ms, path=one.paths[pair])
            for pair, rtt_ms in one.rtt_ms.items()
        )
        return cls(pairs=tuple(pairs))


class MeasuredPortfolio(ResultModel):
    """One portfolio. ``changed_pairs`` of targets and demands take another path with it; of these,
    ``measured_pairs`` were measured. ``folder``: its part of ``evidence/``.
    """

    folder: str
    portfolio: Portfolio
    changed_pairs: int
    measured_pairs: int


class EvidenceSummary(ResultModel):
    """``evidence/summary.json``. ``samples``: probes of each pair in each repetition."""

    schema_version: int = SCHEMA_VERSION
    study: str
    repetitions: int
    samples: int
    seed: int
    confidence: float = CONFIDENCE
    interval: str = (
        "distribution-free, for the median: order statistics of the probes of each repetition, from the "
        "lowest to the highest limit of all repetitions"
    )
    portfolios: tuple[MeasuredPortfolio, ...]
    evidence: tuple[Evidence, ...]


def write_summary(folder: Path, summary: EvidenceSummary) -> None:
    """Write ``evidence/summary.json`` below the result folder ``folder``."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    ResultFolder(place).write_summary(summary)


def read_summary(folder: Path) -> EvidenceSummary:
    """Read back what was written below ``folder``. Raises ``InputError`` if it is missing or damaged."""
    path = folder / FOLDER / SUMMARY
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"no evidence can be read: {error.strerror or error}",
            where=str(path),
            hint="it was not measured to its end",
        ) from None
    return EvidenceSummary.from_json(text, where=str(path))


def place_of(folder: Path, job: Job, number: int) -> Path:
    """Where the next attempt at repetition ``number`` goes: the first folder that does not exist."""
    return next(path for path in _attempts(folder, job, number) if not path.exists())


def earlier(folder: Path, job: Job, number: int, asked: Manifest) -> Repetition | None:
    """Repetition ``number`` as an earlier run completed it, which asked for the same; ``None`` if none did.

    Raises ``InputError`` if what it left is damaged.
    """
    for path in itertools.takewhile(Path.exists, _attempts(folder, job, number)):
        try:
            kept = ResultFolder.open(path)
        except InputError:  # killed before it had a manifest
            continue
        manifest = kept.manifest
        if manifest.status == "complete" and _question(manifest) == _question(asked):
            return _repetition(job, kept)
    return None


def _attempts(folder: Path, job: Job, number: int) -> Iterator[Path]:
    parent = folder / FOLDER / job.name
    yield parent / f"{number}"
    for attempt in itertools.count(2):
        yield parent / f"{number}-{attempt}"


def _question(manifest: Manifest) -> dict[str, object]:
    """What was asked for and of which program; the same question need not be measured twice."""
    return manifest.model_dump(include={"onehop", "seed", "scenarios", "rate_scale", "backend", "options"})


def _repetition(job: Job, kept: ResultFolder) -> Repetition:
    pairs = kept.summary_as(RepetitionSummary).pairs
    links, host = kept.links, kept.manifest.host.verdict
    assert links is not None
    assert host is not None
    return Repetition(
        network=job.network,
        rtt_ms={(one.source, one.destination): one.rtt_ms for one in pairs},
        paths={(one.source, one.destination): one.path for one in pairs},
        failed_links=frozenset(check.link for _, check in links.failed()),
        host=host,
    )
