"""A checked scenario file becomes a ``Network``: defaults filled in, every length and latency computed.

Lengths are rounded to the metre and delays to the nanosecond: far below what matters, and coarse enough that
the sine of one C library and of another give the same scenario, the same digest and the same plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from topology.burstloss import GilbertElliott
from topology.geography import great_circle_km, propagation_ms
from topology.network import (
    Comparison,
    Demand,
    Link,
    Network,
    Operator,
    Provenance,
    ReservedClass,
    Routing,
    Service,
    Site,
    SiteKind,
    Source,
    Text,
    TrafficClass,
)
from topology.scenario.parts import BurstLossIn, DemandIn, LinkIn, SiteIn, TextIn, WithProvenance
from topology.scenario.reach import latency_from_ms
from topology.scenario.schema import FiguresIn, MeasureIn, ScenarioFile
from topology.variation import JitterDistribution

CARRIES_TRANSIT = frozenset({SiteKind.HUB, SiteKind.POP, SiteKind.INTERCONNECTION, SiteKind.IXP})
DEFAULT_QUEUE_MS = 20.0
DEFAULT_BURST_MS = 0.1  # of a demand, at its rate

Figures = dict[str, tuple[float, Provenance]]


def resolve(scenario: ScenarioFile, base: str = "") -> Network:
    """The network of a scenario that ``check`` found sound; ``base`` is the id of what it overlays.

    Demands towards a service go to the instance with the least latency, the first in the file among equals;
    a demand no instance can serve keeps an empty destination, which ``check`` reports.
    """
    figures = _figures(scenario)
    sites = {name: _site(name, site, figures) for name, site in scenario.sites.items()}
    links = {link.id: link for link in (_link(entry, sites, figures) for entry in scenario.links)}
    network = Network(
        id=scenario.id,
        base=base,
        title=_text(scenario.title),
        description=_text(scenario.description) if scenario.description else Text("", ""),
        sites=MappingProxyType(sites),
        links=MappingProxyType(links),
        operators=MappingProxyType(
            {
                name: Operator(name, _text(operator.name), operator.as_number, _provenance(operator))
                for name, operator in scenario.operators.items()
            }
        ),
        services=MappingProxyType(
            {
                name: Service(name, _text(service.name), tuple(service.instances), _provenance(service))
                for name, service in scenario.services.items()
            }
        ),
        demands=MappingProxyType({}),
        sources=MappingProxyType(
            {
                name: Source(name, source.title, source.grade, source.url)
                for name, source in scenario.sources.items()
            }
        ),
        routing=_routing(scenario),
        comparison=_comparison(scenario.measure, sites),
        rate_scale=scenario.emulation.rate_scale,
        figures=MappingProxyType(figures),
    )
    demands = {name: resolved_demand(name, demand, network) for name, demand in scenario.demands.items()}
    return replace(network, demands=MappingProxyType(demands))


def _figures(scenario: ScenarioFile) -> Figures:
    """The stated figures, and those taken by default, which count as assumptions."""
    figures: Figures = {}
    for name in FiguresIn.model_fields:
        figure = getattr(scenario.figures, name)
        if figure is not None:
            figures[name] = (float(figure.value), _provenance(figure))
    silent = Provenance(assumption="not stated in the scenario, taken as 0")
    figures.setdefault(
        "queue_ms",
        (DEFAULT_QUEUE_MS, Provenance(assumption="not stated in the scenario: about one short round trip")),
    )
    figures.setdefault("jitter_ms", (0.0, silent))
    figures.setdefault("loss_ratio", (0.0, silent))
    for site in scenario.sites.values():
        if site.transit_ms is None:
            figures.setdefault(f"transit_ms_{site.kind.value}", (0.0, silent))
    return figures


def _site(name: str, site: SiteIn, figures: Figures) -> Site:
    transit_ms = site.transit_ms
    if transit_ms is None:
        transit_ms = figures[f"transit_ms_{site.kind.value}"][0]
    carries_transit = site.carries_transit
    if carries_transit is None:
        carries_transit = site.kind in CARRIES_TRANSIT
    return Site(
        id=name,
        name=_text(site.name),
        kind=site.kind,
        latitude_deg=float(site.location[0]),
        longitude_deg=float(site.location[1]),
        transit_ms=float(transit_ms),
        carries_transit=carries_transit,
        operator=site.operator or "",
        region=site.region or "",
        provenance=_provenance(site),
    )


def _link(link: LinkIn, sites: dict[str, Site], figures: Figures) -> Link:
    def figure(name: str, stated: float | None) -> float:
        return float(stated if stated is not None else figures[name][0])

    a, b = link.ends
    bursts = _bursts(link.burst_loss)
    fibre_us_per_km = figures["fibre_us_per_km"][0]
    if link.latency_ms is not None:
        latency_ms, basis = float(link.latency_ms), "from latency"
        route_km = latency_ms * 1000 / fibre_us_per_km
    else:
        route_km, basis = _route(link, sites[a], sites[b], lambda stated: figure("route_factor", stated))
        latency_ms = propagation_ms(route_km, fibre_us_per_km)
    return Link(
        id=link.id or f"{a}--{b}",
        a=a,
        b=b,
        capacity_gbps=figure("capacity_gbps", link.capacity_gbps),
        route_km=round(route_km, 3),
        route_basis=basis,
        propagation_ms=round(latency_ms, 6),
        handover_ms=float(link.handover_ms or 0),
        jitter_ms=figure("jitter_ms", link.jitter_ms),
        loss_ratio=figure("loss_ratio", link.loss_ratio) if bursts is None else round(bursts.loss_ratio, 9),
        queue_ms=figure("queue_ms", link.queue_ms),
        medium=link.medium,
        operator=link.operator or "",
        cost_cny_million=None if link.cost_cny_million is None else float(link.cost_cny_million),
        shared_risk_groups=tuple(link.shared_risk_groups),
        provenance=_provenance(link),
        jitter_distribution=link.jitter_distribution or JitterDistribution.UNIFORM,
        burst_loss=bursts,
        reorders=bool(link.reorders),
    )


def _bursts(stated: BurstLossIn | None) -> GilbertElliott | None:
    if stated is None:
        return None
    return GilbertElliott(
        float(stated.good_to_bad),
        float(stated.bad_to_good),
        float(stated.loss_in_bad),
        float(stated.loss_in_good),
    )


def _route(link: LinkIn, a: Site, b: Site, factor: Callable[[float | None], float]) -> tuple[float, str]:
    """Length of the fibre in km, rounded to the metre, and how it is known."""
    if link.route_km is not None:
        return float(link.route_km), "stated"
    route_factor = factor(link.route_factor)
    return round(distance_km(a, b) * route_factor, 3), f"great circle x {route_factor:g}"


def distance_km(a: Site, b: Site) -> float:
    """Great-circle distance of two sites."""
    return great_circle_km(a.latitude_deg, a.longitude_deg, b.latitude_deg, b.longitude_deg)


def resolved_demand(name: str, demand: DemandIn, network: Network) -> Demand:
    """One demand in ``network``; its destination is empty if no instance of its service can be reached."""
    destination = demand.to or ""
    if demand.service is not None:
        latency_ms = latency_from_ms(network, demand.from_)
        reachable = [site for site in network.services[demand.service].instances if site in latency_ms]
        destination = min(reachable, key=lambda site: round(latency_ms[site], 6), default="")
    return Demand(
        id=name,
        source=demand.from_,
        destination=destination,
        rate_gbps=float(demand.rate_gbps),
        traffic_class=demand.class_,
        service=demand.service or "",
        max_one_way_ms=None if demand.max_one_way_ms is None else float(demand.max_one_way_ms),
        burst_mbit=float(
            demand.rate_gbps * DEFAULT_BURST_MS if demand.burst_mbit is None else demand.burst_mbit
        ),
        protection=demand.protection,
        avoid_sites=tuple(demand.avoid_sites),
        avoid_operators=tuple(demand.avoid_operators),
        max_hops=demand.max_hops,
        transport=demand.transport,
        provenance=_provenance(demand),
    )


def _comparison(measure: MeasureIn, sites: dict[str, Site]) -> Comparison:
    hubs = [site.id for site in sites.values() if site.kind is SiteKind.HUB]
    source = measure.from_ or (hubs[0] if hubs else next(iter(sites)))
    if measure.to is not None:
        return Comparison(source, tuple(measure.to))
    others = [site for site in sites.values() if site.id != source]
    demanding = [
        site.id for site in others if site.region and site.kind in (SiteKind.METRO, SiteKind.CLUSTER)
    ]
    return Comparison(source, tuple(demanding if hubs and demanding else (site.id for site in others)))


def _routing(scenario: ScenarioFile) -> Routing:
    dscp = {
        TrafficClass.BEST_EFFORT: scenario.routing.dscp.best_effort,
        TrafficClass.COMPUTE: scenario.routing.dscp.compute,
    }
    stated = scenario.routing.reserved
    reserved = None
    if stated is not None:
        reserved = ReservedClass(stated.dscp, stated.backup_dscp, float(stated.share), float(stated.burst_ms))
    return Routing(MappingProxyType(dscp), float(scenario.routing.compute_min_capacity_gbps), reserved)


def _text(text: TextIn) -> Text:
    return Text(text.en, text.zh)


def _provenance(part: WithProvenance) -> Provenance:
    return Provenance(tuple(part.source), part.assumption)
