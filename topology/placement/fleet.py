"""The machines there are, and what is asked of a placement on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from topology.placement.capacity import BALANCE
from topology.placement.model import FIRST_VNI, VXLAN_PORT, Machine, UnderlayPath


@dataclass(frozen=True)
class Fleet:
    """What a file of machines says.

    Attributes:
        machines: in the order of the file.
        controller: name of the machine that carries the controller.
        pins: name of the machine by site, of the sites that must lie on a certain one.
        underlay: what is known of the network between the machines.
        balance: room beyond a machine's share of the sites; 0.1: a tenth more.
        vxlan_port, first_vni, fragments: as in the ``Placement``.
    """

    machines: tuple[Machine, ...]
    controller: str
    pins: Mapping[str, str] = field(default_factory=dict)
    underlay: tuple[UnderlayPath, ...] = ()
    balance: float = BALANCE
    vxlan_port: int = VXLAN_PORT
    first_vni: int = FIRST_VNI
    fragments: bool = False

    def measured(self, paths: Iterable[UnderlayPath]) -> Fleet:
        """The same machines with the network between them as measured; a rate that was stated stays."""
        stated = {frozenset((path.a, path.b)): path.rate_mbps for path in self.underlay}
        measured = (
            replace(path, rate_mbps=path.rate_mbps or stated.get(frozenset((path.a, path.b))))
            for path in paths
        )
        return replace(self, underlay=tuple(measured))
