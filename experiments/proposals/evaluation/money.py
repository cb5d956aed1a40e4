"""What a portfolio saves besides delay, and when that has paid for it.

*Transit*: what crosses a new link needs none. *Settlement*: what a Gbit/s crosses fewer hand-overs between
operators than on the base network; what found no place there is compared with nothing. Neither is discounted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.proposals.costs import decision_year, portfolio_cost
from experiments.proposals.evaluation.traffic import traffic
from experiments.proposals.findings import Choice, Portfolio
from experiments.proposals.flow import Flows, built_in
from experiments.proposals.model import Study

PATIENCE_YEARS = 30


@dataclass(frozen=True, slots=True)
class Savings:
    """Of each year of the study, in millions of yuan."""

    transit_cny_million: tuple[float, ...]
    settlement_cny_million: tuple[float, ...]


def savings(flows: Flows, portfolio: Portfolio) -> Savings:
    """What a portfolio saves in each year."""
    study = flows.study
    transit, settlement = [], []
    for year in range(study.years):
        built = built_in(study, portfolio, study.first_year + year)
        moved = fewer = 0.0
        if built:
            before, after = traffic(flows, {}, year), traffic(flows, built, year)
            moved = float(after.new_gbps.sum())
            fewer = float(np.nansum(after.served_gbps * (before.crossings - after.crossings)))
        transit.append(moved * study.figure("transit_cny_million_per_gbps_year"))
        settlement.append(fewer * study.figure("settlement_cny_million_per_gbps_year"))
    return Savings(tuple(transit), tuple(settlement))


def payback_years(study: Study, portfolio: Portfolio, saved: Savings) -> float | None:
    """From the first decision until savings less operation have paid for building; within a year evenly.

    After the study they go on as in its last year. ``None``: nothing is built, or not within 30 years.
    """
    if not portfolio:
        return None
    build = portfolio_cost(study, portfolio).build_cny_million
    first = min(decision_year(study, choice) for choice in portfolio)
    paid = 0.0
    for waited in range(PATIENCE_YEARS):
        net = _net_cny_million(study, portfolio, saved, first + waited)
        if net > 0 and paid + net >= build:
            return waited + (build - paid) / net
        paid += net
    return None


def _net_cny_million(study: Study, portfolio: Sequence[Choice], saved: Savings, year: int) -> float:
    number = min(year - study.first_year, study.years - 1)
    in_service = [choice for choice in portfolio if choice.year <= year]
    operation = portfolio_cost(study, in_service).yearly_cny_million
    return saved.transit_cny_million[number] + saved.settlement_cny_million[number] - operation
