"""The parts of a study file as written, with units in their names; version 1 of the format.

Rules beyond the shapes, which ``check`` holds: every part with figures states a ``source`` or an
``assumption``; a figure of a candidate or demand that states none has that of its part.
"""

# ruff: noqa: RUF012 - pydantic copies mutable defaults
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from experiments.proposals.model import FIGURES, Build, Distribution
from topology.scenario.definitions import definitions_of
from topology.scenario.parts import (
    CapacityGbps,
    DemandIn,
    Identifier,
    Kilometres,
    Line,
    Milliseconds,
    Part,
    SourceIn,
    TextField,
    WithProvenance,
)

SCHEMA_ID = "urn:onehop:proposal:1"
MAX_YEARS = 30
# What of a candidate has to say where it comes from.
FIGURE_KEYS = (
    *("ends", "along", "route_km", "capacity_steps_gbps", "lead_time_years"),
    *("build_cny_million", "yearly_cny_million", "handover_ms"),
)

CnyMillion = Annotated[float, Field(ge=0, le=1e9)]
_Growth = Annotated[float, Field(ge=-0.5, le=5)]  # traffic that halves, or grows sixfold, each year

_Hours = Annotated[float, Field(ge=0, le=8760)]

# The bounds of each figure of a study, and what it is; the rest of a figure is the same for all.
_FIGURES: dict[str, tuple[Any, str]] = {
    "route_factor": (
        Annotated[float, Field(ge=1, le=10)],
        "Fibre length over great circle, of candidates that state no length.",
    ),
    "new_cable_cny_million_per_km": (CnyMillion, "Ducts and a cable."),
    "existing_fibre_cny_million_per_km": (
        CnyMillion,
        "One pair for the life of the study, bought or leased in advance.",
    ),
    "amplifier_site_cny_million": (CnyMillion, "Amplifiers of both directions and a place for them."),
    "amplifier_spacing_km": (
        Annotated[float, Field(ge=10, le=500)],
        "An amplifier site stands after each such span, but not at the ends.",
    ),
    "wave_cny_million": (CnyMillion, "Both transponders of a wave and their ports."),
    "wave_gbps": (CapacityGbps, "What one wave carries, in each direction."),
    "operation_ratio_per_year": (
        Annotated[float, Field(ge=0, le=1)],
        "Yearly cost as a share of the building cost.",
    ),
    "discount_rate_per_year": (
        Annotated[float, Field(ge=0, le=1)],
        "0.08: money a year later is worth 8 % less.",
    ),
    "growth_per_year": (_Growth, "Of demands that state none; 0.3 means 30 % more each year."),
    "transit_cny_million_per_gbps_year": (CnyMillion, "Paid for traffic that no new link carries."),
    "settlement_cny_million_per_gbps_year": (
        CnyMillion,
        "Paid per crossing of a hand-over between operators.",
    ),
    "unserved_ms": (
        Annotated[float, Field(gt=0, le=100_000)],
        "How late, one way, demand without a place counts; more than any way takes.",
    ),
    "cuts_per_1000km_year": (Annotated[float, Field(ge=0, le=100)], "Of a cable."),
    "cut_repair_hours": (_Hours, "Mean time to repair a cut."),
    "site_failures_per_year": (Annotated[float, Field(ge=0, le=100)], "Of a whole site."),
    "site_repair_hours": (_Hours, "Mean time to repair a site."),
}


class FigureIn(WithProvenance):
    """A best estimate with its range; without a range it is certain."""

    low: float | None = None
    """The least it can be. Default: `value`."""
    high: float | None = None
    """The most it can be. Default: `value`."""
    distribution: Annotated[Distribution, Field(strict=False)] = Distribution.TRIANGULAR
    """Triangular: `value` is the most likely. Uniform: anything from `low` to `high` is as likely."""
    value: float
    """The best estimate."""


def _figure(name: str, bounds: Any, words: str) -> type[FigureIn]:
    fields: dict[str, Any] = {
        "low": (bounds | None, None),
        "high": (bounds | None, None),
        "value": (bounds, ...),
    }
    return create_model(name, __base__=FigureIn, __doc__=words, **fields)


CostFigure = _figure("CostFigure", CnyMillion, "A cost, best estimate and range.")
GrowthFigure = _figure("GrowthFigure", _Growth, "A growth, best estimate and range.")
FiguresIn = create_model(  # type: ignore[call-overload]
    "FiguresIn",
    __base__=Part,
    __doc__="The figures of a study; each is required and has a source or an assumption.",
    **{name: (_figure(name, *_FIGURES[name]), ...) for name in FIGURES},
)


class CandidateIn(WithProvenance):
    """A link that could be built. Its figures need a source or an assumption."""

    ends: Annotated[list[Identifier], Field(min_length=2, max_length=2)]
    """The two sites of the base network it joins."""
    name: TextField | None = None
    """Default: the names of its two sites."""
    build: Annotated[Build, Field(strict=False)]
    """`new-cable`: ducts and a cable along the whole route; `existing-fibre`: a pair in cables there are."""
    along: Annotated[list[Identifier], Field(max_length=1000)] = []
    """Sites of the base in order, whose links' fibre it follows. What is missing to one of its ends is
    great circle times route factor."""
    route_km: Kilometres | None = None
    """Length of its fibre. Default: that `along` the base's links, or great circle times route factor."""
    capacity_steps_gbps: Annotated[list[CapacityGbps], Field(min_length=1, max_length=20)]
    """What it can be built with, ascending, in each direction."""
    lead_time_years: Annotated[int, Field(ge=0, le=MAX_YEARS)]
    """Whole years from the decision to service."""
    build_cny_million: CostFigure | None = None  # type: ignore[valid-type]
    """Cost of building the first capacity step. Default: from its length and the study's unit costs."""
    yearly_cny_million: CostFigure | None = None  # type: ignore[valid-type]
    """Yearly cost of the first capacity step. Default: the study's share of the building cost."""
    shared_risk_groups: Annotated[list[Identifier], Field(max_length=32)] = []
    """Names of what fails it together with others, such as a duct (RFC 4202)."""
    operator: Identifier | None = None
    handover_ms: Milliseconds = 0.0
    """One-way extra delay of an inter-carrier hand-over on this link."""


class StudyDemandIn(DemandIn):
    """A demand of the first year, as in a scenario, and how it grows."""

    growth_per_year: GrowthFigure | None = None  # type: ignore[valid-type]
    """0.3 means 30 % more each year. Default: figure `growth_per_year`."""


class TargetIn(WithProvenance):
    """A one-way delay that traffic should keep."""

    name: TextField
    from_: Annotated[Identifier, Field(alias="from")]
    to: Annotated[list[Identifier], Field(min_length=1)]
    """Each of these sites is to be reached in time."""
    max_one_way_ms: Annotated[float, Field(gt=0, le=10_000)]
    survives_single_cut: bool = False
    """Whether it is to be kept with any one link cut."""


class BudgetIn(WithProvenance):
    """What may be spent on building."""

    total_cny_million: CnyMillion
    yearly_cny_million: list[CnyMillion] | None = None
    """A ceiling for each year of the study. Default: none but the total."""


class StudyFile(Part):
    """A study: a base network, links that could be built, and what they should bring."""

    proposal: Literal[1]
    """Version of this format."""
    id: Identifier
    title: TextField
    description: TextField | None = None
    base: Line
    """A shipped scenario's name, a file relative to this one, or topohub:NAME."""
    first_year: Annotated[int, Field(ge=1900, le=2200)]
    """Calendar year in which demands have their stated rates and the first links may be ordered."""
    years: Annotated[int, Field(ge=1, le=MAX_YEARS)]
    """How many years are looked at."""
    price_year: Annotated[int, Field(ge=1900, le=2200)]
    """Whose prices all costs are in."""
    budget: BudgetIn
    sources: dict[Identifier, SourceIn] = {}
    """Sources besides those of the base."""
    figures: FiguresIn
    candidates: Annotated[dict[Identifier, CandidateIn], Field(min_length=1, max_length=1000)]
    base_demands: bool = True
    """Whether the demands of the base count too."""
    demands: dict[Identifier, StudyDemandIn] = {}
    targets: dict[Identifier, TargetIn] = {}


def json_schema() -> dict[str, Any]:
    """The format as a JSON Schema (draft 2020-12) for editors."""
    references, definitions = definitions_of(StudyFile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "OneHop proposal study",
        **references[StudyFile],
        "$defs": definitions,
    }
