"""The two things that are optimised, one after the other: the worth of what is admitted, then its delay.

Both are minimised here (worth as its negative), in whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from controller.mesh import Mesh
from controller.placement.candidates import Tariff
from controller.placement.duality import SCALE, least_cost, most_worth, of_all_limits
from controller.placement.options import Option, Task
from controller.placement.solver import Duals


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What prices prove.

    Attributes:
        floor: no placement has less, in units of 1 / ``SCALE``.
        gains: what admitting each demand brings at these prices, in the same unit.
    """

    floor: int
    gains: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """The most worth admitted."""

    tasks: Sequence[Task]
    worths: Sequence[int]
    least_worth: int = 0

    @property
    def step(self) -> int:
        """Two placements differ by a multiple of it."""
        return max(1, math.gcd(*self.worths))

    @property
    def trivial(self) -> int:
        """No placement has less."""
        return -sum(self.worths)

    def cost(self, demand: int, option: Option) -> int:
        """What choosing ``option`` adds to what is minimised."""
        return -self.worths[demand]

    def tariff(self, demand: int, rate: Sequence[int], burst: Sequence[int]) -> Tariff:
        """Prices as ``demand`` pays them."""
        return Tariff(rate, burst)

    def relaxed(self, limits: int, least: Sequence[int]) -> Relaxed:
        """What the prices prove; ``least``: for each demand, a cost that no option goes below."""
        floor = -most_worth(limits, least, self.worths)
        return Relaxed(floor, tuple(Fraction(worth * SCALE) for worth in self.worths))


@dataclass(frozen=True, slots=True)
class Delay:
    """The least delay, each nanosecond weighted by the demand's rate, with ``least_worth`` admitted."""

    tasks: Sequence[Task]
    worths: Sequence[int]
    least_worth: int

    @property
    def step(self) -> int:
        """Two placements differ by a multiple of it."""
        return max(1, math.gcd(*(task.query.rate_bps for task in self.tasks)))

    @property
    def trivial(self) -> int:
        """No placement has less."""
        return 0

    def cost(self, demand: int, option: Option) -> int:
        """What choosing ``option`` adds to what is minimised: bit/s times nanoseconds."""
        return self.tasks[demand].query.rate_bps * option.delay_ns

    def tariff(self, demand: int, rate: Sequence[int], burst: Sequence[int]) -> Tariff:
        """Prices as ``demand`` pays them."""
        return Tariff(rate, burst, self.tasks[demand].query.rate_bps * SCALE)

    def relaxed(self, limits: int, least: Sequence[int]) -> Relaxed:
        """What the prices prove; ``least``: for each demand, a cost that no option goes below."""
        floor, price = least_cost(limits, least, self.worths, self.least_worth)
        return Relaxed(floor, tuple(price * worth for worth in self.worths))


Goal = Worth | Delay


def whole_prices(mesh: Mesh, duals: Duals) -> tuple[list[int], list[int], int]:
    """Prices of rates and bursts as whole multiples of 1 / ``SCALE``, and what all limits cost at them."""
    rate = [int(price * SCALE) for price in duals.rate]
    burst = [int(price * SCALE) for price in duals.burst]
    return rate, burst, of_all_limits(mesh, Tariff(rate, burst))
