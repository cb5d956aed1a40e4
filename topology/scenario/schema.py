"""The two kinds of scenario file: a complete one, and an overlay on a base. Version 1 of the format.

Rules beyond the shapes, which ``check`` holds: a site, a demand and a link with a figure of its own state a
``source`` or an ``assumption``; so does a change of one of their figures, and it replaces what the base said.
``null`` in a change takes a key away (back to its default); a figure of the whole scenario is replaced whole.

``json_schema`` derives from these models the JSON Schema that editors use, so there is one definition only.
"""

# ruff: noqa: RUF012 - pydantic copies mutable defaults
from __future__ import annotations

from typing import Annotated, Any, Literal, Optional

from pydantic import Field, create_model

from topology.network import TrafficClass
from topology.scenario.definitions import definitions_of
from topology.scenario.parts import (
    CapacityGbps,
    DemandIn,
    Identifier,
    Line,
    LinkField,
    LinkIdentifier,
    LinkIn,
    LossRatio,
    Milliseconds,
    OperatorIn,
    Part,
    RouteFactor,
    ServiceIn,
    SiteIn,
    SourceIn,
    TextField,
    WithProvenance,
)

SCHEMA_ID = "urn:onehop:scenario:1"


class MillisecondsFigure(WithProvenance):
    """A delay for the whole scenario; `source` or `assumption` says where it comes from."""

    value: Milliseconds


class FibreDelayFigure(WithProvenance):
    """Propagation delay of fibre; light in vacuum needs 3.336 µs/km, standard fibre 4.9 µs/km."""

    value: Annotated[float, Field(ge=3.3, le=10)]


class RouteFactorFigure(WithProvenance):
    """Fibre length over great-circle distance."""

    value: RouteFactor


class CapacityFigure(WithProvenance):
    """A capacity for links that state none."""

    value: CapacityGbps


class LossFigure(WithProvenance):
    """A loss ratio for links that state none."""

    value: LossRatio


class FiguresIn(Part):
    """Figures that hold for the whole scenario. Each carries a source or an assumption."""

    fibre_us_per_km: FibreDelayFigure
    """Required: every latency and the fibre floor follow from it."""
    route_factor: RouteFactorFigure | None = None
    """Required if a link states neither its length, its latency nor a factor of its own."""
    capacity_gbps: CapacityFigure | None = None
    """Required if a link states no capacity."""
    queue_ms: MillisecondsFigure | None = None
    """Default 20: a port buffers about one short round trip; listed as an assumption."""
    jitter_ms: MillisecondsFigure | None = None
    """Default 0."""
    loss_ratio: LossFigure | None = None
    """Default 0."""
    transit_ms_hub: MillisecondsFigure | None = None
    """Transit delays by kind of site, for sites that state none. Default 0."""
    transit_ms_cluster: MillisecondsFigure | None = None
    transit_ms_metro: MillisecondsFigure | None = None
    transit_ms_pop: MillisecondsFigure | None = None
    transit_ms_interconnection: MillisecondsFigure | None = None
    transit_ms_ixp: MillisecondsFigure | None = None
    transit_ms_cdn: MillisecondsFigure | None = None


class EmulationIn(Part):
    """How the network is emulated."""

    rate_scale: Annotated[float, Field(ge=1, le=1e9)] = 1000.0
    """Emulated rate = real rate / rate_scale. Delays are never scaled."""


class DscpIn(Part):
    """The DSCP value (RFC 2474) that marks each traffic class."""

    best_effort: Annotated[int, Field(alias=TrafficClass.BEST_EFFORT.value, ge=0, le=63)] = 0
    compute: Annotated[int, Field(ge=0, le=63)] = 46


class ReservedIn(Part):
    """What every link sets aside for reserved traffic; without this section no demand can be admitted."""

    dscp: Annotated[int, Field(ge=1, le=63)] = 44
    """Mark of admitted packets inside the network (44: RFC 5865). The ingress switch sets it."""
    backup_dscp: Annotated[int, Field(ge=1, le=63)] = 45
    """Mark of admitted packets on their backup path."""
    share: Annotated[float, Field(gt=0, le=0.9)] = 0.75
    """Of each link's capacity, the most that reservations may take."""
    burst_ms: Annotated[float, Field(gt=0, le=100)] = 1.0
    """The most that may wait for a link at once, in milliseconds at the reserved rate."""


class RoutingIn(Part):
    """How the controller tells classes apart, and what compute traffic requires of a link."""

    dscp: DscpIn = DscpIn()
    compute_min_capacity_gbps: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    """Compute traffic avoids links below this capacity."""
    reserved: ReservedIn | None = None


class MeasureIn(Part):
    """Which pairs an experiment compares."""

    from_: Annotated[Identifier | None, Field(alias="from")] = None
    """Default: the first hub; without hubs the first site."""
    to: Annotated[list[Identifier], Field(min_length=1)] | None = None
    """Default: all metro sites and clusters with a region; without hubs all other sites."""


class ScenarioFile(Part):
    """A complete scenario."""

    onehop: Literal[1]
    """Version of this format."""
    id: Identifier
    title: TextField
    description: TextField | None = None
    emulation: EmulationIn = EmulationIn()
    sources: dict[Identifier, SourceIn] = {}
    figures: FiguresIn
    operators: dict[Identifier, OperatorIn] = {}
    sites: Annotated[dict[Identifier, SiteIn], Field(min_length=2)]
    links: Annotated[list[LinkField], Field(min_length=1)]
    services: dict[Identifier, ServiceIn] = {}
    demands: dict[Identifier, DemandIn] = {}
    routing: RoutingIn = RoutingIn()
    measure: MeasureIn = MeasureIn()


class AddIn(Part):
    """New parts; an id that the base already has is an error."""

    operators: dict[Identifier, OperatorIn] = {}
    sites: dict[Identifier, SiteIn] = {}
    links: list[LinkField] = []
    services: dict[Identifier, ServiceIn] = {}
    demands: dict[Identifier, DemandIn] = {}


def _changes(model: type[Part], *fixed: str) -> type[Part]:
    """``model`` with every field optional, and without the ``fixed`` ones: only what changes is written."""
    fields: dict[str, Any] = {
        name: (
            Annotated[Optional[field.annotation], *field.metadata, Field(alias=field.alias)],  # noqa: UP045
            Field(default=None, description=field.description),
        )
        for name, field in model.model_fields.items()
        if name not in fixed
    }
    part = model.__name__.removesuffix("In")
    text = f"What changes of {part.lower()}; `null` goes back to the default."
    return create_model(f"{part}Changes", __base__=Part, __doc__=text, **fields)


_CHANGES: dict[str, Any] = {
    "figures": (_changes(FiguresIn), None),
    "emulation": (_changes(EmulationIn), None),
    "routing": (_changes(RoutingIn), None),
    "measure": (_changes(MeasureIn), None),
    "operators": (dict[Identifier, _changes(OperatorIn)], {}),  # type: ignore[misc]
    "sites": (dict[Identifier, _changes(SiteIn)], {}),  # type: ignore[misc]
    "links": (dict[LinkIdentifier, _changes(LinkIn, "ends", "id")], {}),  # type: ignore[misc]
    "services": (dict[Identifier, _changes(ServiceIn)], {}),  # type: ignore[misc]
    "demands": (dict[Identifier, _changes(DemandIn)], {}),  # type: ignore[misc]
}
ChangeIn = create_model(
    "ChangeIn",
    __base__=Part,
    __doc__="Parts of the base that become different: only the changed keys (JSON Merge Patch, RFC 7396).",
    **_CHANGES,
)


class RemoveIn(Part):
    """Ids of parts that the base has and the overlay does not."""

    operators: list[Identifier] = []
    sites: list[Identifier] = []
    links: list[LinkIdentifier] = []
    services: list[Identifier] = []
    demands: list[Identifier] = []


class OverlayFile(Part):
    """A proposal: what differs from a base scenario."""

    onehop: Literal[1]
    """Version of this format."""
    base: Line
    """A shipped scenario's name, or the path of a file, relative to this one."""
    id: Identifier
    title: TextField
    description: TextField | None = None
    sources: dict[Identifier, SourceIn] = {}
    """Sources besides those of the base."""
    add: AddIn = AddIn()
    change: ChangeIn = ChangeIn()
    remove: RemoveIn = RemoveIn()


def json_schema() -> dict[str, Any]:
    """The format as a JSON Schema (draft 2020-12) for editors: an overlay where it names a base."""
    references, definitions = definitions_of(ScenarioFile, OverlayFile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "OneHop scenario",
        "type": "object",
        "if": {"required": ["base"]},
        "then": references[OverlayFile],
        "else": references[ScenarioFile],
        "$defs": definitions,
    }
