"""The base network with a portfolio built: what all predictions and the emulation work on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from experiments.proposals.findings import Choice
from experiments.proposals.model import Candidate, Study
from topology.geography import great_circle_km, propagation_ms
from topology.network import Link, Network


def route_km(study: Study, candidate: Candidate, route_factor: float | None = None) -> float:
    """Length of a candidate's fibre; ``route_factor`` in place of the study's, where it depends on it."""
    if not candidate.follows_route_factor:
        return candidate.route_km
    a, b = study.base.sites[candidate.a], study.base.sites[candidate.b]
    factor = study.figure("route_factor") if route_factor is None else route_factor
    here, there = (a.latitude_deg, a.longitude_deg), (b.latitude_deg, b.longitude_deg)
    return great_circle_km(*here, *there) * factor


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
        route_basis="great circle x route factor" if candidate.follows_route_factor else "stated",
        propagation_ms=round(propagation_ms(length, study.base.figures["fibre_us_per_km"][0]), 6),
        handover_ms=candidate.handover_ms,
        queue_ms=study.base.figures["queue_ms"][0],
        medium="optical wave",
        operator=candidate.operator,
        shared_risk_groups=candidate.shared_risk_groups,
        provenance=candidate.provenance,
    )


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
