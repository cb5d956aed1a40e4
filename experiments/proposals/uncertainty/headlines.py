"""The figures a decision is made by, for one set of assumptions.

By name, in this order: ``delay_saved`` (Gbit/s x ms x year), ``mean_delay_saved_ms``, ``build_cny_million``,
``yearly_cny_million``, ``present_value_cny_million``, ``cost_per_ms_cny_million``, ``payback_years``,
``expected_lost_gbps_hours_per_year`` (of the demands of the last year), and ``target ID: one_way_ms``, the
slowest pair of each target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.proposals.building import with_portfolio
from experiments.proposals.evaluation import evaluate, ranked
from experiments.proposals.evaluation.money import PATIENCE_YEARS
from experiments.proposals.findings import Portfolio
from experiments.proposals.model import Study
from experiments.proposals.portfolio import best
from experiments.proposals.resilience import FailureRates, expected_lost, last_demands
from experiments.proposals.uncertainty.assumptions import varied

DELAY_SAVED = "delay_saved"
COST_PER_MS = "cost_per_ms_cny_million"


@dataclass(frozen=True, slots=True)
class Sample:
    """What came out of one set of assumptions.

    Attributes:
        headlines: by name. ``payback_years`` of 30 stands for 30 and more; without delay saved there is no
            cost per ms.
        first: the candidate that ranks first alone.
    """

    headlines: Mapping[str, float]
    first: str


def sample(study: Study, portfolio: Portfolio, values: Mapping[str, float]) -> Sample:
    """The headline figures of ``portfolio`` and the ranking, if the assumptions have these ``values``."""
    study = varied(study, values)
    found = evaluate(study, portfolio)
    years = PATIENCE_YEARS if found.payback_years is None else found.payback_years
    lost = expected_lost(with_portfolio(study, portfolio), last_demands(study), FailureRates.of(study))
    headlines = {
        DELAY_SAVED: found.delay_saved,
        "mean_delay_saved_ms": found.mean_delay_saved_ms,
        "build_cny_million": found.cost.build_cny_million,
        "yearly_cny_million": found.cost.yearly_cny_million,
        "present_value_cny_million": found.cost.present_value_cny_million,
        COST_PER_MS: found.cost_per_ms_cny_million,
        "payback_years": float(years) if portfolio else None,
        "expected_lost_gbps_hours_per_year": lost,
        **{f"target {state.target}: one_way_ms": state.after_ms for state in found.targets},
    }
    return Sample(
        {name: value for name, value in headlines.items() if value is not None}, first=ranked(study)[0]
    )


def chosen(study: Study, values: Mapping[str, float]) -> tuple[str, ...]:
    """The candidates of the best portfolio, if the assumptions have these ``values``.

    However long it takes: a limit in seconds would make the answer one of this machine.
    """
    found = best(varied(study, values), seconds=math.inf)
    return tuple(choice.candidate for choice in found.portfolio)
