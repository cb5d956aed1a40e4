"""The work in its order: each candidate alone, the best set, the front, the next yuan, interactions,
resilience, optics, how sure, evidence. One ``Answer`` comes out.

Every part depends on the study and the options alone; so a part that is done is kept in the folder ``work``
and found there when interrupted work goes on, and the answer is the same to the byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from experiments.proposals.building import with_portfolio
from experiments.proposals.document.sense import why_nothing_fits
from experiments.proposals.evaluation import alone_portfolio, evaluate, ranked
from experiments.proposals.findings import (
    Answer,
    Best,
    Evaluation,
    Evidence,
    Interaction,
    NextYuan,
    ParetoPoint,
    Portfolio,
    Resilience,
    Sureness,
)
from experiments.proposals.model import Study
from experiments.proposals.optics import note, optics_of
from experiments.proposals.pairs import pairs_of
from experiments.proposals.portfolio import best
from experiments.proposals.portfolio.front import delay_front
from experiments.proposals.portfolio.interactions import interactions
from experiments.proposals.portfolio.next_step import next_yuan
from experiments.proposals.resilience import FailureRates, last_demands, resilience
from experiments.proposals.sweep import Sweep
from experiments.proposals.sweep.store import Store
from experiments.proposals.uncertainty import sureness
from topology.errors import InputError

Say = Callable[[str], None]
Found = TypeVar("Found")
Measure = Callable[[Study, tuple[Portfolio, ...]], tuple[Evidence, ...]]


@dataclass(frozen=True, slots=True)
class Options:
    """How to work. ``samples``: of the Monte Carlo, 0 for none. ``emulate``: how many portfolios to measure,
    ``repetitions`` times each.

    Neither ``workers`` nor ``scheduler`` changes the answer.
    """

    samples: int = 200
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

    def part(self, name: str, function: Callable[[], Found], key: Callable[..., object], item: Any) -> Found:
        """A part of the answer, kept under ``key`` and ``item``: computed now, or found from before."""
        begun = time.monotonic()
        store = Store(self.folder, key) if self.folder is not None else None
        kept = store.find(store.key((self.study, item))) if store is not None else None
        found: Found = function() if kept is None else kept[0]
        if store is not None and kept is None:
            store.keep(store.key((self.study, item)), found)
        self.seconds[name] = time.monotonic() - begun
        return found


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
    sweep = Sweep(options.workers, options.scheduler)
    standing: AbstractContextManager[object] = sweep if len(study.candidates) > 1 else nullcontext()
    with standing:
        work = _Work(study, sweep, folder, say)
        alone = _alone(work)
        chosen = _best(work)
        found = evaluate(study, chosen.portfolio)
        front = _pareto(work)
        after = _next_yuan(work, chosen)
        together = _interactions(work, chosen)
        failing = _resilience(work, chosen.portfolio)
        light = _optics(work)
        sure = _sureness(work, chosen, options)
    evidence: tuple[Evidence, ...] = ()
    if options.emulate and measure is not None:
        begun = time.monotonic()
        evidence = measure(study, to_emulate(chosen, front, alone, options.emulate))
        work.seconds["evidence"] = time.monotonic() - begun
    return Answer(
        study=study.id,
        digest="",
        alone=alone,
        best=chosen,
        evaluation=found,
        pareto=front,
        next_yuan=after,
        interactions=together,
        resilience=failing,
        optics=light,
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


def _alone(work: _Work) -> tuple[Evaluation, ...]:
    study = work.study
    portfolios = [alone_portfolio(study, candidate) for candidate in study.candidates.values()]
    begun = time.monotonic()
    found = work.sweep.map(
        partial(evaluate, study),
        portfolios,
        label="each candidate alone",
        say=work.say,
        name=lambda portfolio: portfolio[0].candidate,
        store=work.folder,
    )
    by_id = {each.portfolio[0].candidate: each for each in found}
    in_order = tuple(by_id[candidate] for candidate in ranked(study))
    work.seconds["alone"] = time.monotonic() - begun
    return in_order


def _best(work: _Work) -> Best:
    work.say("the best portfolio")
    return work.part("best", lambda: best(work.study, say=work.say), best, None)


def _pareto(work: _Work) -> tuple[ParetoPoint, ...]:
    begun = time.monotonic()
    found = delay_front(work.study, work.sweep, say=work.say, store=work.folder)
    work.seconds["pareto"] = time.monotonic() - begun
    return found


def _next_yuan(work: _Work, chosen: Best) -> NextYuan:
    work.say("the next yuan")
    return work.part("next yuan", lambda: next_yuan(work.study, chosen), next_yuan, chosen)


def _interactions(work: _Work, chosen: Best) -> tuple[Interaction, ...]:
    work.say("interactions")
    return work.part("interactions", lambda: interactions(work.study, chosen), interactions, chosen)


def _resilience(work: _Work, portfolio: Portfolio) -> dict[str, Resilience]:
    begun = time.monotonic()
    built = work.sweep.map(
        partial(_resilience_of, work.study),
        [(), portfolio],
        label="single and double cuts",
        say=work.say,
        store=work.folder,
    )
    work.seconds["resilience"] = time.monotonic() - begun
    return dict(zip(("base", "best"), built, strict=True))


def _resilience_of(study: Study, portfolio: Portfolio) -> Resilience:
    network = with_portfolio(study, portfolio)
    return resilience(network, last_demands(study), FailureRates.of(study), pairs_of(study))


def _optics(work: _Work) -> tuple[Any, ...]:
    if note():
        return ()
    begun = time.monotonic()
    found = work.sweep.map(
        partial(optics_of, work.study),
        list(work.study.candidates.values()),
        label="optics",
        say=work.say,
        name=lambda candidate: candidate.id,
        store=work.folder,
    )
    work.seconds["optics"] = time.monotonic() - begun
    return tuple(found)


def _sureness(work: _Work, chosen: Best, options: Options) -> Sureness | None:
    if not options.samples:
        return None
    begun = time.monotonic()
    found = sureness(
        work.study,
        chosen,
        work.sweep,
        samples=options.samples,
        seed=options.seed,
        store=work.folder,
        say=work.say,
    )
    work.seconds["sureness"] = time.monotonic() - begun
    return found
