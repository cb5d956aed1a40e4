"""What failures do: who is cut off, what demand is lost, how much later the rest arrives.

A pair is cut off if it was joined without the failure and is not with it; the pairs of a failed site are cut
off. What a pair loses is its whole rate; capacities play no part here, ``flow`` says what still fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.resilience.deletion import LinkCuts
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
        demands: rates between sites; ``None``: 1 Gbit/s between every two sites (``all_pairs``).
    """

    def __init__(
        self,
        network: Network,
        demands: Iterable[Demand] | None,
        traffic_class: TrafficClass = TrafficClass.BEST_EFFORT,
    ) -> None:
        self.wires: Wiring = wiring(network, traffic_class)
        self.plan: Elimination = elimination(self.wires)
        self.all_pairs = demands is None
        self._rates: dict[tuple[str, str], float] = {}
        for demand in demands or ():
            ends = demand.source, demand.destination
            self._rates[ends] = self._rates.get(ends, 0.0) + demand.rate_gbps

    @property
    def ends(self) -> Iterable[tuple[str, str]]:
        """Site ids of the pairs that demands have."""
        return itertools.combinations(self.wires.sites, 2) if self.all_pairs else self._rates.keys()

    @cached_property
    def pairs(self) -> Pairs:
        """The same as places."""
        if not self.all_pairs:
            return self.places(self._rates)
        first, second = np.triu_indices(len(self.wires.sites), 1)
        return self.plan.place[first], self.plan.place[second]

    @cached_property
    def rates_gbps(self) -> Floats:
        """The rate of each of these pairs, that of all its demands together."""
        return np.ones(len(self.pairs[0])) if self.all_pairs else np.array(list(self._rates.values()))

    def places(self, pairs: Iterable[tuple[str, str]]) -> Pairs:
        """Where pairs of site ids are found in tables of distances."""
        number = {site: position for position, site in enumerate(self.wires.sites)}
        ends = np.array([(number[a], number[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
        return self.plan.place[ends[:, 0]], self.plan.place[ends[:, 1]]

    @cached_property
    def joined_pairs(self) -> int:
        """How many unordered pairs of different sites are joined with nothing failed."""
        return int(self._pairs_in(self.undisturbed[:, :, None] < UNREACHABLE)[0])

    @cached_property
    def link_cuts(self) -> LinkCuts:
        """For ``deletion``."""
        return LinkCuts(self.plan, self.undisturbed)

    @cached_property
    def undisturbed(self) -> Integers:
        """Distances between places with nothing failed, shape ``(sites, sites)``."""
        nothing = np.zeros((len(self.wires.links), 1), dtype=np.bool_)
        return distances(self.plan, nothing)[:, :, 0]

    def effects_on_demands(self, after: Integers) -> tuple[Floats, Floats]:
        """Gbit/s lost, and ms added to the rest; ``after``: distances of shape ``(pairs, scenarios)``."""
        before = self.undisturbed[self.pairs][:, None]
        served = after < UNREACHABLE
        later_ns = np.where(served, self.wires.delay_ns(after) - self.wires.delay_ns(before), 0)
        lost_gbps = _total(self.rates_gbps, (before < UNREACHABLE) & ~served)
        return lost_gbps, _mean_ms(_total(self.rates_gbps, later_ns), _total(self.rates_gbps, served))

    def effects_on_all_pairs(self, table: Integers) -> Effects:
        """``table``: all distances of each scenario, shape ``(sites, sites, scenarios)``."""
        served = table < UNREACHABLE
        cut_off = self.joined_pairs - self._pairs_in(served)
        if not self.all_pairs:
            return Effects(cut_off, *self.effects_on_demands(table[self.pairs]))
        at_first_ns = self.wires.delay_ns(self.undisturbed)[:, :, None]
        # what is not served has the same delay in both sums
        now_ns = np.where(served, self.wires.delay_ns(table), at_first_ns).sum(axis=(0, 1))
        added_ns = (now_ns - at_first_ns.sum()) / 2
        return Effects(cut_off, cut_off.astype(np.float64), _mean_ms(added_ns, self.joined_pairs - cut_off))

    def _pairs_in(self, joined: Booleans) -> Integers:
        """How many unordered pairs of different sites are joined, of each scenario."""
        both_orders: Integers = np.count_nonzero(joined, axis=(0, 1))
        return (both_orders - len(self.wires.sites)) // 2


def by_elimination(question: Question, elements: Elements, scenarios: Scenarios) -> Effects:
    """What each scenario does, from all distances in each; best up to hundreds of sites."""
    cut_off = np.empty(len(scenarios), dtype=np.int64)
    lost, added = np.empty(len(scenarios)), np.empty(len(scenarios))
    for block in blocks(question.plan, len(scenarios)):
        table = distances(question.plan, elements.failed_links(scenarios[block]))
        found = question.effects_on_all_pairs(table)
        cut_off[block], lost[block] = found.pairs_cut_off, found.lost_gbps
        added[block] = found.delay_added_ms
    return Effects(cut_off, lost, added)


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


def _mean_ms(total_ns: NDArray[np.number[Any]], served: NDArray[np.number[Any]]) -> Floats:
    """Nanoseconds per what is served, as ms; 0 where nothing is."""
    mean_ns = np.divide(total_ns, served, out=np.zeros(len(served)), where=served > 0)
    mean_ms: Floats = mean_ns / NANOSECONDS_PER_MS
    return mean_ms


def _total(rates: Floats, values: Integers | Booleans) -> Floats:
    """Rate-weighted sum over pairs, one pair after the other, so that it is the same for every block."""
    total = np.zeros(values.shape[1])
    for rate, row in zip(rates.tolist(), values, strict=True):
        total += rate * row
    return total
