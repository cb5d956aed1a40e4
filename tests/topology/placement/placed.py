"""Placements for tests, without a file of machines."""

from __future__ import annotations

from collections.abc import Mapping

from topology.emulation.layout import Layout
from topology.placement.model import Machine, Placement, UnderlayPath
from topology.placement.parts import crossing_links


def machine(number: int, **stated: object) -> Machine:
    fields: dict[str, object] = {
        "name": f"m{number}",
        "address": f"192.0.2.{number}",
        "reach": () if number == 1 else ("ssh", f"192.0.2.{number}"),
        "mtu_bytes": 1600,
    }
    return Machine(**{**fields, **stated})  # type: ignore[arg-type]


def placed(layout: Layout, machine_of: Mapping[str, int], *underlay: UnderlayPath) -> Placement:
    """``layout`` with each site on the machine of the number given."""
    names = {site: f"m{machine_of[site]}" for site in layout.sites}
    machines = tuple(machine(number) for number in sorted(set(machine_of.values())))
    crossing = crossing_links(layout, names)
    return Placement(layout.scenario_digest, machines, names, crossing, "m1", underlay)
