"""Pareto fronts: what can be had for how much. Budgets are the epsilon of the epsilon-constraint method.

Each point is the optimum for a budget, the cheapest of those that save as much delay, so no portfolio is both
cheaper and better (Haimes, Lasdon and Wismer, IEEE Trans. Systems, Man, and Cybernetics 1, 1971). The largest
budget is what the best portfolio of all costs. Half of the budgets lie between it and the cheapest option,
each the same share above the one before; then, time and again, the widest gaps in delay saved are looked
into just below their upper end: either there is a point, or the gap holds none. Of small studies this finds
all points; of others, a selection. Yearly budgets hold throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from experiments.proposals.findings import ParetoPoint, Portfolio
from experiments.proposals.model import Study
from experiments.proposals.portfolio.choice import master_of, settle
from experiments.proposals.portfolio.limits import Limits
from experiments.proposals.portfolio.master import Goal
from experiments.proposals.portfolio.options import YUAN_PER_MILLION, options_of, portfolio_of
from experiments.proposals.sweep import Say, Sweep, quiet

MOST_POINTS = 20
_AT_ONCE = 4  # gaps looked into side by side, whatever the number of workers


@dataclass(frozen=True, slots=True)
class Point:
    """The optimum for a budget."""

    yuan: int
    saved: float
    portfolio: Portfolio


def delay_front(
    study: Study,
    sweep: Sweep | None = None,
    *,
    points: int = MOST_POINTS,
    say: Say = quiet,
    store: Path | None = None,
) -> tuple[ParetoPoint, ...]:
    """Cost against delay saved, cheapest first, at most ``points``; the first builds nothing."""
    sweep, find = sweep or Sweep(workers=1), partial(best_point, study)

    def ask(budgets: Sequence[int | None]) -> list[Point]:
        return sweep.map(find, list(budgets), label="Pareto front of delay", say=say, store=store)

    known = {0: Point(0, 0.0, ())}
    for point in ask([None]):
        known[point.yuan] = point
    for point in ask(_spread(study, max(known), points // 2)):
        known.setdefault(point.yuan, point)
    closed: set[int] = set()
    while len(known) < points:
        order = sorted(known)
        gaps = [(low, high) for low, high in pairwise(order) if high not in closed]
        widest = sorted(gaps, key=lambda gap: (known[gap[0]].saved - known[gap[1]].saved, gap))
        some = [high for _, high in widest[: min(_AT_ONCE, points - len(known))]]
        if not some:
            break
        for high, point in zip(some, ask([high - 1 for high in some]), strict=True):
            closed.add(high)
            known.setdefault(point.yuan, point)
    return tuple(
        ParetoPoint("delay", point.yuan / YUAN_PER_MILLION, point.saved, point.portfolio)
        for _, point in sorted(known.items())
    )


def best_point(study: Study, budget_yuan: int | None) -> Point:
    """The most delay saved within a budget, at the least cost; ``None``: no budget but those of years."""
    settled = settle(master_of(study), Limits(budget_yuan), order=(Goal.CHEAPEST, Goal.FEWEST))
    yuan = sum(option.yuan for option in settled.options)
    return Point(yuan, settled.saved, portfolio_of(study, settled.options))


def _spread(study: Study, most_yuan: int, count: int) -> list[int]:
    """Budgets from the cheapest option's cost up to below ``most_yuan``, by equal shares."""
    least = min((option.yuan for option in options_of(study)), default=0)
    if not 0 < least < most_yuan:
        return []
    share = (most_yuan / least) ** (1 / count)
    return sorted({round(least * share**number) for number in range(count)})
