"""The network a scenario describes: frozen values, units in their names, a networkx view.

A ``Network`` is the resolved form: overlays applied, defaults filled in, every latency computed and every
figure traceable to a source or marked as an assumption. It is pure data; see ``scenario`` for the file
format and ``emulation`` for how it becomes real.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

import networkx as nx

from topology.burstloss import GilbertElliott
from topology.geography import fibre_floor_ms
from topology.variation import JitterDistribution, least, most


class SiteKind(StrEnum):
    """What stands at a site. The words are those of the field; see ``docs/scenarios.md``."""

    HUB = "hub"  # a national computing hub's entry point (国家枢纽节点)
    CLUSTER = "cluster"  # a data-centre cluster of a hub (数据中心集群)
    METRO = "metro"  # a city's users and access network
    POP = "pop"  # a point of presence: a carrier's backbone node
    INTERCONNECTION = "interconnection"  # a national backbone interconnection point (骨干直联点)
    IXP = "ixp"  # a new-type Internet exchange centre (新型互联网交换中心)
    CDN = "cdn"  # a content network's point of presence


class TrafficClass(StrEnum):
    """How the controller treats traffic.

    *Best-effort* and *compute* traffic is routed, one path per pair of sites. *Reserved* traffic belongs to a
    demand that was admitted: a path, a rate and a bound on its delay of its own (``controller.admission``).
    """

    BEST_EFFORT = "best-effort"
    COMPUTE = "compute"
    RESERVED = "reserved"


ROUTED_CLASSES = (TrafficClass.BEST_EFFORT, TrafficClass.COMPUTE)


class Protection(StrEnum):
    """What a reservation survives: the failure of any one link of its path, or of any one transit site."""

    NONE = "none"
    LINK = "link"
    SITE = "site"


class Transport(StrEnum):
    """Transport protocols by which a reserved flow may be told apart (RFC 8939, section 5.1)."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the two languages of our readers."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        """``language`` is ``en`` or ``zh``."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the figures of a part come from: named sources, or an assumption with its reason, or both."""

    sources: tuple[str, ...] = ()
    assumption: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A published source. ``grade``: A official or peer-reviewed, B press, C vendor or mirror, D unclear."""

    id: str
    title: str
    grade: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """A carrier or exchange operator; ``as_number`` as registered (RFC 6793: up to 32 bits)."""

    id: str
    name: Text
    as_number: int | None = None
    provenance: Provenance = Provenance()


@dataclass(frozen=True, slots=True)
class Site:
    """A place with a switch and a host.

    Attributes:
        transit_ms: delay of crossing the site's equipment, one way. Half is met on entering and half on
            leaving, so a packet meets half of it at each end site of its path (``docs/model.md``).
        carries_transit: whether traffic between two other sites may cross this one.
        region: a label for grouping in tables (``bth``, ``yrd``, ``gba``); empty if none.
    """

    id: str
    name: Text
    kind: SiteKind
    latitude_deg: float
    longitude_deg: float
    transit_ms: float
    carries_transit: bool
    operator: str = ""
    region: str = ""
    provenance: Provenance = Provenance()


@dataclass(frozen=True, slots=True)
class Link:
    """A bidirectional link; every figure holds in each direction.

    Attributes:
        route_km: length of the fibre; ``route_basis`` says how it is known (``stated``,
            ``great circle x 1.6``, ``from latency``).
        propagation_ms: one-way delay of the fibre.
        handover_ms: one-way extra delay of an inter-carrier hand-over on this link; usually 0.
        jitter_ms: width of the variation of the delay, by the ``jitter_distribution``.
        loss_ratio: share of packets lost, 0 to 1: each by itself, unless there is ``burst_loss``.
        queue_ms: how long a full queue in front of the link takes to drain.
        cost_cny_million: building cost if known, for proposals.
        shared_risk_groups: names of what fails all its links at once: a duct, a bridge (RFC 4202, SRLG).
        burst_loss: how losses come in bursts; ``loss_ratio`` is its own then.
        reorders: whether a packet may overtake another that varied more.
    """

    id: str
    a: str
    b: str
    capacity_gbps: float
    route_km: float
    route_basis: str
    propagation_ms: float
    handover_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_ratio: float = 0.0
    queue_ms: float = 0.0
    medium: str = "fibre"
    operator: str = ""
    cost_cny_million: float | None = None
    shared_risk_groups: tuple[str, ...] = ()
    provenance: Provenance = Provenance()
    jitter_distribution: JitterDistribution = JitterDistribution.UNIFORM
    burst_loss: GilbertElliott | None = None
    reorders: bool = False

    @property
    def jitter_span_ms(self) -> float:
        """The longest delay minus the shortest."""
        return (most(self.jitter_distribution) - least(self.jitter_distribution)) * self.jitter_ms

    def to_dict(self) -> dict[str, object]:
        """Plain data; the newer keys only where they say something, so that digests stay what they were."""
        plain = asdict(self)
        for key, usual in _USUAL.items():
            if plain[key] == usual:
                del plain[key]
        return plain

    def other_end(self, site: str) -> str:
        """The end that is not ``site``."""
        return self.b if site == self.a else self.a


_USUAL = {"jitter_distribution": JitterDistribution.UNIFORM, "burst_loss": None, "reorders": False}


@dataclass(frozen=True, slots=True)
class Service:
    """A computing service (CATS: CS-ID, RFC 10053) offered at several sites."""

    id: str
    name: Text
    instances: tuple[str, ...]
    provenance: Provenance = Provenance()


@dataclass(frozen=True, slots=True)
class Demand:
    """Traffic that wants to go from a site to a site or a service instance.

    Attributes:
        destination: a site id; for a demand towards a service, the instance's site once resolved.
        service: the service asked for, or empty.
        max_one_way_ms: what the user needs, or ``None``.
        burst_mbit: token-bucket depth; what may come at once beyond the rate (RFC 2212, TSpec ``b``).
        protection: what a *reserved* demand must survive.
        avoid_sites, avoid_operators: transit sites, and operators of links and transit sites, that its path
            must not use.
        max_hops: most links its path may cross, or ``None``.
        transport: protocol of its packets.
    """

    id: str
    source: str
    destination: str
    rate_gbps: float
    traffic_class: TrafficClass
    service: str = ""
    max_one_way_ms: float | None = None
    burst_mbit: float = 0.0
    protection: Protection = Protection.NONE
    avoid_sites: tuple[str, ...] = ()
    avoid_operators: tuple[str, ...] = ()
    max_hops: int | None = None
    transport: Transport = Transport.UDP
    provenance: Provenance = Provenance()


@dataclass(frozen=True, slots=True)
class ReservedClass:
    """What every link sets aside for reserved traffic.

    Attributes:
        dscp: mark of admitted packets inside the network; 44 is VOICE-ADMIT, the code point for
            capacity-admitted traffic (RFC 5865). Hosts need not set it, the ingress switch does.
        backup_dscp: mark of admitted packets on their backup path; 45 is for local use (RFC 2474, pool 3).
        share: of each link's capacity, the most that reservations may take.
        burst_ms: the most that may wait for a link at once, in milliseconds at the reserved rate.
    """

    dscp: int = 44
    backup_dscp: int = 45
    share: float = 0.75
    burst_ms: float = 1.0


@dataclass(frozen=True, slots=True)
class Routing:
    """How the classes are told apart and what they require of a link.

    Attributes:
        dscp: the DSCP value (RFC 2474) of each routed class.
        compute_min_capacity_gbps: compute traffic avoids links below this capacity.
        reserved: what links set aside for reserved traffic; ``None``: nothing, no demand can be admitted.
    """

    dscp: Mapping[TrafficClass, int] = field(
        default_factory=lambda: MappingProxyType({TrafficClass.BEST_EFFORT: 0, TrafficClass.COMPUTE: 46})
    )
    compute_min_capacity_gbps: float = 0.0
    reserved: ReservedClass | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which pairs an experiment compares: from ``source`` to each of ``destinations``."""

    source: str
    destinations: tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """A whole network. Sites and links keep the order of the scenario, which fixes all numbering.

    Attributes:
        rate_scale: emulated rate = real rate / ``rate_scale``. Delays are never scaled.
        figures: figures that hold for the whole scenario (fibre delay, route factor, ...), by name, with
            their provenance; the report lists them.
    """

    id: str
    title: Text
    description: Text
    sites: Mapping[str, Site]
    links: Mapping[str, Link]
    operators: Mapping[str, Operator]
    services: Mapping[str, Service]
    demands: Mapping[str, Demand]
    sources: Mapping[str, Source]
    routing: Routing
    comparison: Comparison
    rate_scale: float
    figures: Mapping[str, tuple[float, Provenance]]
    base: str = ""

    @cached_property
    def graph(self) -> nx.Graph:
        """An undirected graph: nodes are site ids, edges carry the ``Link`` as attribute ``link``.

        Two parallel links between the same sites are refused by the scenario reader.
        """
        graph = nx.Graph()
        graph.add_nodes_from(self.sites)
        for link in self.links.values():
            graph.add_edge(link.a, link.b, link=link)
        return graph

    def link_between(self, a: str, b: str) -> Link:
        """The link joining two adjacent sites. Raises ``KeyError`` if there is none."""
        link: Link = self.graph.edges[a, b]["link"]
        return link

    def link_latency_ms(self, link: Link) -> float:
        """One-way latency the emulated link realises: fibre, hand-over, half of each end's transit."""
        return (
            link.propagation_ms
            + link.handover_ms
            + self.sites[link.a].transit_ms / 2
            + self.sites[link.b].transit_ms / 2
        )

    def path_latency_ms(self, path: tuple[str, ...]) -> float:
        """Predicted one-way latency of an empty path, given as site ids from source to destination."""
        return sum(self.link_latency_ms(link) for link in self.path_links(path))

    def floor_one_way_ms(self, a: str, b: str) -> float:
        """One-way delay of light in fibre along the great circle between two sites: no route can beat it."""
        here, there = self.sites[a], self.sites[b]
        return fibre_floor_ms(
            here.latitude_deg,
            here.longitude_deg,
            there.latitude_deg,
            there.longitude_deg,
            self.figures["fibre_us_per_km"][0],
        )

    def path_links(self, path: tuple[str, ...]) -> Iterator[Link]:
        """The links of a path, in order."""
        for a, b in itertools.pairwise(path):
            yield self.link_between(a, b)

    def to_dict(self) -> dict[str, object]:
        """Plain data, JSON-ready, key order fixed by the scenario."""
        return {
            "id": self.id,
            "base": self.base,
            "title": asdict(self.title),
            "description": asdict(self.description),
            "rate_scale": self.rate_scale,
            "figures": {k: {"value": v, **asdict(p)} for k, (v, p) in self.figures.items()},
            "routing": {
                "dscp": {str(k): v for k, v in self.routing.dscp.items()},
                "compute_min_capacity_gbps": self.routing.compute_min_capacity_gbps,
                "reserved": None if self.routing.reserved is None else asdict(self.routing.reserved),
            },
            "comparison": asdict(self.comparison),
            "sources": {k: asdict(v) for k, v in self.sources.items()},
            "operators": {k: asdict(v) for k, v in self.operators.items()},
            "sites": {k: asdict(v) for k, v in self.sites.items()},
            "links": {k: v.to_dict() for k, v in self.links.items()},
            "services": {k: asdict(v) for k, v in self.services.items()},
            "demands": {k: asdict(v) for k, v in self.demands.items()},
        }

    def digest(self) -> str:
        """SHA-256 of the canonical JSON form: equal scenarios have equal digests on any machine."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
