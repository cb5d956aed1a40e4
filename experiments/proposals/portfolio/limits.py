"""What a portfolio must keep, as rows over the options.

Money enters in units of 10,000 yuan, with half a yuan to spare, so that the solver's tolerance cannot turn a
portfolio that fits into one that does not, nor the reverse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.proposals.portfolio.options import Option, ceilings_yuan
from experiments.proposals.portfolio.programme import Programme, Rows

MONEY_UNIT_YUAN = 10_000.0
_SPARE = 0.5 / MONEY_UNIT_YUAN


@dataclass(frozen=True, slots=True)
class Limits:
    """What a portfolio must keep.

    Attributes:
        budget_yuan: ``None``: no limit.
        free_years: years, from 0, whose budgets are lifted.
        least_saved: Gbit/s x ms x year.
        most_links: how many candidates at most.
        not_all_of: sets of options of which one at least is left out.
        chosen, excluded: options that are, and are not, in it.
    """

    budget_yuan: int | None
    free_years: frozenset[int] = frozenset()
    least_saved: float | None = None
    most_links: int | None = None
    not_all_of: tuple[tuple[Option, ...], ...] = ()
    chosen: tuple[Option, ...] = ()
    excluded: tuple[Option, ...] = ()


def add_limits(rows: Rows, programme: Programme, limits: Limits) -> int | None:
    """Add the rows over options that limits are; which of them is the budget. Not ``least_saved``."""
    options = programme.options
    column = {option.order: number for number, option in enumerate(options)}
    for columns in programme.columns_of_candidates:
        if len(columns) > 1:
            rows.add(dict.fromkeys(columns, 1.0), -math.inf, 1.0)
    money = {number: option.yuan / MONEY_UNIT_YUAN for number, option in enumerate(options)}
    budget_row = None
    if limits.budget_yuan is not None:
        budget_row = len(rows.lower)
        rows.add(money, -math.inf, limits.budget_yuan / MONEY_UNIT_YUAN + _SPARE)
    for year, ceiling in ceilings_yuan(programme.study).items():
        entries = {number: cost for number, cost in money.items() if options[number].decided == year}
        if entries and year not in limits.free_years:
            rows.add(entries, -math.inf, ceiling / MONEY_UNIT_YUAN + _SPARE)
    if limits.most_links is not None:
        rows.add(dict.fromkeys(range(len(options)), 1.0), -math.inf, float(limits.most_links))
    for together in limits.not_all_of:
        rows.add({column[option.order]: 1.0 for option in together}, -math.inf, len(together) - 1.0)
    return budget_row


def bounds(programme: Programme, limits: Limits) -> tuple[list[float], list[float]]:
    """Lower and upper bounds of the options' columns."""
    chosen = {option.order for option in limits.chosen}
    excluded = {option.order for option in limits.excluded}
    lower = [float(option.order in chosen) for option in programme.options]
    return lower, [float(option.order not in excluded) for option in programme.options]
