"""A machine's own share of a placed layout: all that it needs to know, and nothing of the others.

A link that crosses is whole on neither machine. Each of its two machines has that end's interface, with
rate and queue at its egress as on any other link. The machine of the ``a`` end holds the pipe (delay, jitter
and loss, of both directions), between the wire end and the tunnel; on the machine of the ``b`` end the tunnel
leads straight to the interface::

    machine of a                                             machine of b
    | switch A | interface = wire ~~~~ tunnel ......... tunnel = interface | switch B |
                              the pipe        underlay
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from topology.emulation.layout import Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties
from topology.errors import InputError, Problem
from topology.placement.compensation import check_delays, compensated
from topology.placement.management import Management
from topology.placement.model import MAX_VNI, Machine, Placement


@dataclass(frozen=True, slots=True)
class CrossingEnd:
    """This machine's end of a link that crosses to another.

    Attributes:
        link: the whole link as declared, with both ends.
        side: which end is here, ``a`` or ``b``.
        vni: VXLAN network identifier of its tunnel; the same on both machines, no other link has it.
        remote_machine: name of the machine of the other end.
        local_address, remote_address: IPv4 addresses between which the tunnel goes.
        underlay_one_way_ms: what the tunnel itself takes, which the pipe adds less; 0 if not known.
    """

    link: LinkLayout
    side: str
    vni: int
    remote_machine: str
    local_address: str
    remote_address: str
    underlay_one_way_ms: float = 0.0

    @property
    def here(self) -> LinkEnd:
        """The end on this machine."""
        return self.link.a if self.side == "a" else self.link.b

    @property
    def there(self) -> LinkEnd:
        """The end on the other machine."""
        return self.link.b if self.side == "a" else self.link.a

    @property
    def holds_pipe(self) -> bool:
        """Whether delay, jitter and loss, of both directions, are made here: where the ``a`` end is."""
        return self.side == "a"

    @property
    def pipe(self) -> LinkProperties:
        """What the pipe must do: the declared, less the underlay's delay. See ``compensated``."""
        return compensated(self.link, self.underlay_one_way_ms)


@dataclass(frozen=True)
class Part:
    """What one machine realises.

    Attributes:
        machine: which one.
        layout: its own sites, and the links with both ends on it; numbers and names as in the whole layout.
        crossings: its ends of links that cross, by link id.
        controller: the machine that carries the controller.
        management: how the switches here reach it.
        vxlan_port, fragments: as in the ``Placement``.
    """

    machine: Machine
    layout: Layout
    crossings: Mapping[str, CrossingEnd]
    controller: Machine
    management: Management
    vxlan_port: int
    fragments: bool = False

    def to_json(self) -> str:
        """The part as JSON, the same bytes for the same part."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Part:
        """Read back what ``to_json`` wrote."""
        data: dict[str, Any] = json.loads(text)
        ends = [
            CrossingEnd(**{**fields, "link": LinkLayout.from_dict(fields["link"])})
            for fields in data["crossings"].values()
        ]
        return cls(
            machine=Machine.from_dict(data["machine"]),
            layout=Layout.from_dict(data["layout"]),
            crossings={end.link.link: end for end in sorted(ends, key=lambda end: end.link.number)},
            controller=Machine.from_dict(data["controller"]),
            management=Management.from_dict(data["management"]),
            vxlan_port=data["vxlan_port"],
            fragments=data["fragments"],
        )


def parts(layout: Layout, placement: Placement) -> dict[str, Part]:
    """The part of each machine of ``placement``, in its order; every site and link of ``layout`` is in one.

    Raises ``InputError`` if the placement is not one of this layout, or naming every link that cannot cross
    because the network between its machines is slower than the link.
    """
    check_belongs(layout, placement)
    crossings = {link: _ends(layout.links[link], placement) for link in placement.crossing}
    check_delays((one.link, one.underlay_one_way_ms) for one, _ in crossings.values())
    return {
        machine.name: Part(
            machine=machine,
            layout=_share(layout, placement, machine.name),
            crossings={
                link: end
                for link, ends in crossings.items()
                for end in ends
                if placement.machine_of[end.here.site] == machine.name
            },
            controller=placement.machine[placement.controller],
            management=Management.of(placement, machine.name),
            vxlan_port=placement.vxlan_port,
            fragments=placement.fragments,
        )
        for machine in placement.machines
    }


def crossing_links(layout: Layout, machine_of: Mapping[str, str]) -> tuple[str, ...]:
    """The links whose ends lie on two machines, in the order of the layout."""
    return tuple(
        link.link for link in layout.links.values() if machine_of[link.a.site] != machine_of[link.b.site]
    )


def check_belongs(layout: Layout, placement: Placement) -> None:
    """Raise ``InputError`` with everything that makes ``placement`` no placement of ``layout``."""
    problems = []
    if placement.scenario_digest != layout.scenario_digest:
        what = f"the placement is of another scenario than {layout.scenario}: their digests differ"
        problems.append(Problem(what, "placement", "place it anew"))
    problems += [
        Problem("no machine carries the site", site, "place it anew")
        for site in layout.sites
        if placement.machine_of.get(site) not in placement.machine
    ]
    problems += [
        Problem(f"{layout.scenario} has no such site", site, "place it anew")
        for site in placement.machine_of
        if site not in layout.sites
    ]
    if placement.controller not in placement.machine:
        problems.append(Problem(f"no machine has the name {placement.controller!r}", "controller"))
    if not problems and placement.crossing != crossing_links(layout, placement.machine_of):
        problems.append(Problem("the links that cross are not those listed", "placement", "place it anew"))
    largest = placement.first_vni + max((link.number for link in layout.links.values()), default=0)
    if not 0 < placement.first_vni <= largest <= MAX_VNI:
        what = f"the tunnels would have VNIs from {placement.first_vni} to {largest}; a VNI is 1 to {MAX_VNI}"
        problems.append(Problem(what, "first_vni", "state a smaller first_vni"))
    if problems:
        raise InputError.of(problems)


def _share(layout: Layout, placement: Placement, machine: str) -> Layout:
    sites = {name: site for name, site in layout.sites.items() if placement.machine_of[name] == machine}
    return replace(
        layout,
        sites=sites,
        links={
            name: link for name, link in layout.links.items() if link.a.site in sites and link.b.site in sites
        },
    )


def _ends(link: LinkLayout, placement: Placement) -> tuple[CrossingEnd, CrossingEnd]:
    a = placement.machine[placement.machine_of[link.a.site]]
    b = placement.machine[placement.machine_of[link.b.site]]
    path = placement.path_between(a.name, b.name)
    vni = placement.first_vni + link.number
    one_way_ms = 0.0 if path is None else path.one_way_ms
    return (
        CrossingEnd(link, "a", vni, b.name, a.address, b.address, one_way_ms),
        CrossingEnd(link, "b", vni, a.name, b.address, a.address, one_way_ms),
    )
