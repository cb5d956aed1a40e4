"""What no placement can beat, proved in whole numbers by weak duality.

Any prices of the links' limits, none negative, give a bound (Lagrangian relaxation: Geoffrion, "Lagrangean
relaxation for integer programming", Math. Prog. Study 2, 1974): let every demand pay for what it takes and
each choose alone; the sum of their choices, and the price of all limits, bounds what all can do together. The
prices come from the solver, in floating point, and are then taken as the integers they are near: the bound
is exact whatever the solver's tolerances, only as tight as the prices are good.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from controller.mesh import Mesh
from controller.placement.candidates import Tariff
from controller.placement.search import NEVER

SCALE = 1 << 80  # prices are whole multiples of 1 / SCALE


def of_all_limits(mesh: Mesh, tariff: Tariff) -> int:
    """What everything that links have to give would cost."""
    rates = sum(price * limit for price, limit in zip(tariff.rate, mesh.rate_bps, strict=True))
    bursts = sum(price * limit for price, limit in zip(tariff.burst, mesh.burst_limit_bits, strict=True))
    return rates + bursts


def most_worth(limits: int, least: Sequence[int], worths: Sequence[int]) -> int:
    """The most that admitted demands can be worth, in units of 1 / ``SCALE``.

    ``limits``: price of all limits; ``least``: for each demand, a cost that none of its options goes below.
    """
    return limits + sum(max(0, worth * SCALE - cost) for worth, cost in zip(worths, least, strict=True))


def least_cost(
    limits: int, least: Sequence[int], worths: Sequence[int], required: int
) -> tuple[int, Fraction]:
    """The least that admitting demands worth ``required`` can cost, in units of 1 / ``SCALE``, and the price
    per unit of worth that proves it.

    With such a price the relaxation falls apart by demand too; the best price is that of the critical item of
    the fractional knapsack (Dantzig, Operations Research 5, 1957). ``NEVER`` if that much cannot be
    admitted.
    """
    order = sorted(
        (Fraction(cost, worth), number)
        for number, (cost, worth) in enumerate(zip(least, worths, strict=True))
        if cost < NEVER
    )
    missing, price, sum_ = required, Fraction(0), Fraction(0)
    for each, number in order:
        if missing <= 0:
            break
        part = min(missing, worths[number])
        sum_ += each * part
        missing -= part
        price = each
    if missing > 0:
        return NEVER, price
    return -(-sum_.numerator // sum_.denominator) - limits, price
