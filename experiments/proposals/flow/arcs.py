"""A study as arrays: its sites, the arcs of the base network and of all candidates, the demands of each year.

Link number ``i`` is arc ``2i`` from its end ``a`` to ``b`` and arc ``2i + 1`` back, each with all of its
capacity. The links of the base network come first, then the candidates, both in the order of their files. So
a portfolio changes no number: it only gives some links a capacity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.paths import NANOSECONDS_PER_MS, link_latency_ns
from experiments.proposals.building import link_of
from experiments.proposals.findings import Choice
from experiments.proposals.model import Study
from topology.errors import InputError
from topology.network import Link

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Pair = tuple[int, int]  # source and destination, numbers of sites
Built = Mapping[str, float]  # candidates in service -> capacity in each direction, Gbit/s


@dataclass(frozen=True)
class Arcs:
    """All links that are or could be there.

    Attributes:
        links: in order; ``count_of_base`` of them are there without a portfolio.
        number: of a link, by its id.
        tail, head: sites of each arc, shape ``(2 * links,)``.
        latency_ns: of each link, one way; whole nanoseconds, as the controller counts.
        carries_transit, operator_of_site: of each site.
    """

    sites: tuple[str, ...]
    carries_transit: tuple[bool, ...]
    operator_of_site: tuple[str, ...]
    links: tuple[Link, ...]
    count_of_base: int
    number: Mapping[str, int]
    tail: Indices
    head: Indices
    latency_ns: tuple[int, ...]

    @classmethod
    def of(cls, study: Study) -> Arcs:
        """The arcs of a study; a candidate's length follows the study's route factor."""
        base = study.base
        # The capacity of a candidate is not used: that of a portfolio takes its place.
        candidates = (link_of(study, one, one.capacity_steps_gbps[0]) for one in study.candidates.values())
        links = (*base.links.values(), *candidates)
        place = {site: position for position, site in enumerate(base.sites)}
        ends = [(place[link.a], place[link.b]) for link in links]
        return cls(
            sites=tuple(base.sites),
            carries_transit=tuple(site.carries_transit for site in base.sites.values()),
            operator_of_site=tuple(site.operator for site in base.sites.values()),
            links=links,
            count_of_base=len(base.links),
            number={link.id: position for position, link in enumerate(links)},
            tail=np.array([end for a, b in ends for end in (a, b)], dtype=np.int32),
            head=np.array([end for a, b in ends for end in (b, a)], dtype=np.int32),
            latency_ns=tuple(link_latency_ns(base, link) for link in links),
        )

    @property
    def latency_ms(self) -> Floats:
        """Of each arc."""
        return np.repeat(np.array(self.latency_ns) / NANOSECONDS_PER_MS, 2)

    def capacities_gbps(self, built: Built) -> Floats:
        """Of each link; 0 for a candidate that is not built."""
        capacity = np.zeros(len(self.links))
        capacity[: self.count_of_base] = [link.capacity_gbps for link in self.links[: self.count_of_base]]
        for candidate, capacity_gbps in built.items():
            capacity[self.number[candidate]] = capacity_gbps
        return capacity


@dataclass(frozen=True)
class Rates:
    """Demands added up per pair of sites.

    Attributes:
        pairs: in the order in which the demands first name them.
        gbps: of each pair in each year, shape ``(years, pairs)``.
        pair_of_demand: number of the pair of each demand; ``None`` for one that stays where it is.
    """

    pairs: tuple[Pair, ...]
    gbps: Floats
    pair_of_demand: tuple[int | None, ...]

    @classmethod
    def of(cls, study: Study) -> Rates:
        """The demands of a study, grown year by year."""
        place = {site: position for position, site in enumerate(study.base.sites)}
        number: dict[Pair, int] = {}
        of_demand: list[int | None] = []
        for entry in study.demands:
            pair = place[entry.demand.source], place[entry.demand.destination]
            stays = pair[0] == pair[1]
            of_demand.append(None if stays else number.setdefault(pair, len(number)))
        gbps = np.zeros((study.years, len(number)))
        for year in range(study.years):
            for entry, position in zip(study.demands, of_demand, strict=True):
                if position is not None:
                    gbps[year, position] += demand_gbps(
                        entry.demand.rate_gbps, entry.growth_per_year.value, year
                    )
        return cls(tuple(number), gbps, tuple(of_demand))


def demand_gbps(first_year_gbps: float, growth_per_year: float, years_later: int) -> float:
    """Rate of a demand that grows by the same share every year."""
    return first_year_gbps * (1 + growth_per_year) ** years_later


def built_in(study: Study, portfolio: Iterable[Choice], year: int) -> dict[str, float]:
    """The candidates of a portfolio that are in service in a calendar year, in the order of the study.

    Raises ``InputError`` if it names a candidate that the study does not have, or one of them twice.
    """
    chosen: dict[str, Choice] = {}
    for choice in portfolio:
        if choice.candidate not in study.candidates:
            what = f"the portfolio has the candidate {choice.candidate}, which the study has not"
            raise InputError(what, where=study.id, hint=f"one of {', '.join(study.candidates)}")
        if choice.candidate in chosen:
            raise InputError(f"the portfolio has the candidate {choice.candidate} twice", where=study.id)
        chosen[choice.candidate] = choice
    return {
        candidate: chosen[candidate].capacity_gbps
        for candidate in study.candidates
        if candidate in chosen and chosen[candidate].year <= year
    }
