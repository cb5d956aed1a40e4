"""Cuts: what single failures and given ones do, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from experiments.proposals.findings import Cut
from experiments.proposals.resilience.effects import Effects, Question
from experiments.proposals.resilience.failures import Elements, Scenario, elements, singles
from topology.network import Demand, Network

WORST = 10


def single_cuts(
    network: Network, demands: Sequence[Demand] | None, *, sites: bool = True, groups: bool = True
) -> tuple[Cut, ...]:
    """Every single failure, in the order links, sites, groups of the network."""
    question = Question(network, demands)
    chosen = elements(network, question.wires, sites=sites, groups=groups)
    return _cuts(chosen, (scenarios := list(singles(chosen))), question.effects(chosen, scenarios))


def given_cuts(
    network: Network, demands: Sequence[Demand] | None, scenarios: Iterable[Iterable[str]]
) -> tuple[Cut, ...]:
    """The failures asked for, each a collection of names as in ``Cut.failed``. Raises ``InputError``."""
    question = Question(network, demands)
    chosen = elements(network, question.wires)
    asked = [chosen.numbers(names, network.id) for names in scenarios]
    return _cuts(chosen, asked, question.effects(chosen, asked))


def lost_to_single_cut(network: Network, demands: Sequence[Demand]) -> float:
    """Demand in Gbit/s that the worst cut of one link cuts off; capacities play no part."""
    cuts = single_cuts(network, demands, sites=False, groups=False)
    return max((cut.lost_gbps for cut in cuts), default=0.0)


def worst(chosen: Elements, scenarios: Sequence[Scenario], effects: Effects) -> tuple[Cut, ...]:
    """The ten that lose most, then add most delay, then cut off most pairs, then come first."""
    order = np.lexsort((-effects.pairs_cut_off, -effects.delay_added_ms, -effects.lost_gbps))[:WORST]
    return tuple(_cut(chosen, scenarios[number], effects, number) for number in map(int, order))


def _cuts(chosen: Elements, scenarios: Sequence[Scenario], effects: Effects) -> tuple[Cut, ...]:
    return tuple(_cut(chosen, scenario, effects, row) for row, scenario in enumerate(scenarios))


def _cut(chosen: Elements, scenario: Scenario, effects: Effects, row: int) -> Cut:
    return Cut(
        failed=tuple(chosen.names[element] for element in scenario),
        lost_gbps=float(effects.lost_gbps[row]),
        delay_added_ms=float(effects.delay_added_ms[row]),
        pairs_cut_off=int(effects.pairs_cut_off[row]),
    )
