"""What the crossing links ask of the network between each two machines."""

from __future__ import annotations

from dataclasses import dataclass

from topology.emulation.layout import Layout
from topology.errors import Problem
from topology.placement.model import Placement
from topology.placement.tunnel import tunnelled_mbps


@dataclass(frozen=True, slots=True)
class PairRate:
    """What crosses between two machines in each direction if all their links are full.

    Attributes:
        a, b: names of the machines, in the order of their file.
        links: how many links cross.
        asked_mbps: sum of their emulated rates, with the tunnels' headers.
        rate_mbps: what the network between them carries; ``None``: not known.
    """

    a: str
    b: str
    links: int
    asked_mbps: float
    rate_mbps: float | None


def pair_rates(layout: Layout, placement: Placement) -> tuple[PairRate, ...]:
    """Each two machines between which links cross, in the order of the machines."""
    order = {name: number for number, name in enumerate(placement.machine)}
    rates: dict[tuple[str, str], list[float]] = {}
    for link in placement.crossing:
        first, second = sorted(placement.ends_of(layout, link), key=order.__getitem__)
        rates.setdefault((first, second), []).append(layout.links[link].properties.rate_mbps)
    found = []
    for a, b in sorted(rates, key=lambda pair: (order[pair[0]], order[pair[1]])):
        path = placement.path_between(a, b)
        asked_mbps = tunnelled_mbps(sum(sorted(rates[a, b])))
        found.append(PairRate(a, b, len(rates[a, b]), asked_mbps, None if path is None else path.rate_mbps))
    return tuple(found)


def too_much(layout: Layout, placement: Placement) -> list[Problem]:
    """Where full links ask more than the network between their machines carries. No error: few fill all."""
    return [
        Problem(
            f"{pair.links} crossing link{'' if pair.links == 1 else 's'} at full rate and their tunnels take "
            f"{pair.asked_mbps:.0f} Mbit/s, but the network between carries {pair.rate_mbps:g}",
            f"{pair.a} - {pair.b}",
            "emulate smaller rates (a larger rate_scale), or use a faster network between them",
        )
        for pair in pair_rates(layout, placement)
        if pair.rate_mbps is not None and pair.asked_mbps > pair.rate_mbps
    ]
