"""Networks with candidates built, where capacities and years play no part."""

from __future__ import annotations

from collections.abc import Collection

from experiments.proposals.building import with_portfolio
from experiments.proposals.findings import Choice
from experiments.proposals.model import Study
from topology.network import Network


def with_candidates(study: Study, candidates: Collection[str], route_factor: float | None = None) -> Network:
    """The base network with these candidates, at their first capacities."""
    portfolio = [
        Choice(one.id, one.capacity_steps_gbps[0], study.first_year)
        for one in study.candidates.values()
        if one.id in candidates
    ]
    return with_portfolio(study, portfolio, route_factor=route_factor)
