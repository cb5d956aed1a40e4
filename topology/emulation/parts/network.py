"""A part made real: a network like any other, but for the links that lead to other machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from topology.emulation.cell import CELL_RUNTIME
from topology.emulation.interfaces import set_interfaces
from topology.emulation.links import Pipe, Wire, shaping, tc
from topology.emulation.network import EmulatedNetwork
from topology.emulation.nodes import LabNet, PreparedInterface
from topology.emulation.parts.reach import OutsideNetwork
from topology.emulation.parts.tunnels import make_tunnels
from topology.emulation.readback import pipe_faults, shape_faults
from topology.emulation.switches import Switches
from topology.errors import EmulationError
from topology.placement.parts import Part


class PartNetwork(EmulatedNetwork):
    """One machine's part of a layout, in the current network namespace. See ``EmulatedNetwork``.

    Args:
        part: what to build.
        outside: the machine's own network namespace, in which tunnels begin.
    """

    def __init__(
        self,
        part: Part,
        pipe: Pipe,
        outside: OutsideNetwork,
        *,
        datapath: str,
        seed: int,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(part.layout, pipe, datapath=datapath, seed=seed, progress=progress)
        self.part = part
        self._outside = outside
        links = {**part.layout.links, **{name: end.link for name, end in part.crossings.items()}}
        with_crossings = replace(
            part.layout, links=dict(sorted(links.items(), key=lambda entry: entry[1].number))
        )
        self.switches = Switches(
            with_crossings, datapath, CELL_RUNTIME / "switches", part.management.controller_address
        )

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut a link or mend it; of one that crosses, the end that is here."""
        if link in self.part.crossings:
            set_interfaces((self.part.crossings[link].here.interface,), up=up)
        else:
            super().set_link(link, up=up)

    def check_crossings(self) -> None:
        """What pipe and shaper say of the ends that are here, against what was asked of them.

        Raises ``EmulationError`` naming each link that is not what was declared.
        """
        crossings = self.part.crossings.values()
        said = self.pipe.declared()
        shaped = shaping.read_back((end.link, end.side) for end in crossings)
        faults = []
        for end in crossings:
            interface = end.here.interface
            found = shape_faults(end.link, interface, shaped.get(interface))
            if end.holds_pipe:
                found += pipe_faults(end.pipe, said.get(end.link.link))
            faults += [f"{end.link.link}: {fault}" for fault in found]
        if faults:
            raise EmulationError(f"links to other machines are not what was declared: {'; '.join(faults)}")

    def _build(self) -> None:
        super()._build()
        self.check_crossings()

    def _reach_other_machines(self, net: LabNet) -> None:
        make_tunnels(self.part, self._outside)
        for end in self.part.crossings.values():
            switch = net[self.layout.sites[end.here.site].switch]
            PreparedInterface(end.here.interface, node=switch, port=end.here.port)

    def _shape(self) -> None:
        super()._shape()
        tc.run(
            [
                command
                for end in self.part.crossings.values()
                for command in shaping.link_commands(end.link, end.side)
            ]
        )

    def _wires(self) -> list[Wire]:
        here = [end for end in self.part.crossings.values() if end.holds_pipe]
        return super()._wires() + [
            Wire(end.link.link, end.link.a.wire, end.link.b.wire, end.pipe) for end in here
        ]
