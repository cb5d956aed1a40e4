"""The network as routed: sites, links, plan, and whether all is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from controller.northbound.models.base import Out, TextOut
from controller.plan import RoutingPlan, Unreachable
from topology.emulation.layout import Layout
from topology.network import Link, Network, Site, SiteKind, TrafficClass


class SiteOut(Out):
    """A site with its switch and host."""

    id: str
    name: TextOut
    kind: SiteKind
    latitude_deg: float
    longitude_deg: float
    region: str
    operator: str
    transit_ms: float
    carries_transit: bool
    dpid: Annotated[str, Field(pattern=r"^0x[0-9a-f]{16}$")]
    """OpenFlow datapath id of its switch."""
    host_ip: str
    connected: bool
    """Whether its switch has a control connection. Without one it goes on forwarding."""
    programmed: bool
    """Whether it has confirmed that it holds all it should."""

    @classmethod
    def of(cls, site: Site, layout: Layout, switches: Mapping[str, bool]) -> SiteOut:
        """One site."""
        return cls(
            id=site.id,
            name=TextOut(en=site.name.en, zh=site.name.zh),
            kind=site.kind,
            latitude_deg=site.latitude_deg,
            longitude_deg=site.longitude_deg,
            region=site.region,
            operator=site.operator,
            transit_ms=site.transit_ms,
            carries_transit=site.carries_transit,
            dpid=f"{layout.sites[site.id].dpid:#018x}",
            host_ip=layout.sites[site.id].host_ip,
            connected=site.id in switches,
            programmed=switches.get(site.id, False),
        )


class LinkOut(Out):
    """A bidirectional link; every figure holds in each direction."""

    id: str
    a: str
    b: str
    capacity_gbps: float
    latency_ms: float
    """One way, empty: fibre, hand-over, half of the transit at each end."""
    route_km: float
    loss_ratio: float
    operator: str
    shared_risk_groups: list[str]
    up: bool

    @classmethod
    def of(cls, link: Link, network: Network, up: bool) -> LinkOut:
        """One link."""
        return cls(
            id=link.id,
            a=link.a,
            b=link.b,
            capacity_gbps=link.capacity_gbps,
            latency_ms=round(network.link_latency_ms(link), 6),
            route_km=link.route_km,
            loss_ratio=link.loss_ratio,
            operator=link.operator,
            shared_risk_groups=list(link.shared_risk_groups),
            up=up,
        )


class TopologyOut(Out):
    """The network as the controller sees it."""

    scenario: str
    digest: str
    """SHA-256 of the resolved scenario."""
    title: TextOut
    rate_scale: float
    """Emulated rates are the real ones divided by this; delays are never scaled."""
    sites: list[SiteOut]
    links: list[LinkOut]


class PathOut(Out):
    """One planned path."""

    source: str
    destination: str
    class_: Annotated[TrafficClass, Field(alias="class")]
    sites: list[str]
    """From source to destination, both included."""
    latency_ns: int
    """Predicted, one way, empty network."""
    narrow_links: list[str]
    """Links on it that are narrower than its class asks for."""


class UnreachableOut(Out):
    """An ordered pair that no path joins."""

    source: str
    destination: str
    reason: str

    @classmethod
    def of(cls, pair: Unreachable) -> UnreachableOut:
        """One pair."""
        return cls(source=pair.source, destination=pair.destination, reason=pair.reason)


class PlanOut(Out):
    """The routing plan in force, or a part of it."""

    scenario: str
    digest: str
    """SHA-256 of the whole plan in canonical JSON; the same as `onehop plan --digest`."""
    without_links: list[str]
    """Links taken as failed."""
    total: int
    """How many paths match; `paths` has those from `offset` on, at most `limit`."""
    offset: int
    paths: list[PathOut]
    unreachable: list[UnreachableOut]

    @classmethod
    def of(
        cls,
        plan: RoutingPlan,
        *,
        source: str | None,
        destination: str | None,
        traffic_class: TrafficClass | None,
        offset: int,
        limit: int,
    ) -> PlanOut:
        """The part of a plan that is asked for."""
        matching = [
            (key, path)
            for key, path in plan.paths.items()
            if source in (None, key[0]) and destination in (None, key[1]) and traffic_class in (None, key[2])
        ]
        return cls(
            scenario=plan.scenario,
            digest=plan.digest(),
            without_links=list(plan.without_links),
            total=len(matching),
            offset=offset,
            paths=[
                PathOut(
                    source=start,
                    destination=end,
                    class_=kind,
                    sites=list(path.sites),
                    latency_ns=path.latency_ns,
                    narrow_links=list(path.narrow_links),
                )
                for (start, end, kind), path in matching[offset : offset + limit]
            ],
            unreachable=[UnreachableOut.of(pair) for pair in plan.unreachable[:limit]],
        )


class HealthOut(Out):
    """Whether the controller works."""

    status: str
    """`ok`: all switches hold what they should; `degraded`: some do not, or are not connected."""
    scenario: str
    switches: int
    switches_connected: int
    switches_programmed: int
    links_down: int
    reservations: int
