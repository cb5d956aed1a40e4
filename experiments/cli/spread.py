"""Spreading networks over the machines of a file, before anything is created; and saying where sites lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from experiments.cli.console import err, steps
from experiments.machines.spreading import Spread, spread_over
from topology.emulation.doctor import require_emulation
from topology.emulation.layout import Layout
from topology.emulation.parts.reach import OutsideNetwork
from topology.network import Network
from topology.placement.document import load_fleet

Key = TypeVar("Key")


def spread(file: Path, networks: Mapping[Key, Network]) -> dict[Key, Spread]:
    """Where each site of each network shall lie; the machines are asked, and must answer.

    Raises ``InputError`` for a bad file, ``MachineError`` for machines that will not do.
    """
    fleets = {key: load_fleet(str(file), Layout.of(network)) for key, network in networks.items()}
    require_emulation()
    outside = OutsideNetwork()
    with steps() as progress:
        found = {
            key: spread_over(fleets[key], network, outside, progress.say) for key, network in networks.items()
        }
    for key, network in networks.items():
        _tell(network, found[key])
    return found


def _tell(network: Network, found: Spread) -> None:
    placement = found.placement
    on_each = ", ".join(f"{one.name} {len(placement.sites_of(one.name))}" for one in placement.machines)
    crossing = len(placement.crossing)
    err.print(
        f"{network.id}: sites on {on_each}; {crossing} of {len(network.links)} links cross", markup=False
    )
    for reading in found.underlay:
        clock = "" if reading.one_clock else ", two clocks: no one-way delays"
        err.print(
            f"{reading.a} - {reading.b}: round trip {reading.rtt_median_ms:.3f} ms"
            f" (p99 {reading.rtt_p99_ms:.3f}), MTU {reading.mtu_bytes}{clock}",
            markup=False,
        )
