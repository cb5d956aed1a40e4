"""Both Pareto fronts of a study."""

from __future__ import annotations

from pathlib import Path

from experiments.proposals.findings import ParetoPoint
from experiments.proposals.model import Study
from experiments.proposals.portfolio.front import MOST_POINTS, delay_front
from experiments.proposals.portfolio.resilient import resilience_front
from experiments.proposals.sweep import Say, Sweep, quiet


def pareto(
    study: Study,
    sweep: Sweep | None = None,
    *,
    points: int = MOST_POINTS,
    say: Say = quiet,
    store: Path | None = None,
) -> tuple[ParetoPoint, ...]:
    """Cost against delay saved, then cost against resilience, at most ``points`` of each, cheapest first.

    Args:
        sweep: where the points of the first are computed; ``None``: in this process.
        store: folder in which finished points are kept and looked for.
    """
    delay = delay_front(study, sweep, points=points, say=say, store=store)
    return (*delay, *resilience_front(study, points=points, say=say))
