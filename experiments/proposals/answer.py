"""The work in its order: each candidate alone, the best set, the front, the next yuan, interactions,
resilience, optics, how sure, evidence. One ``Answer`` comes out.

Every part is a task, or several, of one sweep: it depends on the study and the options alone, runs wherever
there is room, and is kept in a folder where interrupted work finds it again. So the answer is the same to the
byte, whatever it was computed on and however often it was interrupted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from experiments.proposals.building import with_portfolio
from experiments.proposals.document.sense import why_nothing_fits
from experiments.proposals.evaluation import alone_portfolio, evaluate, ranked
from experiments.proposals.findings import (
    Answer,
    Best,
    Evaluation,
    Evidence,
    ParetoPoint,
    Portfolio,
    Sureness,
)
from experiments.proposals.model import Study
from experiments.proposals.optics import note, optics_of
from experiments.proposals.pairs import pairs_of
from experiments.proposals.portfolio import best, delay_front, interactions, next_yuan, resilience_front
from experiments.proposals.resilience import FailureRates, last_demands, resilience
from experiments.proposals.sweep import Sweep, usable_cores
from experiments.proposals.uncertainty import OPTIMISED, SAMPLES, sureness
from topology.errors import InputError

Say = Callable[[str], None]
Measure = Callable[[Study, tuple[Portfolio, ...]], tuple[Evidence, ...]]

POINTS = 12  # of each front: enough to see its shape, and the dearest part of the work


@dataclass(frozen=True, slots=True)
class Options:
    """How to work. ``samples``: of the Monte Carlo, 0 for none. ``emulate``: how many portfolios to measure,
    ``repetitions`` times each.

    Neither ``workers`` nor ``scheduler`` changes the answer.
    """

    samples: int = SAMPLES
    seed: int = 1
    workers: int | None = None
    scheduler: str | None = None
    emulate: int = 0
    repetitions: int = 3


@dataclass
class _Work:
    """What the parts share: where finished work is kept, whom to tell, how long each part took."""

    study: Study
    sweep: Sweep
    folder: Path | None
    say: Say
    seconds: dict[str, float] = field(default_factory=dict)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any], label: str) -> list[Any]:
        """Tasks of the sweep, kept in the folder."""
        return self.sweep.map(function, items, label=label, say=self.say, store=self.folder)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """How long a part takes."""
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun


def expected_seconds(study: Study, options: Options) -> float:
    """About how long the work takes on an idle machine, without evidence: to show progress, not to rely on.

    Fitted to the shipped studies (3 and 14 candidates, 4 and 25 demands) on a server of 2026.
    """
    cores = options.workers or (8 if options.scheduler else usable_cores())
    candidates, demands = len(study.candidates) / 14, len(study.demands) / 25
    portfolios = 25.0 * candidates**2 * demands + 5.0
    light = 0.0 if note() else 10.0 * candidates
    samples = options.samples * 0.08 * demands + (20.0 * candidates * demands if options.samples else 0.0)
    return 4.0 + (portfolios + light + samples) / cores


def require_affordable(study: Study) -> None:
    """Raise ``InputError`` if the study's budget buys none of its candidates; it says which is cheapest."""
    if why := why_nothing_fits(study, study.budget):
        hint = "raise the budget with --budget, or look for shorter links"
        raise InputError(why, where=study.file or study.id, hint=hint)


def with_budget(study: Study, total_cny_million: float) -> Study:
    """The study with another total; ceilings of years stay. Raises ``InputError`` if it is no budget."""
    if not 0 < total_cny_million < 1e12:
        raise InputError(
            f"--budget is an amount in millions of yuan above 0, not {total_cny_million:g}", where="--budget"
        )
    return replace(study, budget=replace(study.budget, total_cny_million=total_cny_million))


def answer(
    study: Study,
    options: Options | None = None,
    *,
    folder: Path | None = None,
    measure: Measure | None = None,
    say: Say = lambda _sentence: None,
) -> Answer:
    """Everything that is asked of ``study``.

    Args:
        folder: where finished work is kept and looked for; ``None``: nowhere.
        measure: how to get evidence for ``options.emulate`` portfolios, the best first.
        say: told each step and how far it is.

    Raises ``InputError`` if the budget buys nothing, and what the parts raise.
    """
    options = options or Options()
    require_affordable(study)
    with Sweep(options.workers, options.scheduler) as sweep:
        work = _Work(study, sweep, folder, say)
        alone, chosen = _alone_and_best(work)
        found = evaluate(study, chosen.portfolio)
        with work.timed("front of delay"):
            front = delay_front(study, sweep, points=POINTS, say=say, store=folder)
        rest = _rest(work, chosen)
        sure = _sureness(work, chosen, options)
    evidence: tuple[Evidence, ...] = ()
    if options.emulate and measure is not None:
        with work.timed("evidence"):
            evidence = measure(study, to_emulate(chosen, front, alone, options.emulate))
    return Answer(
        study=study.id,
        digest="",
        alone=alone,
        best=chosen,
        evaluation=found,
        pareto=(*front, *rest["front"]),
        next_yuan=rest["next"],
        interactions=rest["interactions"],
        resilience={"base": rest["base"], "best": rest["built"]},
        optics=tuple(rest[f"optics {candidate}"] for candidate in study.candidates if not note()),
        optics_note=note(),
        sureness=sure,
        evidence=evidence,
        host={"seconds": work.seconds},
    )


def to_emulate(
    chosen: Best, front: tuple[ParetoPoint, ...], alone: tuple[Evaluation, ...], count: int
) -> tuple[Portfolio, ...]:
    """The best ``count`` portfolios: the recommended one, the front below it downwards, the best alone.

    Of those with the same links the first: on an idle network their delays are the same.
    """
    within = [point for point in front if point.axis == "delay" and point.value <= chosen.delay_saved]
    downwards = [point.portfolio for point in sorted(within, key=lambda point: -point.value)]
    unlike: dict[frozenset[str], Portfolio] = {}
    for portfolio in (chosen.portfolio, *downwards, *(each.portfolio for each in alone)):
        if portfolio:
            unlike.setdefault(frozenset(choice.candidate for choice in portfolio), portfolio)
    return tuple(unlike.values())[:count]


def _alone_and_best(work: _Work) -> tuple[tuple[Evaluation, ...], Best]:
    """Each candidate alone in the order of the ranking, and the best portfolio."""
    study = work.study
    portfolios = [alone_portfolio(study, candidate) for candidate in study.candidates.values()]
    with work.timed("alone and best"):
        chosen, *each = work.map(
            partial(_alone_or_best, study), [None, *portfolios], "best portfolio, each candidate alone"
        )
    by_id = {found.portfolio[0].candidate: found for found in each}
    return tuple(by_id[candidate] for candidate in ranked(study)), chosen


def _alone_or_best(study: Study, portfolio: Portfolio | None) -> Best | Evaluation:
    return best(study) if portfolio is None else evaluate(study, portfolio)


def _rest(work: _Work, chosen: Best) -> dict[str, Any]:
    """What needs nothing but the best portfolio, by name; the longest first, so that cores end together."""
    names = ["front", "next", *(f"optics {c}" for c in work.study.candidates if not note()),
             "interactions", "built", "base"]  # fmt: skip
    with work.timed("next yuan, failures, optics"):
        found = work.map(partial(_part, work.study, chosen), names, "next yuan, failures, optics")
    return dict(zip(names, found, strict=True))


def _part(study: Study, chosen: Best, name: str) -> Any:
    match name:
        case "next":
            return next_yuan(study, chosen)
        case "front":
            return resilience_front(study, points=POINTS)
        case "interactions":
            return interactions(study, chosen)
        case "built" | "base":
            network = with_portfolio(study, chosen.portfolio if name == "built" else ())
            return resilience(network, last_demands(study), FailureRates.of(study), pairs_of(study))
        case _:
            return optics_of(study, study.candidates[name.removeprefix("optics ")])


def _sureness(work: _Work, chosen: Best, options: Options) -> Sureness | None:
    if not options.samples:
        return None
    with work.timed("sureness"):
        return sureness(
            work.study,
            chosen,
            work.sweep,
            samples=options.samples,
            optimised=min(OPTIMISED, options.samples),
            seed=options.seed,
            say=work.say,
            store=work.folder,
        )
