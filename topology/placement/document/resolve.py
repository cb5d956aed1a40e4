"""A checked file of machines becomes a ``Fleet``: defaults filled in, what holds for all pairs spelt out."""

from __future__ import annotations

from itertools import combinations

from topology.placement.document.schema import FleetFile, MachineIn, UnderlayIn
from topology.placement.fleet import Fleet
from topology.placement.model import Machine, UnderlayPath

SSH = ("ssh", "-o", "BatchMode=yes")


def resolved(file: FleetFile) -> Fleet:
    """The fleet of a sound file."""
    machines = tuple(resolved_machine(name, part) for name, part in file.machines.items())
    local = next((machine for machine in machines if machine.is_local), machines[0])
    return Fleet(
        machines=machines,
        controller=file.controller or local.name,
        pins=dict(file.pins),
        underlay=_underlay(machines, file.underlay),
        balance=float(file.balance),
        vxlan_port=file.vxlan_port,
        first_vni=file.first_vni,
        fragments=file.fragments,
    )


def resolved_machine(name: str, part: MachineIn) -> Machine:
    """One machine; without a way to reach it that is ssh."""
    return Machine(
        name=name,
        address=part.address,
        reach=(*SSH, part.address) if part.reach is None else tuple(part.reach),
        program=tuple(part.program),
        sites=part.sites,
        weight=float(part.weight),
        mtu_bytes=part.mtu_bytes,
    )


def _underlay(machines: tuple[Machine, ...], entries: list[UnderlayIn]) -> tuple[UnderlayPath, ...]:
    by_pair = {frozenset(entry.between or ()): entry for entry in entries}
    otherwise = by_pair.get(frozenset())
    paths = []
    for a, b in combinations((machine.name for machine in machines), 2):
        entry = by_pair.get(frozenset((a, b)), otherwise)
        if entry is not None:
            rate_mbps = None if entry.rate_mbps is None else float(entry.rate_mbps)
            paths.append(UnderlayPath(a, b, float(entry.one_way_ms), rate_mbps))
    return tuple(paths)
