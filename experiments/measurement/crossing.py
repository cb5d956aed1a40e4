"""From sightings of one probe to the path it took. Pure: what was seen, not what was planned.

A probe is seen when it enters a switch and when it leaves one, on the switch's own side of each link. In the
order in which they happened these sightings must make a chain: in at the source's switch, out over a link, in
at the other end of the same link, ..., out to the destination's host; and each switch must have taken one
from the TTL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from topology.errors import MeasurementError

INITIAL_TTL = 64
Owners = Mapping[str, tuple[str, str]]
"""``Layout.interface_owner``: (site, link id, empty for the host's port) by switch-side interface."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A probe on an interface. ``entering``: from the wire or host into the switch; else leaving it."""

    interface: str
    entering: bool
    time_ns: int
    ttl: int


@dataclass(frozen=True, slots=True)
class CrossedPath:
    """The path that every probe of a pair really took.

    Attributes:
        sites: the sites whose switches were crossed, from source to destination.
        links: the links crossed, one less than sites.
        per_hop_ms: per link, from entering the switch before it to entering the one after it: switching,
            queueing and the link's delay; the median of all probes. Between switches on machines with two
            clocks it means nothing.
        ttl_at_arrival: the TTL with which the probes reached the destination host, sent as ``INITIAL_TTL``.
        probes: how many probes prove this.
    """

    sites: tuple[str, ...]
    links: tuple[str, ...]
    per_hop_ms: tuple[float, ...]
    ttl_at_arrival: int
    probes: int

    @property
    def hops(self) -> int:
        """Links crossed."""
        return len(self.links)


def path_of_probe(
    owners: Owners, source: str, destination: str, sightings: Sequence[Sighting], arrival_ttl: int
) -> CrossedPath:
    """The path of one probe that arrived, from its sightings in the order in which they happened.

    Raises ``MeasurementError`` when the sightings make no chain from ``source`` to ``destination`` or the TTL
    does not fit the number of switches.
    """
    seen = [sighting for sighting in sightings if sighting.interface in owners]
    sites: list[str] = []
    links: list[str] = []
    entered_ns: list[int] = []
    arriving_by = ""  # link over which the next switch must be entered; empty: from the host
    for entering, leaving in zip(seen[::2], seen[1::2], strict=False):
        site, by = owners[entering.interface]
        out_site, onward = owners[leaving.interface]
        if not entering.entering or leaving.entering or site != out_site or by != arriving_by:
            raise _inconsistent(source, destination, seen, "they are not a chain of switches")
        if leaving.ttl != entering.ttl - 1 or entering.ttl != INITIAL_TTL - len(sites):
            raise _inconsistent(source, destination, seen, f"the TTL does not fall by one at {site}")
        sites.append(site)
        entered_ns.append(entering.time_ns)
        links.append(onward)
        arriving_by = onward
    if not sites or len(seen) % 2 or sites[0] != source or sites[-1] != destination or links[-1] != "":
        raise _inconsistent(source, destination, seen, "they do not lead from source to destination")
    if arrival_ttl != INITIAL_TTL - len(sites):
        raise _inconsistent(
            source,
            destination,
            seen,
            f"the TTL on arrival, {arrival_ttl}, does not fit {len(sites)} switches",
        )
    per_hop_ms = [(later - earlier) / 1e6 for earlier, later in pairwise(entered_ns)]
    return CrossedPath(tuple(sites), tuple(links[:-1]), tuple(per_hop_ms), arrival_ttl, 1)


def put_in_order(sightings: list[Sighting]) -> None:
    """Put sightings of one probe by several machines in the order in which they happened, without a clock.

    Each switch takes one from the TTL: with the same TTL a probe first leaves a switch, then enters the next.
    """
    sightings.sort(key=lambda sighting: (-sighting.ttl, sighting.entering))


def agreed_path(source: str, destination: str, paths: Sequence[CrossedPath]) -> CrossedPath:
    """The one path of all probes of a pair; at least one. Raises ``MeasurementError`` if they differ."""
    routes = {path.links for path in paths}
    if len(routes) > 1:
        listed = "; ".join(sorted({" > ".join(path.sites) for path in paths}))
        raise MeasurementError(
            f"probes took different paths: {listed}",
            where=f"path {source} -> {destination}",
            hint="was a link just cut or mended? measure again when the routes have settled",
        )
    hops_ms = zip(*(path.per_hop_ms for path in paths), strict=True)
    first = paths[0]
    return CrossedPath(
        first.sites, first.links, tuple(median(hop) for hop in hops_ms), first.ttl_at_arrival, len(paths)
    )


def describe(sightings: Sequence[Sighting]) -> str:
    """Sightings in a line: ``in s1-p1 ttl 64, out s1-p3 ttl 63``."""
    return ", ".join(f"{'in' if s.entering else 'out'} {s.interface} ttl {s.ttl}" for s in sightings)


def _inconsistent(source: str, destination: str, seen: Sequence[Sighting], why: str) -> MeasurementError:
    return MeasurementError(
        f"the sightings of a probe are inconsistent: {why} ({describe(seen) or 'none'})",
        where=f"path {source} -> {destination}",
        hint="was a link just cut or mended? measure again when the routes have settled",
    )
