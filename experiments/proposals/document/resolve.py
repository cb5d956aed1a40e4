"""A checked study file becomes a ``Study``: defaults filled in, every length computed."""

from __future__ import annotations

from types import MappingProxyType

from experiments.proposals.building import along_km
from experiments.proposals.document.parts import CandidateIn, FigureIn, StudyDemandIn, StudyFile
from experiments.proposals.model import FIGURES, Budget, Candidate, Figure, Study, StudyDemand, Target
from topology.network import Network, Provenance, Source, Text
from topology.scenario.parts import TextIn, WithProvenance
from topology.scenario.resolve import distance_km, resolved_demand


def resolve_study(file: StudyFile, base: Network, name: str) -> Study:
    """The study of a sound file on its ``base``; ``name`` is how messages call the file."""
    figures = {key: _figure(getattr(file.figures, key), Provenance()) for key in FIGURES}
    candidates = {
        key: _candidate(key, part, base, figures["route_factor"].value)
        for key, part in file.candidates.items()
    }
    growth = figures["growth_per_year"]
    demands = [StudyDemand(demand, growth) for demand in base.demands.values() if file.base_demands]
    demands += [_demand(key, part, base, growth) for key, part in file.demands.items()]
    own_sources = {key: Source(key, part.title, part.grade, part.url) for key, part in file.sources.items()}
    return Study(
        id=file.id,
        title=_text(file.title),
        description=_text(file.description) if file.description else Text("", ""),
        base=base,
        candidates=MappingProxyType(candidates),
        demands=tuple(demands),
        targets=tuple(
            Target(
                key,
                _text(part.name),
                part.from_,
                tuple(part.to),
                float(part.max_one_way_ms),
                part.survives_single_cut,
                _provenance(part),
            )
            for key, part in file.targets.items()
        ),
        budget=Budget(
            float(file.budget.total_cny_million),
            tuple(float(ceiling) for ceiling in file.budget.yearly_cny_million or ()),
        ),
        figures=MappingProxyType(figures),
        first_year=file.first_year,
        years=file.years,
        price_year=file.price_year,
        sources=MappingProxyType({**base.sources, **own_sources}),
        provenance=_provenance(file.budget),
        file=name,
    )


def _candidate(key: str, part: CandidateIn, base: Network, route_factor: float) -> Candidate:
    a, b = part.ends
    provenance = _provenance(part)
    along = _along(part)
    if along:
        route_km = along_km(base, along, route_factor)
    elif part.route_km is not None:
        route_km = float(part.route_km)
    else:
        route_km = distance_km(base.sites[a], base.sites[b]) * route_factor
    return Candidate(
        id=key,
        name=_text(part.name) if part.name else _joined(base.sites[a].name, base.sites[b].name),
        a=a,
        b=b,
        route_km=round(route_km, 3),
        follows_route_factor=not part.along and part.route_km is None,
        build=part.build,
        capacity_steps_gbps=tuple(float(step) for step in part.capacity_steps_gbps),
        lead_time_years=part.lead_time_years,
        along=along,
        build_cny_million=_optional(part.build_cny_million, provenance),
        yearly_cny_million=_optional(part.yearly_cny_million, provenance),
        shared_risk_groups=tuple(part.shared_risk_groups),
        operator=part.operator or "",
        handover_ms=float(part.handover_ms),
        provenance=provenance,
    )


def _along(part: CandidateIn) -> tuple[str, ...]:
    """The sites it follows, from end to end; empty if it follows none."""
    if not part.along:
        return ()
    before = () if part.along[0] == part.ends[0] else (part.ends[0],)
    after = () if part.along[-1] == part.ends[1] else (part.ends[1],)
    return (*before, *part.along, *after)


def _demand(key: str, part: StudyDemandIn, base: Network, growth: Figure) -> StudyDemand:
    own = _optional(part.growth_per_year, _provenance(part))
    return StudyDemand(resolved_demand(key, part, base), growth if own is None else own)


def _optional(part: FigureIn | None, otherwise: Provenance) -> Figure | None:
    return None if part is None else _figure(part, otherwise)


def _figure(part: FigureIn, otherwise: Provenance) -> Figure:
    """``otherwise`` is where it comes from if it does not say."""
    value = float(part.value)
    return Figure(
        value,
        value if part.low is None else float(part.low),
        value if part.high is None else float(part.high),
        part.distribution,
        _provenance(part) if part.source or part.assumption else otherwise,
    )


def _joined(a: Text, b: Text) -> Text:
    return Text(f"{a.en} - {b.en}", f"{a.zh}—{b.zh}")


def _text(text: TextIn) -> Text:
    return Text(text.en, text.zh)


def _provenance(part: WithProvenance) -> Provenance:
    return Provenance(tuple(part.source), part.assumption)
