"""Cuts: what single failures and given ones do, one by one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from experiments.proposals.findings import Cut
from experiments.proposals.resilience.effects import Effects, Question, still_joined
from experiments.proposals.resilience.engines import effects, effects_on_all_cores
from experiments.proposals.resilience.failures import NOTHING_FAILS, Elements, Scenarios, elements, singles
from experiments.proposals.sweep import Say, Sweep, quiet
from topology.network import Demand, Network

WORST = 10


def single_cuts(
    network: Network,
    demands: Iterable[Demand] | None,
    *,
    sites: bool = True,
    groups: bool = True,
    sweep: Sweep | None = None,
    say: Say = quiet,
) -> tuple[Cut, ...]:
    """Every single failure, in the order links, sites, groups of the network.

    ``demands``: ``None``: 1 Gbit/s between every two sites. ``sweep``: spreads the work, where there is much.
    """
    question = Question(network, demands)
    chosen = elements(network, question.wires, sites=sites, groups=groups)
    return _all(question, chosen, singles(len(chosen)), sweep, say)


def given_cuts(
    network: Network,
    demands: Iterable[Demand] | None,
    scenarios: Iterable[Iterable[str]],
    *,
    sweep: Sweep | None = None,
    say: Say = quiet,
) -> tuple[Cut, ...]:
    """The failures asked for, each by names as in ``Cut.failed``. Raises ``InputError``: unknown names."""
    question = Question(network, demands)
    chosen = elements(network, question.wires)
    return _all(question, chosen, chosen.given(scenarios, network.id), sweep, say)


def lost_to_single_cut(network: Network, demands: Iterable[Demand]) -> float:
    """Demand in Gbit/s that the worst cut of one link cuts off; capacities play no part."""
    question = Question(network, demands)
    chosen = elements(network, question.wires, sites=False, groups=False)
    before = still_joined(question.plan, chosen, NOTHING_FAILS, question.pairs)[0]
    after = still_joined(question.plan, chosen, singles(len(chosen)), question.pairs)
    return max((float(question.rates_gbps[before & ~joined].sum()) for joined in after), default=0.0)


def worst(chosen: Elements, scenarios: Scenarios, found: Effects) -> tuple[Cut, ...]:
    """The ten that lose most, then add most delay, then cut off most pairs, then come first."""
    order = np.lexsort((-found.pairs_cut_off, -found.delay_added_ms, -found.lost_gbps))[:WORST]
    return tuple(_cut(chosen, scenarios, found, row) for row in order.tolist())


def _all(
    question: Question, chosen: Elements, scenarios: Scenarios, sweep: Sweep | None, say: Say
) -> tuple[Cut, ...]:
    found = (
        effects(question, chosen, scenarios)
        if sweep is None
        else effects_on_all_cores(question, chosen, scenarios, sweep, say)
    )
    return tuple(_cut(chosen, scenarios, found, row) for row in range(len(scenarios)))


def _cut(chosen: Elements, scenarios: Scenarios, found: Effects, row: int) -> Cut:
    return Cut(
        failed=chosen.named(scenarios[row]),
        lost_gbps=float(found.lost_gbps[row]),
        delay_added_ms=float(found.delay_added_ms[row]),
        pairs_cut_off=int(found.pairs_cut_off[row]),
    )
