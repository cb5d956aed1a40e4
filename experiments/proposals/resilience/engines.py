"""Which engine answers: all distances anew for small networks, only what changes for large ones.

Microseconds of one core per failure, all pairs:

==================== =========== ======== ===========  ========
network              single cuts of links double cuts of links
-------------------- -------------------- ---------------------
engine               elimination deletion elimination  deletion
==================== =========== ======== ===========  ========
Chinanet, 38 sites            28      100          17       199
gabriel, 50 sites             46       93          17       196
gabriel, 100 sites            73      118          76       281
gabriel, 200 sites           614      152         507       446
gabriel, 500 sites         6,460      364       6,475       969
world, 3,815 sites       400,000    6,000
==================== =========== ======== ===========  ========
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from experiments.proposals.resilience.deletion import BeyondDeletionError, Change, LinkCuts
from experiments.proposals.resilience.effects import (
    NANOSECONDS_PER_MS,
    Effects,
    Question,
    by_elimination,
)
from experiments.proposals.resilience.failures import Elements, Scenarios
from experiments.proposals.resilience.wiring import UNREACHABLE
from experiments.proposals.sweep import Say, Sweep, quiet

LARGE = 150  # sites
SCENARIOS_PER_TASK = 50


def effects(question: Question, elements: Elements, scenarios: Scenarios) -> Effects:
    """What each scenario does."""
    if len(question.wires.sites) < LARGE:
        return by_elimination(question, elements, scenarios)
    return by_deletion(question, elements, scenarios)


def effects_on_all_cores(
    question: Question, elements: Elements, scenarios: Scenarios, sweep: Sweep, say: Say = quiet
) -> Effects:
    """The same, cut into tasks of a sweep."""
    starts = range(0, len(scenarios), SCENARIOS_PER_TASK)
    parts = sweep.map(
        partial(effects, question, elements),
        [scenarios[start : start + SCENARIOS_PER_TASK] for start in starts],
        label="failures",
        say=say,
    )
    return joined(parts)


def by_deletion(question: Question, elements: Elements, scenarios: Scenarios) -> Effects:
    """What each scenario does, from the pairs it touches; best from hundreds of sites on."""
    network = question.link_cuts
    parts = []
    for row in range(len(scenarios)):
        links = np.flatnonzero(elements.failed_links(scenarios[row : row + 1])[:, 0]).tolist()
        try:
            parts.append(_touched(question, network, links))
        except BeyondDeletionError:
            parts.append(by_elimination(question, elements, scenarios[row : row + 1]))
    return joined(parts)


def joined(parts: Sequence[Effects]) -> Effects:
    """One after the other."""
    return Effects(
        np.concatenate([part.pairs_cut_off for part in parts] or [np.empty(0, dtype=np.int64)]),
        np.concatenate([part.lost_gbps for part in parts] or [np.empty(0)]),
        np.concatenate([part.delay_added_ms for part in parts] or [np.empty(0)]),
    )


def _touched(question: Question, network: LinkCuts, links: Sequence[int]) -> Effects:
    """Of one scenario; over all pairs by adding up changes, over demands by following each."""
    cut_off, added_ns = 0, 0
    following = None if question.all_pairs else Following(question)
    for change in network.taken(links):
        lost = (change.before < network.none) & (change.after == network.none)
        cut_off += int(np.count_nonzero(lost))
        if following is not None:
            following.see(change, network.none)
            continue
        before, after = question.wires.delay_ns(change.before), question.wires.delay_ns(change.after)
        joined = change.after < network.none
        added_ns += int(np.subtract(after, before, dtype=np.int64).sum(where=joined))
        if len(links) > 1 and lost.any():  # what an earlier link had added to a pair that is now cut off
            at_first = question.undisturbed[change.rows[:, None], change.columns]
            added_ns -= int((before - question.wires.delay_ns(at_first)).sum(where=lost))
    if following is not None:
        lost_gbps, delay_added_ms = question.effects_on_demands(following.distance[:, None])
        return Effects(np.array([cut_off]), lost_gbps, delay_added_ms)
    served = question.joined_pairs - cut_off
    mean_ms = added_ns / served / NANOSECONDS_PER_MS if served else 0.0
    return Effects(np.array([cut_off]), np.array([float(cut_off)]), np.array([mean_ms]))


class Following:
    """The distances of the pairs of demands, change by change."""

    def __init__(self, question: Question) -> None:
        self._pairs = question.pairs
        self.distance = question.undisturbed[self._pairs].copy()
        self._row = np.full(len(question.wires.sites), -1, dtype=np.int64)
        self._column = self._row.copy()

    def see(self, change: Change, none: int) -> None:
        """Take over what has changed."""
        self._row[change.rows] = np.arange(len(change.rows))
        self._column[change.columns] = np.arange(len(change.columns))
        for a, b in (self._pairs, self._pairs[::-1]):
            row, column = self._row[a], self._column[b]
            here = np.flatnonzero((row >= 0) & (column >= 0))
            value = change.after[row[here], column[here]].astype(np.int64)
            self.distance[here] = np.where(value == none, UNREACHABLE, value)
        self._row[change.rows] = -1
        self._column[change.columns] = -1
