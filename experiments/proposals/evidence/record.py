"""What stays of the evidence: ``evidence/`` in the result folder of a proposal.

::

    evidence/summary.json              every portfolio and pair, measured beside predicted
    evidence/base/1/                   first repetition on the base network: a result folder of its own, with
                                       manifest.json, network-base.json, links.json, base-idle.jsonl and
                                       summary.json, the medians and the paths crossed
    evidence/portfolio-1/1/            the same with the first portfolio built: network-proposal.json, ...

A repetition that was cut short stays as it is; the next attempt is ``1-2``.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from experiments.proposals.evidence.interval import CONFIDENCE, Median
from experiments.proposals.evidence.plan import Job
from experiments.proposals.evidence.verdict import Repetition
from experiments.proposals.findings import Evidence, Portfolio
from experiments.results import ResultFolder
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
    parent = folder / FOLDER / job.name
    names = itertools.chain([f"{number}"], (f"{number}-{attempt}" for attempt in itertools.count(2)))
    return next(path for name in names if not (path := parent / name).exists())
