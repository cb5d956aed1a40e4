"""Proof by numbers that do not come from a solver: a routing, and prices of arcs.

Any routing is an upper bound of the least maximum utilisation. Any prices ``y ≥ 0`` of arcs give a lower one,
by linear programming's duality (Shahrokhi and Matula, Journal of the ACM 37, 1990): whatever the routing, a
demand pays at least the price of the cheapest path, and no arc is paid for more than ``θ · c``

    Σ d[s, t] · cheapest[s, t]  ≤  Σ y[a] · load[a]  ≤  θ · Σ y[a] · c[a]

so ``θ ≥ Σ d · cheapest / Σ y · c``. Both sides are computed here in exact fractions, from flows and shadow
prices that are only hints. Where they are equal, the optimum is proven; an arc with a price above 0 is then
full in *every* optimal routing: a bottleneck that no routing can relieve.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from controller.te.instance import Instance
from controller.te.program import Floats, Solution
from controller.te.shortest import distances_to
from controller.te.splits import Rounding, Splits, loads_of, splits_of

_DENOMINATORS = (60, 10_000)  # tried for prices, whose true values are mostly small fractions of the largest
_LARGEST_BITS = 512  # of a common denominator; beyond it exact distances would get slow
_BITS = 52  # of prices as the solver has them
_NO_PRICE = 1e-9  # of the largest: the solver's tolerance


@dataclass(frozen=True)
class Proof:
    """What is certain about the least maximum utilisation ``θ``.

    Attributes:
        splits: a routing; its utilisation is the upper bound.
        loads: what each arc carries by it.
        upper, lower: ``lower ≤ θ ≤ upper``, exactly.
        prices: of the arcs, relative to the largest; they prove the lower bound.
    """

    splits: Splits
    loads: tuple[Fraction, ...]
    upper: Fraction
    lower: Fraction
    prices: tuple[Fraction, ...]

    @property
    def exact(self) -> bool:
        """Whether the routing is proven to be optimal, to the last digit."""
        return self.lower == self.upper

    @property
    def gap(self) -> Fraction:
        """How much the routing may be above the optimum, relative to the lower bound."""
        return (self.upper - self.lower) / self.lower


def prove(instance: Instance, solution: Solution) -> Proof:
    """The best bounds that a solver's flows and prices lead to."""
    lower, prices = max(
        ((lower_bound(instance, each), each) for each in _candidate_prices(solution.prices)),
        key=lambda found: found[0],
    )
    best: Proof | None = None
    for rounding in _roundings(instance, lower):
        splits = splits_of(instance, solution.flows, rounding)
        loads = loads_of(instance, splits)
        upper = most_utilised(instance, loads)
        if best is None or upper < best.upper:
            best = Proof(splits, loads, upper, lower, prices)
        if best.exact:
            break
    assert best is not None
    return best


def lower_bound(instance: Instance, prices: Sequence[Fraction]) -> Fraction:
    """What no routing can get below, by the formula above; prices are 0 or more and not all 0."""
    unit = lcm(*(price.denominator for price in prices))
    whole = [int(price * unit) for price in prices]
    sold = sum((price * arc.capacity for price, arc in zip(whole, instance.arcs, strict=True)), Fraction(0))
    paid = Fraction(0)
    for destination, rates in instance.towards.items():
        cheapest = distances_to(instance, destination, whole)
        paid += sum((rate * cheapest[source] for source, rate in rates.items()), Fraction(0))
    return paid / sold


def most_utilised(instance: Instance, loads: Sequence[Fraction]) -> Fraction:
    """Largest load over capacity."""
    return max(load / arc.capacity for load, arc in zip(loads, instance.arcs, strict=True))


def _roundings(instance: Instance, lower: Fraction) -> Iterator[Rounding | None]:
    """Rates in simple fractions of the demands' common unit; where arcs must be filled to a share that the
    lower bound tells, in its unit too; then as the solver has them."""
    unit = lcm(*(rate.denominator for rate in instance.demands.values()))
    yield Rounding(unit, 1000)
    yield Rounding(lcm(unit, lower.denominator), 10)
    yield None


def _candidate_prices(found: Floats) -> Iterator[tuple[Fraction, ...]]:
    """The solver's prices relative to the largest: as simple fractions, then as they are."""
    largest = float(found.max(initial=0.0))
    if largest <= 0:
        yield (Fraction(1),) * len(found)
        return
    relative = [price if price > _NO_PRICE else 0.0 for price in (found / largest).tolist()]
    for most in _DENOMINATORS:
        prices = tuple(Fraction(price).limit_denominator(most) for price in relative)
        if lcm(*(price.denominator for price in prices)).bit_length() <= _LARGEST_BITS:
            yield prices
    yield tuple(Fraction(round(price * 2**_BITS), 2**_BITS) for price in relative)
