"""Studies for tests of flows and evaluations: small ones by hand, and random ones for hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from experiments.proposals.findings import Choice, Portfolio
from experiments.proposals.model import Budget, Build, Candidate, Figure, Study, StudyDemand, Target
from tests.controller.strategies import network_of
from topology.network import Demand, Network, Provenance, Text, TrafficClass

US_PER_KM = 5.0  # so that 200 km are 1 ms
FIRST_YEAR = 2026

FIGURES = {
    "route_factor": 1.5,
    "new_cable_cny_million_per_km": 0.2,
    "existing_fibre_cny_million_per_km": 0.02,
    "amplifier_site_cny_million": 1.0,
    "amplifier_spacing_km": 80.0,
    "wave_cny_million": 4.0,
    "wave_gbps": 100.0,
    "operation_ratio_per_year": 0.05,
    "discount_rate_per_year": 0.05,
    "growth_per_year": 0.3,
    "transit_cny_million_per_gbps_year": 0.5,
    "settlement_cny_million_per_gbps_year": 0.3,
    "unserved_ms": 100.0,
    "cuts_per_1000km_year": 1.0,
    "cut_repair_hours": 12.0,
    "site_failures_per_year": 0.1,
    "site_repair_hours": 4.0,
}


def certain(value: float) -> Figure:
    """A figure without doubt."""
    return Figure(value, value, value)


def study_of(
    base: Network,
    candidates: Mapping[str, tuple[str, str, float, Sequence[float]]],
    demands: Sequence[tuple[str, str, float]],
    *,
    growth: float = 0.0,
    years: int = 1,
    targets: Iterable[Target] = (),
    **figures: float,
) -> Study:
    """A study: candidates as ``id: (a, b, delay_ms, capacities)``, demands as ``(from, to, rate_gbps)``."""
    assumed = {
        name: (value, Provenance()) for name, value in (("fibre_us_per_km", US_PER_KM), ("queue_ms", 10.0))
    }
    return Study(
        id="test",
        title=Text("Test", "测试"),
        description=Text("", ""),
        base=replace(base, figures=assumed),
        candidates={
            name: Candidate(
                id=name,
                name=Text(name, name),
                a=a,
                b=b,
                route_km=delay * 1000 / US_PER_KM,
                follows_route_factor=False,
                build=Build.NEW_CABLE,
                capacity_steps_gbps=tuple(steps),
                lead_time_years=0,
            )
            for name, (a, b, delay, steps) in candidates.items()
        },
        demands=tuple(
            StudyDemand(Demand(f"d{number}-{a}-{b}", a, b, rate, TrafficClass.BEST_EFFORT), certain(growth))
            for number, (a, b, rate) in enumerate(demands)
        ),
        targets=tuple(targets),
        budget=Budget(1000.0),
        figures={name: certain(value) for name, value in {**FIGURES, **figures}.items()},
        first_year=FIRST_YEAR,
        years=years,
        price_year=2026,
        sources={},
    )


def all_of(study: Study, year: int = FIRST_YEAR) -> Portfolio:
    """Every candidate at its first capacity."""
    return tuple(Choice(one.id, one.capacity_steps_gbps[0], year) for one in study.candidates.values())


@st.composite
def studies(draw: st.DrawFn, *, max_sites: int = 6) -> Study:
    """Random ones: many ties, demands too large for links, sites without transit, not always in one part."""
    count = draw(st.integers(3, max_sites))
    sites = [f"n{number}" for number in range(count)]
    pairs = [(a, b) for i, a in enumerate(sites) for b in sites[i + 1 :]]
    some = st.lists(st.sampled_from(pairs), unique=True, max_size=8)
    chosen = draw(some)
    delays = st.sampled_from([0.0, 0.5, 1.0, 1.5, 4.0, 60.0])
    capacities = st.sampled_from([1.0, 2.0, 5.0, 100.0])
    base = network_of(
        sites,
        [(a, b, draw(delays), draw(capacities)) for a, b in chosen],
        no_transit=draw(st.sets(st.sampled_from(sites), max_size=2)),
        transit_ms=draw(st.sampled_from([0.0, 0.25])),
    )
    offered = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4))
    ends = st.tuples(st.sampled_from(sites), st.sampled_from(sites))
    wanted = draw(st.lists(ends, min_size=1, max_size=6))
    return study_of(
        base,
        {f"c{n}": (a, b, draw(delays), [draw(capacities)]) for n, (a, b) in enumerate(offered)},
        [(a, b, draw(st.sampled_from([0.5, 1.0, 3.0, 4.0]))) for a, b in wanted],
        growth=draw(st.sampled_from([0.0, 0.5])),
        years=draw(st.integers(1, 3)),
    )
