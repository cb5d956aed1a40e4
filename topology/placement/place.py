"""A layout on the machines of a fleet."""

from __future__ import annotations

from collections import Counter

from topology.emulation.layout import Layout
from topology.placement.capacity import limits
from topology.placement.compensation import check_delays
from topology.placement.fleet import Fleet
from topology.placement.model import Placement
from topology.placement.partition import Link, Problem, solve
from topology.placement.parts import crossing_links

NS_PER_MS = 1_000_000


def place(layout: Layout, fleet: Fleet) -> Placement:
    """Each site of ``layout`` on a machine of ``fleet``: fewest crossing links, then the longest.

    Raises ``InputError`` if there is not room for all, or naming every crossing link that is faster than the
    network between its machines although the fewest such links cross.
    """
    where = solve(problem_of(layout, fleet))
    machine_of = {site: fleet.machines[number].name for site, number in zip(layout.sites, where, strict=True)}
    placement = Placement(
        scenario_digest=layout.scenario_digest,
        machines=fleet.machines,
        machine_of=machine_of,
        crossing=crossing_links(layout, machine_of),
        controller=fleet.controller,
        underlay=fleet.underlay,
        vxlan_port=fleet.vxlan_port,
        first_vni=fleet.first_vni,
        fragments=fleet.fragments,
    )
    check_delays(
        (layout.links[link], path.one_way_ms)
        for link in placement.crossing
        if (path := placement.path_between(*placement.ends_of(layout, link))) is not None
    )
    return placement


def problem_of(layout: Layout, fleet: Fleet) -> Problem:
    """What ``place`` solves; sites and machines numbered in their order. Raises ``InputError``: no room."""
    number_of = {site: number for number, site in enumerate(layout.sites)}
    machine_of = {machine.name: number for number, machine in enumerate(fleet.machines)}
    underlay_ns = [[0] * len(fleet.machines) for _ in fleet.machines]
    for path in fleet.underlay:
        a, b = machine_of[path.a], machine_of[path.b]
        underlay_ns[a][b] = underlay_ns[b][a] = _ns(path.one_way_ms)
    return Problem(
        links=tuple(
            Link(
                number_of[link.a.site],
                number_of[link.b.site],
                _ns(link.properties.delay_ms),
                _ns(link.properties.least_delay_ms),
            )
            for link in layout.links.values()
        ),
        limits=tuple(limits(fleet.machines, len(layout.sites), Counter(fleet.pins.values()), fleet.balance)),
        fixed=tuple(machine_of[fleet.pins[site]] if site in fleet.pins else None for site in layout.sites),
        underlay_ns=tuple(map(tuple, underlay_ns)),
    )


def _ns(milliseconds: float) -> int:
    return round(milliseconds * NS_PER_MS)
