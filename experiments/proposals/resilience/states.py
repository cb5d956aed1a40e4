"""Probabilities of the states with no, one and two elements down, and what follows from them.

Elements are down independently of each other, element ``i`` with probability ``q[i]``. The states in which
three or more are down at once are not enumerated; ``Weights.unexamined`` is their probability, so a
probability computed here is off by no more than that, and a loss by no more than that times all demand.

Paths in series and in parallel are no model for this: in a meshed network they share links. What is
enumerated is the network itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.resilience.effects import Effects, Floats
from experiments.proposals.resilience.rates import HOURS_PER_YEAR


@dataclass(frozen=True)
class Weights:
    """Probability of each enumerated state; doubles in the order of ``failures.doubles``."""

    nothing: float
    singles: Floats
    doubles: Floats

    @property
    def unexamined(self) -> float:
        """Probability that three or more elements are down."""
        return max(0.0, 1 - self.nothing - float(self.singles.sum()) - float(self.doubles.sum()))


def weights(down: Floats) -> Weights:
    """From the probability of each element to be down, all below 1."""
    nothing = float(np.prod(1 - down))
    odds = down / (1 - down)
    first, second = np.triu_indices(len(down), 1)
    return Weights(nothing, nothing * odds, nothing * odds[first] * odds[second])


def expected_lost_gbps_hours(weight: Weights, singles: Effects, doubles: Effects) -> float:
    """Demand lost in a year on average, Gbit/s x hours, over single and double failures."""
    lost = float(weight.singles @ singles.lost_gbps) + float(weight.doubles @ doubles.lost_gbps)
    return lost * HOURS_PER_YEAR


def availability(down: Floats, singles: Effects, doubles: Effects) -> Floats:
    """Share of the time that each watched pair is joined.

    From the cuts of the pair: the elements whose failure alone separates it, and the twos that do so
    together. It is up while none of these cuts is down; cuts are taken as independent, which never says too
    much for them (Esary and Proschan 1963). Cuts of three or more elements are left out: what they add is
    below ``Weights.unexamined``.
    """
    first, second = np.triu_indices(len(down), 1)
    alone = ~singles.up
    together = ~doubles.up & ~alone[first] & ~alone[second]
    up_alone = np.where(alone, 1 - down[:, None], 1.0).prod(axis=0)
    up_together = np.where(together, 1 - (down[first] * down[second])[:, None], 1.0).prod(axis=0)
    result: NDArray[np.float64] = up_alone * up_together
    return result
