"""Each candidate alone, and which is first: least present value per millisecond that demands save."""

from __future__ import annotations

from collections.abc import Callable

from experiments.proposals.evaluation.evaluate import evaluate
from experiments.proposals.evaluation.value import cost_per_ms_cny_million
from experiments.proposals.findings import Choice, Evaluation, Portfolio
from experiments.proposals.model import Candidate, Study


def alone(study: Study, say: Callable[[str], None] | None = None) -> tuple[Evaluation, ...]:
    """Every candidate alone, best first (``ranked``); ``say`` is told each before it is evaluated."""
    evaluations = {}
    for candidate in study.candidates.values():
        if say is not None:
            say(candidate.id)
        evaluations[candidate.id] = evaluate(study, alone_portfolio(study, candidate))
    return tuple(evaluations[candidate] for candidate in ranked(study))


def alone_portfolio(study: Study, candidate: Candidate) -> Portfolio:
    """A candidate at its first capacity, as early as its lead time allows, and nothing else."""
    year = study.first_year + candidate.lead_time_years
    return (Choice(candidate.id, candidate.capacity_steps_gbps[0], year),)


def ranked(study: Study) -> tuple[str, ...]:
    """All candidates, best first: least present value per mean millisecond saved in the last year.

    Those that save nothing come last; equals keep the order of the study.
    """

    def key(candidate: Candidate) -> tuple[bool, float]:
        cost = cost_per_ms_cny_million(study, alone_portfolio(study, candidate))
        return cost is None, cost or 0.0

    return tuple(candidate.id for candidate in sorted(study.candidates.values(), key=key))
