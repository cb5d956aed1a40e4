"""Every portfolio of a small study, one by one: what the programmes must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from experiments.proposals.costs import build_cny_million
from experiments.proposals.findings import Choice, Portfolio
from experiments.proposals.flow import flows_of
from experiments.proposals.model import Study

EQUAL = 1e-6


def ways(study: Study, candidate: str) -> list[Choice | None]:
    """Not at all, or every capacity in every year."""
    one = study.candidates[candidate]
    years = range(study.first_year + one.lead_time_years, study.first_year + study.years)
    return [None, *(Choice(candidate, gbps, year) for gbps in one.capacity_steps_gbps for year in years)]


def portfolios(study: Study) -> Iterator[Portfolio]:
    """All of them, whatever they cost."""
    for choices in product(*(ways(study, candidate) for candidate in study.candidates)):
        yield tuple(choice for choice in choices if choice is not None)


def yuan(study: Study, portfolio: Portfolio) -> int:
    """What building costs, in all."""
    return sum(spent_by_year(study, portfolio).values())


def spent_by_year(study: Study, portfolio: Portfolio) -> dict[int, int]:
    """By year of the decision, from 0."""
    spent: dict[int, int] = {}
    for choice in portfolio:
        one = study.candidates[choice.candidate]
        year = choice.year - one.lead_time_years - study.first_year
        cost = round(build_cny_million(study, one, choice.capacity_gbps) * 1e6)
        spent[year] = spent.get(year, 0) + cost
    return spent


def fits(study: Study, portfolio: Portfolio, budget_cny_million: float) -> bool:
    """In all and in each year."""
    spent = spent_by_year(study, portfolio)
    ceilings = study.budget.yearly_cny_million
    yearly = all(cost <= round(ceilings[year] * 1e6) for year, cost in spent.items() if year < len(ceilings))
    return yearly and sum(spent.values()) <= round(budget_cny_million * 1e6)


def saved(study: Study, portfolio: Portfolio) -> float:
    """Gbit/s x ms x year."""
    return flows_of(study).delay_saved(portfolio)


def best_of(study: Study, budget_cny_million: float) -> tuple[Portfolio, float]:
    """The best, ties broken as promised: fewest links, cheapest, first in order."""
    values = {p: saved(study, p) for p in portfolios(study) if fits(study, p, budget_cny_million)}
    most = max(values.values())
    equals = [p for p, value in values.items() if value >= most * (1 - EQUAL)]
    chosen = min(equals, key=lambda p: (len(p), yuan(study, p), place(study, p)))
    return chosen, values[chosen]


def place(study: Study, portfolio: Portfolio) -> list[tuple[int, int, int]]:
    """In the order of candidates, capacities and years."""
    order = list(study.candidates)
    return [
        (
            order.index(choice.candidate),
            study.candidates[choice.candidate].capacity_steps_gbps.index(choice.capacity_gbps),
            choice.year,
        )
        for choice in portfolio
    ]
