"""Losses that come in bursts: the model of Gilbert and Elliott. Pure.

A link is in a good or in a bad state. Each packet is lost with the loss of the state it meets, and then the
state may change (Gilbert, Bell System Technical Journal 39, 1960; Elliott, the same 42, 1963). With all lost
in the bad state and nothing in the good one, which is the default, bursts have a geometric length of mean
``1 / bad_to_good``. netem has the same model: ``loss gemodel p r 1-h 1-k`` (tc-netem(8)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class GilbertElliott:
    """Probabilities per packet, 0 to 1.

    Attributes:
        good_to_bad: that the good state ends with a packet (``p``).
        bad_to_good: that the bad state ends with a packet (``r``).
        loss_in_bad: that a packet is lost in the bad state (``1 - h``).
        loss_in_good: that a packet is lost in the good state (``1 - k``).
    """

    good_to_bad: float
    bad_to_good: float
    loss_in_bad: float = 1.0
    loss_in_good: float = 0.0

    @property
    def bad_share(self) -> float:
        """Share of packets that meet the bad state, in the long run."""
        return self.good_to_bad / (self.good_to_bad + self.bad_to_good)

    @property
    def loss_ratio(self) -> float:
        """Share of packets lost, in the long run."""
        bad = self.bad_share
        return bad * self.loss_in_bad + (1 - bad) * self.loss_in_good

    def chain(self, draw: Callable[[], float]) -> Callable[[], bool]:
        """Whether the next packet is lost, and the next, from the good state on; ``draw``: of [0, 1)."""
        leaves = (self.good_to_bad, self.bad_to_good)
        loses = (self.loss_in_good, self.loss_in_bad)
        bad = 0

        def lost() -> bool:
            nonlocal bad
            state = bad
            if draw() < leaves[state]:
                bad = 1 - state
            return draw() < loses[state]

        return lost

    def probability_of_at_most(self, lost: int, sent: int) -> float:
        """That ``lost`` packets or fewer of ``sent`` in a row are lost, beginning anywhere in the long run.

        Exact, by the states that the chain and the count may be in; takes ``lost * sent`` steps.
        """
        if lost < 0:
            return 0.0
        bad = self.bad_share
        # By number of packets lost: the probability of it, and of the state that the next packet meets.
        good_now, bad_now = [1 - bad] + [0.0] * lost, [bad] + [0.0] * lost
        for _ in range(sent):
            good_next, bad_next = [0.0] * (lost + 1), [0.0] * (lost + 1)
            for count in range(lost + 1):
                good, ill = good_now[count] * (1 - self.loss_in_good), bad_now[count] * (1 - self.loss_in_bad)
                if count:
                    good += good_now[count - 1] * self.loss_in_good
                    ill += bad_now[count - 1] * self.loss_in_bad
                good_next[count] = good * (1 - self.good_to_bad) + ill * self.bad_to_good
                bad_next[count] = good * self.good_to_bad + ill * (1 - self.bad_to_good)
            good_now, bad_now = good_next, bad_next
        return min(1.0, sum(good_now) + sum(bad_now))


def bursts_alike(one: GilbertElliott | None, other: GilbertElliott | None) -> bool:
    """Whether two are the same, as finely as tc prints probabilities."""
    if one is None or other is None:
        return one is other
    return all(
        math.isclose(mine, others, rel_tol=1e-3, abs_tol=1e-6)
        for mine, others in zip(astuple(one), astuple(other), strict=True)
    )
