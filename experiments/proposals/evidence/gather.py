"""Evidence from packets: portfolios built in the emulated network, each beside the same base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.catalog.one_hop import BRING_UP_S, READ_BACK_S
from experiments.lab import LabOptions
from experiments.manifests import begin, finish
from experiments.measurement import stamp
from experiments.proposals.evidence.interval import FEWEST
from experiments.proposals.evidence.measuring import interval_ms, measure_once
from experiments.proposals.evidence.plan import Job, Proposed, jobs_of, proposed
from experiments.proposals.evidence.record import (
    EvidenceSummary,
    MeasuredPortfolio,
    RepetitionSummary,
    earlier,
    place_of,
    write_summary,
)
from experiments.proposals.evidence.verdict import Repetition, evidence_of
from experiments.proposals.findings import Evidence, Portfolio
from experiments.proposals.model import Study
from experiments.results import Manifest, ResultFolder
from experiments.results.model import utc_now
from experiments.run import Depth
from topology.emulation.cell import inside_cell
from topology.emulation.doctor import require_emulation
from topology.errors import InputError, MachineError

EXPERIMENT = "evidence"
AROUND_S = 3.0  # paths, switch processing, warming up and taking down

Say = Callable[[str], None]


def evidence(
    study: Study,
    portfolios: Sequence[Portfolio],
    *,
    folder: Path,
    options: LabOptions | None = None,
    repetitions: int = 3,
    samples: int = 100,
    most_pairs: int = 12,
    say: Say = lambda _sentence: None,
    expect: Callable[[float], None] = lambda _seconds: None,
) -> tuple[Evidence, ...]:
    """Build the base network and ``portfolios`` on it, measure the pairs they change, and compare.

    Must run inside a cell (``topology.emulation.cell``). Every repetition builds its network anew and takes
    it down again; base and portfolios take turns, so that whatever changes on the machine meanwhile concerns
    all of them. The base is measured once for all portfolios. All of a portfolio is built, whatever the year
    of its links, and the network is idle.

    Args:
        folder: the result folder of the proposal; its subfolder ``evidence`` gets everything measured
            (``record``), also if this is interrupted. Called again with it, only what is missing is measured.
        options: how to realise the networks; the seed goes up by one with each repetition.
        repetitions: how often each network is built and measured, 1 to 100.
        samples: probes of each pair in each repetition.
        most_pairs: of each portfolio, at most so many changed pairs are measured (``choice.chosen``).
        say, expect: told each step, and how many seconds all of it should take.

    Returns what was found, portfolio by portfolio and pair by pair; a portfolio that changes no path of a
    target or demand has no part in it.

    Raises ``InputError`` for parameters that make no sense, ``MachineError`` if this machine cannot emulate,
    ``EmulationError`` and ``MeasurementError`` as any experiment does.
    """
    _check(repetitions, samples, most_pairs)
    require_emulation()
    if not inside_cell():
        raise MachineError("evidence is measured inside a cell", hint="use run_in_cell")
    options = options or LabOptions()
    every = proposed(study, portfolios, most_pairs)
    for one in every:
        say(one.told())
    jobs = jobs_of(study, every)
    expect(repetitions * sum(_seconds(job, samples) for job in jobs))
    stamp.sender_template(1, stamp.BASE_BYTES)  # slow once a lab is up
    measuring = _Measuring(study, folder, options, samples)
    found: dict[str, list[Repetition]] = {job.name: [] for job in jobs}
    for number in range(1, repetitions + 1):
        for job in jobs:
            told = _prefixed(say, f"{job.name}, {number} of {repetitions}")
            found[job.name].append(measuring.repetition(job, number, told))
    results = tuple(
        evidence_of(one.portfolio, change, found["base"], found[one.name])
        for one in every
        for change in one.measured
    )
    summary = EvidenceSummary(
        study=study.id,
        repetitions=repetitions,
        samples=samples,
        seed=options.seed,
        portfolios=tuple(_measured(one) for one in every),
        evidence=results,
    )
    write_summary(folder, summary)
    return results


def _check(repetitions: int, samples: int, most_pairs: int) -> None:
    if not 1 <= repetitions <= 100:
        raise InputError(f"evidence needs 1 to 100 repetitions, not {repetitions}")
    if not FEWEST <= samples <= 1_000_000:
        raise InputError(
            f"evidence needs {FEWEST} to 1,000,000 probes, not {samples}",
            hint=f"fewer than {FEWEST} have no confidence interval",
        )
    if most_pairs < 1:
        raise InputError(f"evidence needs one pair at least, not {most_pairs}")


@dataclass(frozen=True, slots=True)
class _Measuring:
    """What all repetitions have in common."""

    study: Study
    folder: Path
    options: LabOptions
    samples: int

    def repetition(self, job: Job, number: int, say: Say) -> Repetition:
        """One repetition, unless an earlier run completed it; once more if the machine is too busy."""
        options = replace(self.options, seed=self.options.seed + number - 1)
        asked = self._manifest(job, options)
        found = earlier(self.folder, job, number, asked)
        if found is not None:
            say("measured earlier")
            return found
        found = self._attempt(job, number, asked, options, say)
        if not found.host.ok:
            say("the machine was too busy: once more")
            found = self._attempt(job, number, asked, options, say)
        return found

    def _attempt(self, job: Job, number: int, asked: Manifest, options: LabOptions, say: Say) -> Repetition:
        manifest = asked.model_copy(update={"created": utc_now()})
        place = place_of(self.folder, job, number)
        with _kept(ResultFolder.create(manifest, path=place)) as kept:
            found = measure_once(job, folder=kept, options=options, samples=self.samples, say=say)
            kept.write_summary(RepetitionSummary.of(found))
            finish(kept, "complete" if found.host.ok and not found.failed_links else "refused")
        return found

    def _manifest(self, job: Job, options: LabOptions) -> Manifest:
        depth = Depth(samples=self.samples, pings=0, throughput_s=0, utilisation=0.0)
        networks = {"base": self.study.base, job.variant: job.network}
        manifest = begin(EXPERIMENT, networks, options, depth, ())
        pairs = [list(pair) for pair in job.pairs]
        return manifest.model_copy(update={"options": {**manifest.options, "pairs": pairs}})


@contextmanager
def _kept(folder: ResultFolder) -> Iterator[ResultFolder]:
    """Close the manifest of a repetition that is cut short; what it measured so far stays."""
    try:
        yield folder
    except BaseException as error:
        finish(folder, "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "refused")
        raise


def _prefixed(say: Say, step: str) -> Say:
    return lambda sentence: say(f"{step}: {sentence}")


def _seconds(job: Job, samples: int) -> float:
    return BRING_UP_S + READ_BACK_S + AROUND_S + samples * interval_ms(len(job.pairs)) / 1000


def _measured(one: Proposed) -> MeasuredPortfolio:
    return MeasuredPortfolio(
        folder=one.name,
        portfolio=one.portfolio,
        changed_pairs=one.changed_pairs,
        measured_pairs=len(one.measured),
    )
