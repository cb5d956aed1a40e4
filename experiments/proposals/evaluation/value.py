"""What a millisecond costs: the figure candidates are ranked by, cheap enough for thousands of samples."""

from __future__ import annotations

from experiments.proposals.costs import portfolio_cost
from experiments.proposals.findings import Portfolio
from experiments.proposals.flow import Flows, built_in, flows_of
from experiments.proposals.model import Study

_NOTHING_SAVED = 1e-9  # of the cost of the base: below it, a difference is floating point


def mean_delay_saved_ms(flows: Flows, portfolio: Portfolio) -> float:
    """Of all demands in the last year, weighted by their rates; what has no place counts as unserved."""
    study, last = flows.study, flows.study.years - 1
    total = float(flows.rates.gbps[last].sum())
    before = flows.cost({}, last)
    saved = before - flows.cost(built_in(study, portfolio, study.first_year + last), last)
    return saved / total if saved > _NOTHING_SAVED * before else 0.0


def cost_per_ms_cny_million(study: Study, portfolio: Portfolio) -> float | None:
    """Present value over the mean delay saved in the last year; ``None`` if none is saved."""
    present = portfolio_cost(study, portfolio).present_value_cny_million
    return ratio(present, mean_delay_saved_ms(flows_of(study), portfolio))


def ratio(cost_cny_million: float, gained: float) -> float | None:
    """Cost per unit gained; ``None`` if nothing is."""
    return cost_cny_million / gained if gained > 0 else None
