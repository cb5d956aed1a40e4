"""What candidates cost: unit costs times lengths and waves, at the study's prices, in millions of yuan.

```
build   =  length . cable or fibre pair  +  amplifier sites . site  +  waves . wave
waves   =  ceil(capacity / capacity of a wave)
sites   =  ceil(length / spacing) - 1          none on a single span
yearly  =  build . operation ratio
```

A candidate may state the cost of its first capacity step instead; higher steps then add their further waves.
Building is paid in the year of the decision, ``lead_time_years`` before service; operation from the year of
service to the last year of the study. Present values are of the study's first year.

Every function takes its figures from the study it is given: to vary them, give it a study with other ones
(``dataclasses.replace``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil

from experiments.proposals.building import route_km
from experiments.proposals.findings import Choice, Cost
from experiments.proposals.model import Build, Candidate, Study

_ROUNDING = 1e-6  # so that 1200 km and a millimetre in spans of 80 km are 15 spans, not 16


@dataclass(frozen=True, slots=True)
class CostParts:
    """How the building cost of a candidate comes about.

    Attributes:
        waves: of ``wave_gbps`` each, that carry the capacity.
        amplifier_sites: along the route, without the two ends.
        route_cny_million: the cable, or the fibre pair; with a stated cost, all of the first step.
        amplifiers_cny_million, waves_cny_million: the rest; with a stated cost, what the step adds to it.
        stated: whether the candidate states the cost of its first step.
    """

    route_km: float
    waves: int
    amplifier_sites: int
    route_cny_million: float
    amplifiers_cny_million: float
    waves_cny_million: float
    stated: bool

    @property
    def build_cny_million(self) -> float:
        """All together."""
        return self.route_cny_million + self.amplifiers_cny_million + self.waves_cny_million


def cost_parts(study: Study, candidate: Candidate, capacity_gbps: float) -> CostParts:
    """What building ``candidate`` with ``capacity_gbps`` costs, part by part."""
    length = route_km(study, candidate)
    waves = waves_for(study, capacity_gbps)
    sites = max(0, _ceil(length / study.figure("amplifier_spacing_km")) - 1)
    wave_cost = study.figure("wave_cny_million")
    if candidate.build_cny_million is not None:
        added = _added_waves(study, candidate, capacity_gbps)
        stated = candidate.build_cny_million.value
        return CostParts(length, waves, sites, stated, 0.0, added * wave_cost, True)
    new = candidate.build is Build.NEW_CABLE
    per_km = study.figure("new_cable_cny_million_per_km" if new else "existing_fibre_cny_million_per_km")
    amplifiers = sites * study.figure("amplifier_site_cny_million")
    return CostParts(length, waves, sites, length * per_km, amplifiers, waves * wave_cost, False)


def build_cny_million(study: Study, candidate: Candidate, capacity_gbps: float) -> float:
    """What building ``candidate`` with ``capacity_gbps`` costs."""
    return cost_parts(study, candidate, capacity_gbps).build_cny_million


def yearly_cny_million(study: Study, candidate: Candidate, capacity_gbps: float) -> float:
    """What a year of operating ``candidate`` costs."""
    ratio = study.figure("operation_ratio_per_year")
    parts = cost_parts(study, candidate, capacity_gbps)
    if candidate.yearly_cny_million is None:
        return parts.build_cny_million * ratio
    added = _added_waves(study, candidate, capacity_gbps) * study.figure("wave_cny_million")
    return candidate.yearly_cny_million.value + added * ratio


def _added_waves(study: Study, candidate: Candidate, capacity_gbps: float) -> int:
    """Waves of a capacity beyond those of the candidate's first step."""
    return waves_for(study, capacity_gbps) - waves_for(study, candidate.capacity_steps_gbps[0])


def waves_for(study: Study, capacity_gbps: float) -> int:
    """How many waves carry a capacity."""
    return _ceil(capacity_gbps / study.figure("wave_gbps"))


def decision_year(study: Study, choice: Choice) -> int:
    """The calendar year in which a choice is decided and paid."""
    return choice.year - study.candidates[choice.candidate].lead_time_years


def choice_cost(study: Study, choice: Choice) -> Cost:
    """What one candidate of a portfolio costs."""
    candidate = study.candidates[choice.candidate]
    build = build_cny_million(study, candidate, choice.capacity_gbps)
    yearly = yearly_cny_million(study, candidate, choice.capacity_gbps)
    last_year = study.first_year + study.years - 1
    operation = sum(discount(study, year) for year in range(choice.year, last_year + 1))
    present = build * discount(study, decision_year(study, choice)) + yearly * operation
    return Cost(build, yearly, present)


def portfolio_cost(study: Study, portfolio: Collection[Choice]) -> Cost:
    """What a portfolio costs: the sum of its choices, in the order of the study's candidates."""
    order = list(study.candidates)
    costs = [
        choice_cost(study, choice) for choice in sorted(portfolio, key=lambda c: order.index(c.candidate))
    ]
    return Cost(
        sum(cost.build_cny_million for cost in costs),
        sum(cost.yearly_cny_million for cost in costs),
        sum(cost.present_value_cny_million for cost in costs),
    )


def spending_cny_million(study: Study, portfolio: Collection[Choice]) -> dict[int, float]:
    """What a portfolio costs to build in each calendar year of the study; its yearly budgets bind this."""
    spent = {study.first_year + number: 0.0 for number in range(study.years)}
    for choice in portfolio:
        candidate = study.candidates[choice.candidate]
        year = decision_year(study, choice)
        spent[year] = spent.get(year, 0.0) + build_cny_million(study, candidate, choice.capacity_gbps)
    return spent


def discount(study: Study, year: int) -> float:
    """What one yuan of a calendar year is worth in the study's first year."""
    return float((1 + study.figure("discount_rate_per_year")) ** (study.first_year - year))


def _ceil(ratio: float) -> int:
    return ceil(ratio - _ROUNDING)
