"""Expected loss of many portfolios of one study: networks that differ in a few links.

The order of elimination and the failures are found once, for the base network with every candidate; a
portfolio then only says which links are there. One portfolio of the shipped study takes about 5 ms on a core.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from experiments.proposals.flow.arcs import demand_gbps
from experiments.proposals.model import Study
from experiments.proposals.resilience.assessment import expected_gbps_hours
from experiments.proposals.resilience.built import with_candidates
from experiments.proposals.resilience.effects import Question
from experiments.proposals.resilience.failures import elements
from experiments.proposals.resilience.rates import FailureRates, unavailability
from experiments.proposals.resilience.states import Cuts
from topology.network import Demand


class Losses:
    """The expected loss of any set of candidates; demands have the rates of the last year of the study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._rates = FailureRates.of(study)
        self._everything = with_candidates(study, study.candidates)
        self._question = Question(self._everything, last_demands(study))
        self._elements = elements(self._everything, self._question.wires)

    def cuts(self, candidates: Collection[str]) -> Cuts:
        """What separates the pairs of demands if just these candidates are built."""
        absent = set(self._study.candidates) - set(candidates)
        present = np.array([link not in absent for link in self._question.wires.links], dtype=np.bool_)
        return Cuts.of(self._question.plan, self._elements, self._question.pairs, present)

    def expected_lost(
        self,
        candidates: Collection[str],
        *,
        rates: FailureRates | None = None,
        route_factor: float | None = None,
        cuts: Cuts | None = None,
    ) -> float:
        """Gbit/s x hours a year if just these candidates are built.

        ``rates`` and ``route_factor`` take the place of the study's; ``cuts`` are those of the same
        candidates, where they are known already.
        """
        network = with_candidates(self._study, candidates, route_factor)
        if rates is None:
            rates = self._rates if route_factor is None else FailureRates.of(self._study, route_factor)
        down = unavailability(network, self._elements, rates)
        cuts = cuts or self.cuts(candidates)
        return expected_gbps_hours(self._question.rates_gbps, cuts.availability(down))


def last_demands(study: Study) -> list[Demand]:
    """The demands of the last year of a study."""
    return [
        replace(
            entry.demand,
            rate_gbps=demand_gbps(entry.demand.rate_gbps, entry.growth_per_year.value, study.years - 1),
        )
        for entry in study.demands
    ]
