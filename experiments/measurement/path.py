"""Proof of the path: marked probes are sent, and caught on the interfaces of every switch they cross.

What counts is what was seen on the wire (``probes`` catches it, ``crossing`` reads it), never the plan.
"""

from __future__ import annotations

from collections.abc import Sequence

from experiments.measurement.crossing import (
    CrossedPath,
    agreed_path,
    describe,
    path_of_probe,
    put_in_order,
)
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.probes import ProbeCapture
from topology.emulation.layout import Layout
from topology.emulation.parts.reach import Reach
from topology.errors import InputError, MeasurementError

__all__ = ["CrossedPath", "observe_paths"]

Pair = tuple[str, str]


def observe_paths(
    layout: Layout,
    pairs: Sequence[tuple[Endpoint, Endpoint]],
    *,
    probes: int = 3,
    dscp: int = 0,
    elsewhere: Sequence[Reach] = (),
) -> dict[Pair, CrossedPath]:
    """The path from source to destination that ``probes`` probes of each pair took, all pairs at once.

    Runs in the lab's own network namespace; ``elsewhere`` are the other machines that carry parts of the
    network. A probe that got lost is sent again up to three times.

    Raises ``MeasurementError`` when no probe of a pair arrives, when probes took different paths, or when
    the sightings of a probe contradict each other or its TTL.
    """
    if probes < 1 or len(pairs) > 0xFFFF:
        raise InputError("a path needs one probe at least", where="path")
    with ProbeCapture(pairs, dscp, elsewhere) as capture:
        capture.send_until_arrived(probes)
        if elsewhere:
            for sightings in capture.sightings.values():
                put_in_order(sightings)
        return {
            (source.site, destination.site): _path_of_pair(layout, capture, number, source, destination)
            for number, (source, destination) in enumerate(pairs)
        }


def _path_of_pair(
    layout: Layout, capture: ProbeCapture, number: int, source: Endpoint, destination: Endpoint
) -> CrossedPath:
    arrived = capture.arrived[number]
    if not arrived:
        raise _nothing_arrived(layout, capture, number, source, destination)
    owners = layout.interface_owner
    return agreed_path(
        source.site,
        destination.site,
        [
            path_of_probe(
                owners,
                source.site,
                destination.site,
                capture.sightings.get((number, probe), []),
                ttl,
            )
            for probe, ttl in sorted(arrived.items())
        ],
    )


def _nothing_arrived(
    layout: Layout, capture: ProbeCapture, number: int, source: Endpoint, destination: Endpoint
) -> MeasurementError:
    owners = layout.interface_owner
    seen = [
        sighting
        for (pair, _), sightings in capture.sightings.items()
        if pair == number
        for sighting in sightings
        if sighting.interface in owners
    ]
    if seen:
        site, link = owners[seen[-1].interface]
        last = f"last seen at {site}, {describe(seen[-1:])}" + (f", link {link}" if link else "")
    else:
        last = "none was seen at any switch"
    return MeasurementError(
        f"no probe arrived; {last}",
        where=f"path {source.site} -> {destination.site}",
        hint="is the controller connected and every link up? see `onehop status`",
    )
