"""What failures do: who is cut off, what demand is lost, how much later the rest arrives.

All pairs of sites are looked at in every scenario. A pair is cut off if it was joined without the failure
and is not with it; the pairs of a failed site are cut off. What a pair loses is its whole rate; capacities
play no part here, ``flow`` says what still fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.resilience.elimination import Elimination, blocks, distances, elimination
from experiments.proposals.resilience.failures import Elements, Scenario
from experiments.proposals.resilience.wiring import UNREACHABLE, Booleans, Integers, Wiring, wiring
from topology.network import Demand, Network, TrafficClass

Floats = NDArray[np.float64]

NANOSECONDS_PER_MS = 1e6


@dataclass(frozen=True)
class Effects:
    """One row per scenario, in the order asked.

    Attributes:
        pairs_cut_off: unordered pairs of sites.
        lost_gbps: rate of the demands cut off.
        delay_added_ms: of the demands that are still served, rate-weighted mean, one way.
        up: whether each watched pair is joined, shape ``(scenarios, watched)``.
    """

    pairs_cut_off: Integers
    lost_gbps: Floats
    delay_added_ms: Floats
    up: Booleans


class Question:
    """A network and its demands, ready to be asked for many failures.

    Args:
        demands: rates between sites; ``None``: 1 Gbit/s between every two sites.
        watched: pairs of site ids whose being joined is to be known.
    """

    def __init__(
        self,
        network: Network,
        demands: Sequence[Demand] | None,
        watched: Sequence[tuple[str, str]] = (),
        traffic_class: TrafficClass = TrafficClass.BEST_EFFORT,
    ) -> None:
        self.wires: Wiring = wiring(network, traffic_class)
        self.plan: Elimination = elimination(self.wires)
        number = {site: position for position, site in enumerate(self.wires.sites)}
        self._watched = _pairs([(number[a], number[b]) for a, b in watched], self.plan)
        self._all = np.triu_indices(len(number), 1)
        rates: dict[tuple[int, int], float] = {}
        for demand in demands or ():
            ends = sorted((number[demand.source], number[demand.destination]))
            rates[ends[0], ends[1]] = rates.get((ends[0], ends[1]), 0.0) + demand.rate_gbps
        self._served = self._all if demands is None else _pairs(list(rates), self.plan)
        self._rates = np.ones(len(self._all[0])) if demands is None else np.array(list(rates.values()))

    @cached_property
    def undisturbed(self) -> Integers:
        """Distances between places with nothing failed, shape ``(sites, sites)``."""
        nothing = np.zeros((len(self.wires.links), 1), dtype=np.bool_)
        return distances(self.plan, nothing)[:, :, 0]

    def effects(self, elements: Elements, scenarios: Sequence[Scenario]) -> Effects:
        """What each scenario does."""
        parts = []
        for block in blocks(self.plan, len(scenarios)):
            failed = elements.failed_links(scenarios[block], len(self.wires.links))
            parts.append(self._block(distances(self.plan, failed)))
        if not parts:
            nothing = np.zeros(0)
            return Effects(nothing.astype(np.int64), nothing, nothing, np.zeros((0, 0), dtype=np.bool_))
        return Effects(
            np.concatenate([part.pairs_cut_off for part in parts]),
            np.concatenate([part.lost_gbps for part in parts]),
            np.concatenate([part.delay_added_ms for part in parts]),
            np.concatenate([part.up for part in parts]),
        )

    def _block(self, table: Integers) -> Effects:
        joined = self.undisturbed[self._all] < UNREACHABLE
        still_joined = (table[self._all] < UNREACHABLE).sum(axis=0)
        before, after = self.undisturbed[self._served], table[self._served]
        was_served, is_served = before < UNREACHABLE, after < UNREACHABLE
        lost = self._sum(was_served[:, None] & ~is_served)
        served = self._sum(is_served)
        later_ns = self.wires.delay_ns(after) - self.wires.delay_ns(before)[:, None]
        added = self._sum(np.where(is_served, later_ns, 0)) / NANOSECONDS_PER_MS
        mean = np.divide(added, served, out=np.zeros_like(added), where=served > 0)
        return Effects(
            pairs_cut_off=joined.sum() - still_joined,
            lost_gbps=lost,
            delay_added_ms=mean,
            up=(table[self._watched] < UNREACHABLE).T,
        )

    def _sum(self, values: Integers | Booleans) -> Floats:
        """Rate-weighted sum over the pairs of demands, always in the same order."""
        return np.add.reduce(self._rates[:, None] * values, axis=0)  # type: ignore[no-any-return]


def _pairs(pairs: Sequence[tuple[int, int]], plan: Elimination) -> tuple[Integers, Integers]:
    """Pairs of sites as two arrays of places."""
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return plan.place[ends[:, 0]], plan.place[ends[:, 1]]
