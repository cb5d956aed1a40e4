"""The base network with a portfolio built: what all predictions and the emulation work on."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace

from experiments.proposals.findings import Choice
from experiments.proposals.model import Candidate, Study
from topology.geography import great_circle_km, propagation_ms
from topology.network import Link, Network


def route_km(study: Study, candidate: Candidate, route_factor: float | None = None) -> float:
    """Length of a candidate's fibre; ``route_factor`` in place of the study's, where it depends on it."""
    factor = study.figure("route_factor") if route_factor is None else route_factor
    if candidate.along:
        return along_km(study.base, candidate.along, factor)
    if candidate.follows_route_factor:
        return _great_circle_km(study.base, candidate.a, candidate.b) * factor
    return candidate.route_km


def along_km(base: Network, along: Sequence[str], route_factor: float) -> float:
    """Length of fibre along sites of ``base``: that of its links, and where two sites of the way have none,
    great circle times route factor."""
    return sum(
        base.link_between(here, there).route_km
        if base.graph.has_edge(here, there)
        else _great_circle_km(base, here, there) * route_factor
        for here, there in itertools.pairwise(along)
    )


def _great_circle_km(base: Network, here: str, there: str) -> float:
    a, b = base.sites[here], base.sites[there]
    return great_circle_km(a.latitude_deg, a.longitude_deg, b.latitude_deg, b.longitude_deg)


def link_of(
    study: Study, candidate: Candidate, capacity_gbps: float, route_factor: float | None = None
) -> Link:
    """A candidate as a link of the network; its id is the candidate's."""
    length = route_km(study, candidate, route_factor)
    return Link(
        id=candidate.id,
        a=candidate.a,
        b=candidate.b,
        capacity_gbps=capacity_gbps,
        route_km=length,
        route_basis=_route_basis(candidate),
        propagation_ms=round(propagation_ms(length, study.base.figures["fibre_us_per_km"][0]), 6),
        handover_ms=candidate.handover_ms,
        queue_ms=study.base.figures["queue_ms"][0],
        medium="optical wave",
        operator=candidate.operator,
        shared_risk_groups=candidate.shared_risk_groups,
        provenance=candidate.provenance,
    )


def _route_basis(candidate: Candidate) -> str:
    if candidate.along:
        return "along the base's links"
    return "great circle x route factor" if candidate.follows_route_factor else "stated"


def with_portfolio(
    study: Study,
    portfolio: Collection[Choice],
    *,
    year: int | None = None,
    route_factor: float | None = None,
) -> Network:
    """The base network with the links of ``portfolio`` that are in service in ``year`` (all, if ``None``)."""
    links = dict(study.base.links)
    for choice in portfolio:
        if year is None or choice.year <= year:
            candidate = study.candidates[choice.candidate]
            links[candidate.id] = link_of(study, candidate, choice.capacity_gbps, route_factor)
    names = "+".join(choice.candidate for choice in portfolio) or "nothing"
    return replace(study.base, id=f"{study.base.id}+{names}", base=study.base.id, links=links)
