"""From what single and double failures do, and how often elements are down: availability.

Elements are down independently of each other. Up to ``EXACT`` elements, all their states are enumerated and
the availability of a pair is exact. With more, a pair is up while none of its *cuts* is down: the elements
that separate it alone, and the twos that do so only together. Cuts are taken as independent, which never says
too much for them (Esary and Proschan, "Coherent structures of non-identical components", Technometrics 5,
1963), and cuts of three or more elements are left out, which says too much by no more than the probability
that three or more elements are down at once (``beyond_doubles``).

Paths in series and in parallel are no model for this: in a meshed network they share links. What is
enumerated is the network itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.proposals.resilience.effects import Floats, Pairs, still_joined
from experiments.proposals.resilience.elimination import Elimination
from experiments.proposals.resilience.failures import (
    NOTHING_FAILS,
    Elements,
    Scenarios,
    doubles,
    everything,
    singles,
)
from experiments.proposals.resilience.wiring import Booleans, Integers

EXACT = 12
STATES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Cuts:
    """What separates each of some pairs.

    Attributes:
        at_all: whether it is joined with nothing failed, shape ``(pairs,)``.
        alone: which elements separate it alone, shape ``(elements, pairs)``.
        together: which twos do so only together: numbers of the two, and of the pair, shape ``(cuts, 3)``.
        whole: whether it is up in each state of all elements, shape ``(states, pairs)``; ``None`` if there
            are too many.
    """

    at_all: Booleans
    alone: Booleans
    together: Integers
    whole: Booleans | None

    @classmethod
    def of(cls, plan: Elimination, elements: Elements, pairs: Pairs, present: Booleans | None = None) -> Cuts:
        """By enumeration; ``present`` leaves links out of the network."""

        def up(scenarios: Scenarios) -> Booleans:
            return still_joined(plan, elements, scenarios, pairs, present)

        at_all, count = up(NOTHING_FAILS)[0], len(elements)
        alone = at_all & ~up(singles(count))
        together = [np.empty((0, 3), dtype=np.int64)]
        two = doubles(count)
        for start in range(0, len(two), STATES_AT_ONCE):
            some = two[start : start + STATES_AT_ONCE]
            cut, pair = np.nonzero(at_all & ~up(some) & ~alone[some[:, 0]] & ~alone[some[:, 1]])
            together.append(np.column_stack([some[cut], pair]))
        whole = up(everything(count)) if count <= EXACT else None
        return cls(at_all, alone, np.concatenate(together), whole)

    def availability(self, down: Floats) -> Floats:
        """Share of the time that each pair is joined, shape ``(pairs,)``; ``down``: of each element."""
        if self.whole is not None:
            states = np.where(self.whole, _probabilities(down)[:, None], 0.0)
            exact: Floats = states.sum(axis=0)
            return exact
        no_single = np.where(self.alone, 1 - down[:, None], 1.0).prod(axis=0)
        first, second, pair = self.together.T
        logarithms = np.log1p(-down[first] * down[second])
        no_double = np.exp(np.bincount(pair, logarithms, minlength=len(self.at_all)))
        return np.where(self.at_all, no_single * no_double, 0.0)


def beyond_doubles(down: Floats) -> float:
    """Probability that three or more elements are down at once."""
    at_most = np.zeros(3)
    at_most[0] = 1.0
    for share in down.tolist():  # exactly none, one, two of the elements so far
        at_most[1:] = at_most[1:] * (1 - share) + at_most[:-1] * share
        at_most[0] *= 1 - share
    return max(0.0, 1 - float(at_most.sum()))


def _probabilities(down: Floats) -> Floats:
    """Of every state, in the order of ``failures.everything``."""
    states = np.ones(1)
    for share in down.tolist():
        states = np.concatenate([states * (1 - share), states * share])
    return states
