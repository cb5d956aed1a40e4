"""The parts of a scenario file as written: sites, links, services, demands, with units in their names.

These models say what one part may hold and within which bounds; whether the parts fit together (a link's ends
exist, a demand can be routed) is the business of ``check``. Unknown keys are refused, numbers are numbers.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from topology.network import Protection, SiteKind, TrafficClass, Transport
from topology.variation import JitterDistribution

SHORT_LINK = re.compile(r"\s*(\S+)\s+--\s+(\S+)\s*")


class Part(BaseModel):
    """What all parts share: no unknown keys, no silent conversions (``"100"`` is no number)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def _one_language(value: Any) -> Any:
    return {"en": value, "zh": value} if isinstance(value, str) else value


def _one_source(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _long_link(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = SHORT_LINK.fullmatch(value)
    if match is None:
        raise PydanticCustomError("short_link", "expected a link as 'site -- site'")
    return {"ends": list(match.groups())}


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
LinkIdentifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Milliseconds = Annotated[float, Field(ge=0, le=1000)]
Kilometres = Annotated[float, Field(ge=0, le=100_000)]
CapacityGbps = Annotated[float, Field(ge=0.001, le=1_000_000)]
LossRatio = Annotated[float, Field(ge=0, lt=1)]
RouteFactor = Annotated[float, Field(ge=1, le=10)]


class TextIn(Part):
    """A text in both languages."""

    en: Line
    zh: Line


TextField = Annotated[TextIn, BeforeValidator(_one_language, json_schema_input_type=Line | TextIn)]
SourceIds = Annotated[
    list[Identifier], BeforeValidator(_one_source, json_schema_input_type=Identifier | list[Identifier])
]


class WithProvenance(Part):
    """A part whose figures come from named sources, or are an assumption, or both."""

    source: SourceIds = []
    """Id of a source in `sources`, or a list of them."""
    assumption: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = ""
    """Why the figures are reasonable where no source states them."""


class SourceIn(Part):
    """A published source."""

    title: Line
    """Title, publisher and year, as in a list of references."""
    grade: Annotated[str, StringConstraints(pattern=r"^[A-D]$")] = ""
    """A: official or peer-reviewed; B: press; C: vendor or mirror; D: unclear."""
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] = ""


class OperatorIn(WithProvenance):
    """A carrier, or the operator of an exchange."""

    name: TextField
    as_number: Annotated[int, Field(ge=1, le=4_294_967_295)] | None = None
    """Autonomous system number (RFC 6793)."""


class SiteIn(WithProvenance):
    """A place with a switch and a host. Its location needs a source or an assumption."""

    name: TextField
    kind: Annotated[SiteKind, Field(strict=False)]
    """What stands here."""
    location: Annotated[list[float], Field(min_length=2, max_length=2)]
    """Latitude and longitude in degrees (WGS 84), north and east positive."""
    operator: Identifier | None = None
    region: Identifier | None = None
    """A label that groups sites in tables, for example `bth`, `yrd`, `gba`."""
    transit_ms: Milliseconds | None = None
    """One-way delay of crossing the site's equipment; default: figure `transit_ms_<kind>`, else 0."""
    carries_transit: bool | None = None
    """Whether traffic between two other sites may cross this one. Default: yes for hub, pop,
    interconnection and ixp; no for cluster, metro and cdn."""


class BurstLossIn(Part):
    """Losses in bursts by the model of Gilbert and Elliott: probabilities per packet."""

    good_to_bad: Annotated[float, Field(gt=0, le=1)]
    """That the good state ends with a packet."""
    bad_to_good: Annotated[float, Field(gt=0, le=1)]
    """That the bad state ends with a packet; its inverse is the mean length of a burst, in packets."""
    loss_in_bad: Annotated[float, Field(gt=0, le=1)] = 1.0
    """That a packet is lost in the bad state."""
    loss_in_good: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """That a packet is lost in the good state."""


class LinkIn(WithProvenance):
    """A bidirectional link; each figure holds in each direction and needs a source or an assumption."""

    ends: Annotated[list[Identifier], Field(min_length=2, max_length=2)]
    """The two sites it joins."""
    id: LinkIdentifier | None = None
    """Default: `a--b`, from the ends as written."""
    capacity_gbps: CapacityGbps | None = None
    """Default: figure `capacity_gbps`."""
    route_km: Kilometres | None = None
    """Length of the fibre. Default: great circle times the route factor."""
    latency_ms: Milliseconds | None = None
    """One-way propagation delay, stated instead of `route_km`; the length then follows from it."""
    route_factor: RouteFactor | None = None
    """Fibre length over great circle, for this link. Default: figure `route_factor`."""
    handover_ms: Milliseconds | None = None
    """One-way extra delay of an inter-carrier hand-over on this link. Default: 0."""
    jitter_ms: Milliseconds | None = None
    """Width of the variation of the delay: half of it if `uniform`, the standard deviation if `normal`.
    Default: figure `jitter_ms`."""
    jitter_distribution: Annotated[JitterDistribution | None, Field(strict=False)] = None
    """How the delay varies. Default: `uniform`."""
    reorders: bool | None = None
    """Whether packets that varied less overtake others. Default: no, they wait."""
    loss_ratio: LossRatio | None = None
    """Share of packets lost at random, each by itself. Default: figure `loss_ratio`."""
    burst_loss: BurstLossIn | None = None
    """Losses in bursts, stated instead of `loss_ratio`."""
    queue_ms: Milliseconds | None = None
    """How long a full queue in front of the link takes to drain. Default: figure `queue_ms`."""
    medium: Line = "fibre"
    operator: Identifier | None = None
    cost_cny_million: Annotated[float, Field(ge=0, le=1e9)] | None = None
    """Building cost, for proposals."""
    shared_risk_groups: Annotated[list[Identifier], Field(max_length=32)] = []
    """Names of what fails all its links at once, such as a duct (RFC 4202); backups keep clear of them."""


ShortLink = Annotated[str, StringConstraints(pattern=r"^\s*\S+\s+--\s+\S+\s*$")]
LinkField = Annotated[LinkIn, BeforeValidator(_long_link, json_schema_input_type=ShortLink | LinkIn)]


class ServiceIn(WithProvenance):
    """A computing service (CATS: CS-ID, RFC 10053) offered at several sites."""

    name: TextField
    instances: Annotated[list[Identifier], Field(min_length=1)]
    """The sites that offer it."""


class DemandIn(WithProvenance):
    """Traffic from a site to another, or to the nearest instance of a service."""

    from_: Annotated[Identifier, Field(alias="from")]
    """The site it comes from."""
    to: Identifier | None = None
    """The site it goes to; or state `service`."""
    service: Identifier | None = None
    """The service it asks for; the instance with the least latency serves it."""
    rate_gbps: Annotated[float, Field(gt=0, le=1_000_000)]
    class_: Annotated[TrafficClass, Field(alias="class", strict=False)] = TrafficClass.BEST_EFFORT
    """How the controller routes it."""
    max_one_way_ms: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """What the user needs; of a `reserved` demand, the bound that must be proven."""
    burst_mbit: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """Token-bucket depth (RFC 2212): what may come at once. Default: 0.1 ms at the rate."""
    protection: Annotated[Protection, Field(strict=False)] = Protection.NONE
    """What a `reserved` demand must survive: `none`, any one `link`, or any one transit `site`."""
    avoid_sites: Annotated[list[Identifier], Field(max_length=1000)] = []
    """Sites that a `reserved` demand's path must not cross."""
    avoid_operators: Annotated[list[Identifier], Field(max_length=100)] = []
    """Operators whose links and transit sites a `reserved` demand's path must not use."""
    max_hops: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most links that a `reserved` demand's path may cross."""
    transport: Annotated[Transport, Field(strict=False)] = Transport.UDP
    """Protocol of a `reserved` demand's packets."""
