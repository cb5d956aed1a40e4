"""From a fleet of machines to a spread network: the underlay measured, the sites placed by what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from topology.emulation.layout import Layout
from topology.emulation.parts.reach import OutsideNetwork
from topology.emulation.parts.underlay import UnderlayReading, measure_underlay
from topology.errors import InputError, MachineError, OneHopError, Problem
from topology.network import Network
from topology.placement.fleet import Fleet
from topology.placement.model import Placement
from topology.placement.place import place
from topology.placement.tunnel import NEEDED_MTU_BYTES, missing_mtu_bytes


@dataclass(frozen=True)
class Spread:
    """On which machines a network shall lie, and from where they are reached.

    Attributes:
        placement: which site goes where; the machine of the controller is the one this runs on.
        outside: the network namespace of that machine.
        underlay: what was measured between the machines.
    """

    placement: Placement
    outside: OutsideNetwork
    underlay: tuple[UnderlayReading, ...] = ()

    @property
    def one_clock(self) -> bool:
        """Whether all machines read the same clock, so that one-way delays mean something."""
        return all(reading.one_clock for reading in self.underlay)

    def to_dict(self) -> dict[str, Any]:
        """What a manifest keeps of it: which sites lie where, what crosses, what was measured. JSON-ready."""
        placement = self.placement
        return {
            "sites": {one.name: list(placement.sites_of(one.name)) for one in placement.machines},
            "crossing": list(placement.crossing),
            "underlay": [asdict(reading) for reading in self.underlay],
        }


def spread_over(
    fleet: Fleet,
    network: Network,
    outside: OutsideNetwork,
    progress: Callable[[str], None] = lambda _sentence: None,
) -> Spread:
    """Measure between the machines, place the sites, and check that everything fits.

    Delays that a file states give way to those measured; rates stay, for nothing measures them. The site that
    the scenario measures from lies on the machine that leads, unless it is pinned elsewhere.

    Raises ``MachineError`` if a machine cannot be reached or the network between them cannot carry the
    tunnels, ``InputError`` if the sites cannot be placed or another machine is to lead.
    """
    leader = next(machine for machine in fleet.machines if machine.name == fleet.controller)
    if not leader.is_local:
        raise InputError(
            f"the controller is to be on {leader.name}, which is another machine",
            where="controller",
            hint="the machine that leads carries it: the one this runs on, with 'reach: []'",
        )
    progress(f"measuring the network between {len(fleet.machines)} machines")
    readings = measure_underlay(fleet.machines, outside)
    if not fleet.fragments:
        _check_mtu(readings)
    pins = {network.comparison.source: fleet.controller, **fleet.pins}
    measured = replace(fleet, pins=pins).measured(reading.path for reading in readings)
    placement = place(Layout.of(network), measured)
    return Spread(placement, outside, tuple(readings))


def _check_mtu(readings: Sequence[UnderlayReading]) -> None:
    problems = [
        Problem(
            f"packets of at most {reading.mtu_bytes} bytes pass; a tunnel needs {NEEDED_MTU_BYTES}",
            f"{reading.a} - {reading.b}",
            f"ip link set dev INTERFACE mtu {NEEDED_MTU_BYTES} on both and on the way; or fragments: true",
        )
        for reading in readings
        if missing_mtu_bytes(reading.mtu_bytes)
    ]
    if problems:
        raise _of(problems)


def _of(problems: Sequence[Problem]) -> OneHopError:
    error = MachineError(problems[0].what)
    error.problems = tuple(problems)
    return error
