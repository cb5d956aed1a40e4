"""What failures do: who is cut off, what demand is lost, how much later the rest arrives.

A pair is cut off if it was joined without the failure and is not with it; the pairs of a failed site are cut
off. What a pair loses is its whole rate; capacities play no part here, ``flow`` says what still fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.resilience.elimination import (
    Elimination,
    bits,
    blocks,
    distances,
    elimination,
    joined,
    words,
)
from experiments.proposals.resilience.failures import Elements, Scenarios
from experiments.proposals.resilience.wiring import UNREACHABLE, Booleans, Integers, Wiring, wiring
from topology.network import Demand, Network, TrafficClass

Floats = NDArray[np.float64]
Pairs = tuple[Integers, Integers]  # of places

NANOSECONDS_PER_MS = 1e6


@dataclass(frozen=True)
class Effects:
    """One row per scenario, in the order asked.

    Attributes:
        pairs_cut_off: unordered pairs of sites.
        lost_gbps: rate of the demands cut off.
        delay_added_ms: of the demands that are still served, rate-weighted mean, one way.
    """

    pairs_cut_off: Integers
    lost_gbps: Floats
    delay_added_ms: Floats


class Question:
    """A network and its demands, ready to be asked for many failures.

    Args:
        demands: rates between sites; ``None``: 1 Gbit/s between every two sites.

    Attributes:
        ends, pairs, rates_gbps: the demands of the same two ends together: site ids, places, sum of rates.
    """

    def __init__(
        self,
        network: Network,
        demands: Iterable[Demand] | None,
        traffic_class: TrafficClass = TrafficClass.BEST_EFFORT,
    ) -> None:
        self.wires: Wiring = wiring(network, traffic_class)
        self.plan: Elimination = elimination(self.wires)
        rates: dict[tuple[str, str], float] = {}
        for source, destination, gbps in (
            ((a, b, 1.0) for a, b in itertools.combinations(network.sites, 2))
            if demands is None
            else ((demand.source, demand.destination, demand.rate_gbps) for demand in demands)
        ):
            rates[source, destination] = rates.get((source, destination), 0.0) + gbps
        self.ends = tuple(rates)
        self.pairs, self.rates_gbps = self.places(rates), np.array(list(rates.values()))

    def places(self, pairs: Iterable[tuple[str, str]]) -> Pairs:
        """Where pairs of site ids are found in tables of distances."""
        number = {site: position for position, site in enumerate(self.wires.sites)}
        ends = np.array([(number[a], number[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
        return self.plan.place[ends[:, 0]], self.plan.place[ends[:, 1]]

    @cached_property
    def undisturbed(self) -> Integers:
        """Distances between places with nothing failed, shape ``(sites, sites)``."""
        nothing = np.zeros((len(self.wires.links), 1), dtype=np.bool_)
        return distances(self.plan, nothing)[:, :, 0]

    def effects(self, elements: Elements, scenarios: Scenarios) -> Effects:
        """What each scenario does."""
        cut_off = np.empty(len(scenarios), dtype=np.int64)
        lost, added = np.empty(len(scenarios)), np.empty(len(scenarios))
        for block in blocks(self.plan, len(scenarios)):
            table = distances(self.plan, elements.failed_links(scenarios[block]))
            cut_off[block] = self._cut_off(table)
            lost[block], added[block] = self._of_demands(table)
        return Effects(cut_off, lost, added)

    def _cut_off(self, table: Integers) -> Integers:
        both_orders = np.count_nonzero(table == UNREACHABLE, axis=(0, 1))
        already = np.count_nonzero(self.undisturbed == UNREACHABLE)
        result: Integers = (both_orders - already) // 2
        return result

    def _of_demands(self, table: Integers) -> tuple[Floats, Floats]:
        """Gbit/s lost, and ms added to the rest, per scenario."""
        before, after = self.undisturbed[self.pairs][:, None], table[self.pairs]
        served = after < UNREACHABLE
        later_ns = np.where(served, self.wires.delay_ns(after) - self.wires.delay_ns(before), 0)
        served_gbps = _total(self.rates_gbps, served)
        added = _total(self.rates_gbps, later_ns) / NANOSECONDS_PER_MS
        mean = np.divide(added, served_gbps, out=np.zeros_like(added), where=served_gbps > 0)
        return _total(self.rates_gbps, (before < UNREACHABLE) & ~served), mean


def still_joined(
    plan: Elimination, elements: Elements, scenarios: Scenarios, pairs: Pairs, present: Booleans | None = None
) -> Booleans:
    """Whether each pair is joined in each scenario, shape ``(scenarios, pairs)``.

    ``present`` leaves links out of the network altogether, shape ``(links,)``.
    """
    found = np.empty((len(scenarios), len(pairs[0])), dtype=np.bool_)
    for block in blocks(plan, len(scenarios), per_word=64):
        works = ~elements.failed_links(scenarios[block])
        if present is not None:
            works &= present[:, None]
        found[block] = bits(joined(plan, words(works))[pairs], works.shape[1]).T
    return found


def _total(rates: Floats, values: Integers | Booleans) -> Floats:
    """Rate-weighted sum over pairs, one pair after the other, so that it is the same for every block."""
    total = np.zeros(values.shape[1])
    for rate, row in zip(rates.tolist(), values, strict=True):
        total += rate * row
    return total
