"""The network over which all switches reach the one controller: a tunnel to it from each other machine.

A cell has no way out, so this is one more VXLAN, with the VNI that belongs to no link. Its addresses exist in
the cells alone: of the space that RFC 6598 keeps for use between neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topology.placement.model import Placement

MTU_BYTES = 1400  # nothing here needs full frames, so these pass where links' frames would not
PREFIX_LENGTH = 24
MOST_MACHINES = 254  # addresses of such a network
_ADDRESS = "100.64.0.{}"


@dataclass(frozen=True, slots=True)
class Management:
    """One machine's end of it.

    Attributes:
        vni: VXLAN network identifier, the same on all machines.
        address, controller_address: IPv4 addresses of this machine's cell and of the controller's.
        local_address, remote_addresses: between which underlay addresses the tunnels go: to all other
            machines from the controller's, to the controller's from each other.
    """

    vni: int
    address: str
    controller_address: str
    local_address: str
    remote_addresses: tuple[str, ...]

    @classmethod
    def of(cls, placement: Placement, machine: str) -> Management:
        """The end of ``machine``. Raises ``KeyError`` if the placement has no such machine."""
        numbers = {one.name: number for number, one in enumerate(placement.machines, start=1)}
        controller = placement.machine[placement.controller]
        others = [one.address for one in placement.machines if one.name != controller.name]
        return cls(
            vni=placement.first_vni,
            address=_ADDRESS.format(numbers[machine]),
            controller_address=_ADDRESS.format(numbers[controller.name]),
            local_address=placement.machine[machine].address,
            remote_addresses=tuple(others) if machine == controller.name else (controller.address,),
        )

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Management:
        """The end whose ``dataclasses.asdict`` is ``fields``, also after a way through JSON."""
        return cls(**{**fields, "remote_addresses": tuple(fields["remote_addresses"])})
