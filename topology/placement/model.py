"""What a placement is: machines, the network between them, and which machine carries which site.

All values are frozen, serialisable and plain; the same value gives the same bytes. Names and numbers of sites
and links are those of the ``Layout``: a part looks the same on whichever machine it lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from topology.emulation.layout import Layout

# As containerlab: clouds filter 4789, the port of RFC 7348, and others' tunnels on a machine use it.
VXLAN_PORT = 14789
FIRST_VNI = 1_000_000  # far from where others begin: Docker's overlay networks at 4096, most labs at 1
MAX_VNI = 2**24 - 1
DEFAULT_MTU_BYTES = 1500


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that can carry a part of the network.

    Attributes:
        name: what it is called, in the file of machines and in every message.
        address: IPv4 address at which the others reach it: where its VXLAN tunnels begin and end.
        reach: command prefix that runs a command there; empty for the machine the program itself runs on.
        program: command, with arguments, that is ``onehop`` there, with the privileges it needs.
        sites: most sites that it shall carry; ``None``: no limit but its share.
        weight: its share of all sites is this over the sum of all weights.
        mtu_bytes: largest IP packet that the network between the machines carries from and to it.
    """

    name: str
    address: str
    reach: tuple[str, ...]
    program: tuple[str, ...] = ("onehop",)
    sites: int | None = None
    weight: float = 1.0
    mtu_bytes: int = DEFAULT_MTU_BYTES

    @property
    def is_local(self) -> bool:
        """Whether it is the machine the program itself runs on."""
        return not self.reach

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Machine:
        """The machine whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        return cls(**{**fields, "reach": tuple(fields["reach"]), "program": tuple(fields["program"])})


@dataclass(frozen=True, slots=True)
class UnderlayPath:
    """What the network between two machines does, in each direction, as stated or measured.

    Attributes:
        a, b: names of the two machines; their order means nothing.
        one_way_ms: delay of a frame that goes through a tunnel between them; half a round trip where no
            better is known.
        rate_mbps: what it carries, Ethernet frames of tunnels included; ``None``: not known.
    """

    a: str
    b: str
    one_way_ms: float
    rate_mbps: float | None = None


@dataclass(frozen=True)
class Placement:
    """A layout on several machines.

    Attributes:
        scenario_digest: of the scenario whose layout this places.
        machines: in the order of their file.
        machine_of: name of the machine by site, in the order of the scenario; every site is there.
        crossing: ids of the links whose ends lie on two machines, in the order of the scenario.
        controller: name of the machine that carries the controller.
        underlay: what is known of the network between the machines; at most one entry for each pair.
        vxlan_port: UDP port of all tunnels.
        first_vni: the VNI of a link is this plus its number. Numbers begin at 1, so this one is no link's.
        fragments: whether a tunnel may cut frames that the underlay's MTU has no room for (IPv4 fragments).
    """

    scenario_digest: str
    machines: tuple[Machine, ...]
    machine_of: Mapping[str, str]
    crossing: tuple[str, ...]
    controller: str
    underlay: tuple[UnderlayPath, ...] = ()
    vxlan_port: int = VXLAN_PORT
    first_vni: int = FIRST_VNI
    fragments: bool = False

    @cached_property
    def machine(self) -> dict[str, Machine]:
        """The machines by name."""
        return {machine.name: machine for machine in self.machines}

    def path_between(self, one: str, other: str) -> UnderlayPath | None:
        """What is known of the network between two machines, whichever is named first."""
        return self._paths.get(frozenset((one, other)))

    @cached_property
    def _paths(self) -> dict[frozenset[str], UnderlayPath]:
        return {frozenset((path.a, path.b)): path for path in self.underlay}

    def sites_of(self, machine: str) -> tuple[str, ...]:
        """The sites on a machine, in the order of the scenario."""
        return tuple(site for site, where in self.machine_of.items() if where == machine)

    def ends_of(self, layout: Layout, link: str) -> tuple[str, str]:
        """The machines of the ``a`` and of the ``b`` end of a link."""
        ends = layout.links[link]
        return self.machine_of[ends.a.site], self.machine_of[ends.b.site]

    def to_json(self) -> str:
        """The placement as JSON, the same bytes for the same placement."""
        data = asdict(self)
        data["machine_of"] = list(self.machine_of.items())  # a list: keeps its order whoever writes it anew
        return json.dumps(data, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Placement:
        """Read back what ``to_json`` wrote."""
        data: dict[str, Any] = json.loads(text)
        return cls(
            **{
                **data,
                "machines": tuple(Machine.from_dict(fields) for fields in data["machines"]),
                "machine_of": dict(data["machine_of"]),
                "crossing": tuple(data["crossing"]),
                "underlay": tuple(UnderlayPath(**fields) for fields in data["underlay"]),
            }
        )
