"""What can be chosen: one option per candidate, capacity step and year of service, with what it costs.

Money is counted in whole yuan here, so that "within the budget" has one meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from experiments.proposals.costs import build_cny_million, decision_year
from experiments.proposals.findings import Choice, Portfolio
from experiments.proposals.model import Study

YUAN_PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Option:
    """One way of building one candidate.

    Attributes:
        year, decided: of service and of the decision, when building is paid; 0 is the first of the study.
        order: position among all options of the study: by candidate, then capacity, then year.
    """

    candidate: str
    capacity_gbps: float
    year: int
    decided: int
    yuan: int
    order: int


def options_of(study: Study) -> tuple[Option, ...]:
    """All options in service within the study. Without yearly budgets, only the earliest year of each.

    Earlier service never saves less delay, and costs the same to build.
    """
    found: list[Option] = []
    for candidate in study.candidates.values():
        first = candidate.lead_time_years
        last = study.years if study.budget.yearly_cny_million else min(first + 1, study.years)
        for capacity_gbps in candidate.capacity_steps_gbps:
            yuan = whole_yuan(build_cny_million(study, candidate, capacity_gbps))
            for year in range(first, last):
                decided = decision_year(study, Choice(candidate.id, capacity_gbps, study.first_year + year))
                found.append(
                    Option(candidate.id, capacity_gbps, year, decided - study.first_year, yuan, len(found))
                )
    return tuple(found)


def affordable(study: Study, options: Iterable[Option], budget_yuan: int) -> tuple[Option, ...]:
    """Those that can be built within the budget if nothing else is."""
    ceilings = ceilings_yuan(study)
    return tuple(o for o in options if o.yuan <= min(budget_yuan, ceilings.get(o.decided, o.yuan)))


def ceilings_yuan(study: Study) -> dict[int, int]:
    """The yearly budgets, by year from 0."""
    return {year: whole_yuan(ceiling) for year, ceiling in enumerate(study.budget.yearly_cny_million)}


def without_dominated(options: Iterable[Option], most_gbps: Callable[[str], float]) -> tuple[Option, ...]:
    """Options without those that cost no less than a smaller one in which nothing is ever missing.

    ``most_gbps``: no more than this is ever carried by a candidate in one direction.
    """
    kept: list[Option] = []
    enough: dict[tuple[str, int], int] = {}  # candidate and year -> yuan for a capacity that is enough
    for option in options:
        key = option.candidate, option.year
        if key in enough and enough[key] <= option.yuan:
            continue
        kept.append(option)
        if option.capacity_gbps >= most_gbps(option.candidate):
            enough[key] = option.yuan
    return tuple(kept)


def portfolio_of(study: Study, options: Iterable[Option]) -> Portfolio:
    """The options as a portfolio, in the order of the study's candidates."""
    chosen = sorted(options, key=lambda option: option.order)
    return tuple(Choice(o.candidate, o.capacity_gbps, study.first_year + o.year) for o in chosen)


def within(study: Study, options: Iterable[Option], budget_yuan: int) -> bool:
    """Whether options can all be paid, in all and in each year."""
    spent: dict[int, int] = {}
    for option in options:
        spent[option.decided] = spent.get(option.decided, 0) + option.yuan
    ceilings = ceilings_yuan(study)
    kept = all(yuan <= ceilings.get(year, yuan) for year, yuan in spent.items())
    return kept and sum(spent.values()) <= budget_yuan


def whole_yuan(cny_million: float) -> int:
    """To the nearest yuan."""
    return round(cny_million * YUAN_PER_MILLION)
