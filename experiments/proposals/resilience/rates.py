"""How often elements fail and for how long they are down.

Cuts come with length: ``cuts_per_1000km_year`` times the route, repaired after ``cut_repair_hours`` on
average; sites fail ``site_failures_per_year`` times. Elements fail independently of each other. What is known
about shared-risk groups is only who is in them, hence an assumption on the unfavourable side: the common
stretch of a group is as long as its shortest link can give (a link in several groups gives each an equal
share of its length). Cuts on the common stretch are cuts of the group and no longer of the link itself, so
that a link is down as often as its length says, whatever groups it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.model import Study
from experiments.proposals.resilience.built import with_candidates
from experiments.proposals.resilience.failures import GROUP, SITE, Elements, groups_of
from topology.network import Network

HOURS_PER_YEAR = 8766.0  # of 365.25 days


@dataclass(frozen=True, slots=True)
class FailureRates:
    """The figures of a study that say how often something fails.

    ``common_km`` is the common stretch of each shared-risk group: in a study that of all its candidates,
    so that a candidate changes nothing about the others. ``None``: that of the links of the network.
    """

    cuts_per_1000km_year: float
    cut_repair_hours: float
    site_failures_per_year: float
    site_repair_hours: float
    common_km: Mapping[str, float] | None = None

    @classmethod
    def of(cls, study: Study, route_factor: float | None = None) -> FailureRates:
        """The best estimates of a study; ``route_factor`` in place of its own."""
        return cls(
            study.figure("cuts_per_1000km_year"),
            study.figure("cut_repair_hours"),
            study.figure("site_failures_per_year"),
            study.figure("site_repair_hours"),
            common_km(with_candidates(study, study.candidates, route_factor)),
        )


def common_km(network: Network) -> Mapping[str, float]:
    """Assumed length of the common stretch of each shared-risk group."""
    share = {
        link.id: link.route_km / max(1, len(set(link.shared_risk_groups))) for link in network.links.values()
    }
    return {group: min(share[link] for link in links) for group, links in groups_of(network).items()}


def unavailability(network: Network, elements: Elements, rates: FailureRates) -> NDArray[np.float64]:
    """Share of the time that each element is down: repair time over repair time and time between failures.

    An element that ``network`` does not have is never down.
    """
    stretch = common_km(network) if rates.common_km is None else rates.common_km
    down = [_down(*_rate(network, stretch, rates, name)) for name in elements.names]
    return np.array(down, dtype=np.float64)


def _rate(
    network: Network, stretch: Mapping[str, float], rates: FailureRates, name: str
) -> tuple[float, float]:
    """Failures per year of working, and hours to repair one."""
    if name.startswith(SITE):
        return rates.site_failures_per_year, rates.site_repair_hours
    if name.startswith(GROUP):
        length_km = stretch.get(name.removeprefix(GROUP), 0.0)
    elif name not in network.links:
        length_km = 0.0
    else:
        link = network.links[name]
        length_km = link.route_km - sum(stretch[group] for group in dict.fromkeys(link.shared_risk_groups))
    return rates.cuts_per_1000km_year * max(0.0, length_km) / 1000, rates.cut_repair_hours


def _down(failures_per_year: float, repair_hours: float) -> float:
    working_and_down = failures_per_year * repair_hours / HOURS_PER_YEAR
    return working_and_down / (1 + working_and_down)
