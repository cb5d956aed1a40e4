"""The routing plan: one explicit path per ordered pair of sites and traffic class. A value, not a state.

The same network and the same failed links give the same plan, byte for byte, on any machine and under any
hash seed: latencies are whole nanoseconds, everything else is text in the order of the scenario. The digest
covers what is routed and nothing else; a corrected title does not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from controller.paths import NANOSECONDS_PER_MS, Path, is_narrow, least_delay_paths, link_latency_ns
from topology.network import ROUTED_CLASSES, Link, Network, TrafficClass

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class PlannedPath:
    """One path.

    Attributes:
        sites: site ids from source to destination, both included.
        latency_ns: predicted one-way latency of the empty path.
        narrow_links: links on it that are narrower than its class asks for; empty for best effort.
    """

    sites: Path
    latency_ns: int
    narrow_links: tuple[str, ...] = ()

    @property
    def hops(self) -> int:
        """Number of links crossed."""
        return len(self.sites) - 1

    @property
    def latency_ms(self) -> float:
        """Predicted one-way latency of the empty path."""
        return self.latency_ns / NANOSECONDS_PER_MS


@dataclass(frozen=True, slots=True)
class Unreachable:
    """An ordered pair that no path joins, in either class, and why."""

    source: str
    destination: str
    reason: str


@dataclass(frozen=True)
class RoutingPlan:
    """All paths of a network.

    Attributes:
        without_links: links taken as failed, in the order of the scenario.
        paths: by ``(source, destination, class)``, in the order of the scenario.
        unreachable: pairs without a path; they have none in either class, since *compute* traffic may use
            narrow links where wide ones do not suffice (see ``degraded``).
    """

    scenario: str
    without_links: tuple[str, ...]
    paths: Mapping[tuple[str, str, TrafficClass], PlannedPath]
    unreachable: tuple[Unreachable, ...] = field(default=())

    @classmethod
    def of(cls, network: Network, *, without_links: Collection[str] = frozenset()) -> RoutingPlan:
        """Plan every pair of ``network`` with ``without_links`` failed."""
        failed = tuple(link for link in network.links if link in without_links)
        chosen = {
            traffic_class: least_delay_paths(network, traffic_class=traffic_class, without_links=failed)
            for traffic_class in ROUTED_CLASSES
        }
        links: dict[tuple[str, str], Link] = {}  # networkx would do, at ten times the cost
        for link in network.links.values():
            links[link.a, link.b] = links[link.b, link.a] = link
        latency_ns = {link.id: link_latency_ns(network, link) for link in network.links.values()}
        narrow = {link.id for link in network.links.values() if is_narrow(network, link)}
        paths: dict[tuple[str, str, TrafficClass], PlannedPath] = {}
        missing: list[tuple[str, str]] = []
        for source in network.sites:
            for destination in network.sites:
                if source == destination:
                    continue
                if (source, destination) not in chosen[TrafficClass.BEST_EFFORT]:
                    missing.append((source, destination))
                    continue
                for traffic_class in ROUTED_CLASSES:
                    sites = chosen[traffic_class][source, destination]
                    crossed = [links[ends].id for ends in pairwise(sites)]
                    avoided = narrow if traffic_class is TrafficClass.COMPUTE else ()
                    paths[source, destination, traffic_class] = PlannedPath(
                        sites,
                        sum(latency_ns[link_id] for link_id in crossed),
                        tuple(link_id for link_id in crossed if link_id in avoided),
                    )
        return cls(network.id, failed, paths, _explained(network, failed, missing))

    def path(
        self, source: str, destination: str, traffic_class: TrafficClass = TrafficClass.BEST_EFFORT
    ) -> PlannedPath:
        """The path of a pair. Raises ``KeyError`` if the pair is unreachable."""
        return self.paths[source, destination, traffic_class]

    @property
    def degraded(self) -> tuple[tuple[str, str], ...]:
        """Pairs whose *compute* path crosses narrow links because wide ones do not lead there."""
        return tuple(
            (source, destination) for (source, destination, _), p in self.paths.items() if p.narrow_links
        )

    def rerouted(self, other: RoutingPlan) -> int:
        """How many pairs and classes have a path in both plans, and not the same one."""
        return sum(
            1
            for key, path in self.paths.items()
            if key in other.paths and other.paths[key].sites != path.sites
        )

    def to_json(self) -> str:
        """The plan as canonical JSON: one line, keys sorted, lists in the order of the scenario."""
        return json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                "scenario": self.scenario,
                "without_links": list(self.without_links),
                "paths": [
                    {
                        "source": source,
                        "destination": destination,
                        "class": str(traffic_class),
                        "sites": list(path.sites),
                        "latency_ns": path.latency_ns,
                        "narrow_links": list(path.narrow_links),
                    }
                    for (source, destination, traffic_class), path in self.paths.items()
                ],
                "unreachable": [
                    {"source": pair.source, "destination": pair.destination, "reason": pair.reason}
                    for pair in self.unreachable
                ],
            },
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _explained(
    network: Network, failed: tuple[str, ...], missing: list[tuple[str, str]]
) -> tuple[Unreachable, ...]:
    if not missing:
        return ()
    joined_now = _components(network, failed)
    joined_whole = _components(network, ())
    pairs = []
    for source, destination in missing:
        if joined_now[source] == joined_now[destination]:
            reason = "every way leads through a site that carries no transit"
        elif joined_whole[source] == joined_whole[destination]:
            reason = f"cut off without {', '.join(failed)}"
        else:
            reason = "no links lead there"
        pairs.append(Unreachable(source, destination, reason))
    return tuple(pairs)


def _components(network: Network, failed: Collection[str]) -> dict[str, str]:
    """For each site, the first site of its connected part, whether or not sites carry transit."""
    first: dict[str, str] = {}
    neighbours: dict[str, list[str]] = {site: [] for site in network.sites}
    for link in network.links.values():
        if link.id not in failed:
            neighbours[link.a].append(link.b)
            neighbours[link.b].append(link.a)
    for start in network.sites:
        waiting = [start] if start not in first else []
        while waiting:
            site = waiting.pop()
            if site not in first:
                first[site] = start
                waiting += neighbours[site]
    return first
