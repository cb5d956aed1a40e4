"""Where traffic goes in a year: what moves onto new links, how full links are, what crosses hand-overs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from experiments.proposals.findings import Load
from experiments.proposals.flow import Arcs, Built, Flows, Route
from experiments.proposals.flow.arcs import Floats, demand_gbps


@dataclass(frozen=True)
class Traffic:
    """One year's flow of least cost, per pair of the study's demands.

    Attributes:
        new_gbps: what crosses a candidate.
        served_gbps: what has a place.
        crossings: hand-overs between operators that a Gbit/s with a place crosses, on average; ``nan`` for
            a pair of which nothing has a place.
        load: the most loaded direction of a link.
    """

    new_gbps: Floats
    served_gbps: Floats
    crossings: Floats
    load: Load


def traffic(flows: Flows, built: Built, year: int) -> Traffic:
    """The traffic of a year (from 0) with what is built; the last ones asked for are remembered."""
    return _traffic(flows, tuple(built.items()), year)


@lru_cache(maxsize=256)
def _traffic(flows: Flows, built: tuple[tuple[str, float], ...], year: int) -> Traffic:
    arcs, capacities = flows.arcs, dict(built)
    routed = flows.routed(capacities, year)
    new, crossed = (
        np.array([sum(route.gbps * of(arcs, route) for route in routes) for routes in routed.routes])
        for of in (_is_new, _crossings)
    )
    served = flows.rates.gbps[year] - routed.unserved_gbps
    crossings = np.divide(crossed, served, out=np.full(len(served), np.nan), where=served > 0)
    load = _load(arcs, capacities, routed.loads_gbps, float(routed.unserved_gbps.sum()))
    return Traffic(new, served, crossings, load)


def _is_new(arcs: Arcs, route: Route) -> bool:
    return any(arc // 2 >= arcs.count_of_base for arc in route.arcs)


def _crossings(arcs: Arcs, route: Route) -> int:
    """How often a path changes its operator. Sites and links without one belong to whoever comes before."""
    operators = [arcs.operator_of_site[arcs.tail[route.arcs[0]]]]
    for arc in route.arcs:
        operators += [arcs.links[arc // 2].operator, arcs.operator_of_site[arcs.head[arc]]]
    return sum(here != there for here, there in pairwise(filter(None, operators)))


def _load(arcs: Arcs, built: Built, loads_gbps: Floats, unserved_gbps: float) -> Load:
    capacity = np.repeat(arcs.capacities_gbps(built), 2)
    utilisation = np.divide(loads_gbps, capacity, out=np.zeros(len(capacity)), where=capacity > 0)
    if not len(utilisation):
        return Load("", 0.0, unserved_gbps)
    # Rounded, so that of several links that are full the first is named, whatever the solver's last digit.
    rounded = np.round(utilisation, 9)
    fullest = int(np.argmax(rounded))
    return Load(arcs.links[fullest // 2].id, min(1.0, float(rounded[fullest])), unserved_gbps)


def moved_demands(flows: Flows, built: Built, year: int) -> dict[str, float]:
    """Demands that use a new link in a year, with the Gbit/s that moved, in the order of the study.

    Demands of one pair are routed together, so each moves in proportion.
    """
    new, rates = traffic(flows, built, year).new_gbps, flows.rates.gbps[year]
    found = {}
    for entry, pair in zip(flows.study.demands, flows.rates.pair_of_demand, strict=True):
        if pair is not None and new[pair] > 0:
            own = demand_gbps(entry.demand.rate_gbps, entry.growth_per_year.value, year)
            found[entry.demand.id] = float(own * min(1.0, new[pair] / rates[pair]))
    return found
