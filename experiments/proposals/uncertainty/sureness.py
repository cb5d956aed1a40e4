"""How sure an answer is: intervals, how often each candidate is chosen, and what the ranking hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from experiments.proposals.findings import Best, Interval, Sureness, Swing
from experiments.proposals.model import Study
from experiments.proposals.sweep import Say, Sweep, quiet
from experiments.proposals.uncertainty.assumptions import Assumption, assumptions
from experiments.proposals.uncertainty.headlines import COST_PER_MS, DELAY_SAVED, Sample, chosen, sample
from experiments.proposals.uncertainty.sampling import samples as draw
from topology.errors import InputError, Problem

SAMPLES = 200
OPTIMISED = 12  # looking for the best takes twenty times as long as evaluating it
SHARES = (0.05, 0.5, 0.95)


def sureness(
    study: Study,
    best: Best,
    sweep: Sweep,
    *,
    samples: int = SAMPLES,
    optimised: int = OPTIMISED,
    seed: int = 1,
    say: Say = quiet,
    store: Path | None = None,
) -> Sureness:
    """How sure ``best`` is the answer to ``study``.

    Args:
        samples: of all assumptions at once; in each, the portfolio's headline figures and the ranking of the
            candidates alone.
        optimised: further such samples, in each of which the best portfolio is looked for anew.
        seed: 0 or more; the same seed, the same samples.
        store: folder in which finished samples are kept and looked for.

    The *swings* are of the cost per millisecond, which candidates are ranked by; of the delay saved, if some
    assumption leaves none.

    Raises ``InputError`` if a number makes no sense, and what ``Sweep.map`` raises.
    """
    _check(samples, optimised, seed)
    doubtful = assumptions(study)
    if not doubtful:  # all samples would be the same
        samples, optimised = 1, min(optimised, 1)
    portfolio = best.portfolio
    of_sample = partial(sample, study, portfolio)
    ends = [{one.name: end} for one in doubtful for end in (one.figure.low, one.figure.high)]
    drawn, anew = draw(doubtful, samples, seed), draw(doubtful, optimised, seed)
    estimate, *at_ends = sweep.map(
        of_sample, [{}, *ends], label="assumptions one by one", say=say, store=store
    )
    found = sweep.map(of_sample, drawn, label="samples of all assumptions", say=say, store=store)
    portfolios = sweep.map(
        partial(chosen, study), anew, label="best portfolios of samples", say=say, store=store
    )
    outcome = (
        COST_PER_MS if all(COST_PER_MS in one.headlines for one in (estimate, *at_ends)) else DELAY_SAVED
    )
    return Sureness(
        samples=samples,
        seed=seed,
        outcome=outcome,
        intervals=intervals(estimate, found),
        chosen_share=_shares(study, portfolios),
        first_share=_shares(study, [(one.first,) for one in found]),
        swings=swings(doubtful, estimate, at_ends, outcome),
        optimised=optimised,
    )


def intervals(estimate: Sample, found: Sequence[Sample]) -> tuple[Interval, ...]:
    """Of every headline figure that all samples have."""
    made = []
    for name, value in estimate.headlines.items():
        if all(name in one.headlines for one in found):
            quantiles = np.quantile([one.headlines[name] for one in found], SHARES).tolist()
            made.append(Interval(name, value, *quantiles))
    return tuple(made)


def swings(
    doubtful: Sequence[Assumption], estimate: Sample, at_ends: Sequence[Sample], outcome: str
) -> tuple[Swing, ...]:
    """Of every assumption, largest first, then those that change the ranking's first, then as in the study.

    ``at_ends``: two for each assumption, at the low and at the high end of its range. An outcome may be worse
    at both ends than at the estimate, so all three make the size of a swing.
    """
    between = estimate.headlines[outcome]
    made = [
        Swing(
            assumption=one.name,
            low=one.figure.low,
            high=one.figure.high,
            outcome_at_low=low.headlines[outcome],
            outcome_at_high=high.headlines[outcome],
            first_at_low=low.first,
            first_at_high=high.first,
        )
        for one, low, high in zip(doubtful, at_ends[::2], at_ends[1::2], strict=True)
    ]

    def order(swing: Swing) -> tuple[float, bool]:
        outcomes = swing.outcome_at_low, between, swing.outcome_at_high
        flips = swing.first_at_low != estimate.first or swing.first_at_high != estimate.first
        return min(outcomes) - max(outcomes), not flips

    return tuple(sorted(made, key=order))


def _shares(study: Study, found: Sequence[Iterable[str]]) -> dict[str, float]:
    """In which share of all each candidate is."""
    count = max(1, len(found))
    return {candidate: sum(candidate in one for one in found) / count for candidate in study.candidates}


def _check(samples: int, optimised: int, seed: int) -> None:
    problems = [
        Problem(f"{what}, not {number}", where)
        for number, least, what, where in (
            (samples, 1, "at least 1 sample is needed", "--samples"),
            (optimised, 0, "a number of samples is 0 or more", "--optimised"),
            (seed, 0, "a seed is 0 or more", "--seed"),
        )
        if number < least
    ]
    if problems:
        raise InputError.of(problems)
