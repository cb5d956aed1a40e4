"""Fixed points of cyclic dependencies: guessed in floating point, then proven in fractions.

Bursts in a network with cycles depend on each other: b = F(b). F here is monotone and concave, as it is made
of sums, minima and suprema over time of jointly concave terms. Every finite vector that keeps to its own
consequences, b <= F(b), then lies below *every* z > 0 with F(z) <= z, if some iterate of F at 0 is positive:

    Let m = max(b_i / z_i) > 1. Concavity gives F(m z) <= m F(z) - (m - 1) F(0) < m z where F(0) > 0, and
    b <= F(b) <= F(m z) < m z in every component, against the choice of m. (With an iterate of F for F.)

The bursts of any network, stopped at any time, are finite and keep to b <= F(b); so z bounds them at all
times (the stopped-time argument: Cruz 1991; LBT, section 6.3; Bouillard, Boyer, Le Corronc, "Deterministic
Network Calculus", Wiley 2018, chapter 12). So it does not matter how z was found, only that F(z) <= z is
checked exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
MAX_STEPS = 5_000
_CONVERGED = 1e-15
_HOPELESS = 1e12  # times the first step; such a bound would say nothing
_DENOMINATORS = (1, 10, 1_000, 100_000, 10_000_000)
_MARGINS = (1e-12, 1e-9, 1e-6, 1e-3)


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A proven bound on all solutions.

    Attributes:
        exact: it is a fixed point itself, not a slightly larger vector.
    """

    values: Mapping[Any, Fraction]
    exact: bool


def bound(
    step: Callable[[Mapping[Key, Any]], Mapping[Key, Any]], keys: Mapping[Key, Any]
) -> FixedPoint | None:
    """A vector z > 0 with ``step(z) <= z``, as small as can be found; ``None`` if there is none to be found.

    ``step`` is monotone and concave, computes with ``float`` and with ``Fraction``; ``keys`` are those of the
    vector, their values are ignored.
    """
    found = _iterate(step, keys)
    if found is None:
        return None
    for denominator in _DENOMINATORS:
        guess = {key: Fraction(value).limit_denominator(denominator) for key, value in found.items()}
        if _positive(guess) and dict(step(guess)) == guess:
            return FixedPoint(guess, exact=True)
    for margin in _MARGINS:
        above = {key: _round_up(value * (1 + margin)) for key, value in found.items()}
        after = step(above)
        if all(after[key] <= above[key] for key in above):
            return FixedPoint(above, exact=False)
    return None


def _iterate(
    step: Callable[[Mapping[Key, Any]], Mapping[Key, Any]], keys: Mapping[Key, Any]
) -> dict[Key, float] | None:
    """The limit from 0, in floating point; ``None`` if it grows without end, or some burst stays 0."""
    values = dict.fromkeys(keys, 0.0)
    start = 0.0
    for _ in range(MAX_STEPS):
        after = {key: float(value) for key, value in step(values).items()}
        largest = max(after.values())
        start = start or largest
        if not math.isfinite(largest) or largest > _HOPELESS * start:
            return None
        change = max(abs(after[key] - values[key]) / (after[key] or 1.0) for key in after)
        values = after
        if change <= _CONVERGED:
            return values if _positive(values) else None
    return None


def _positive(values: Mapping[Key, Any]) -> bool:
    return all(value > 0 for value in values.values())


def _round_up(value: float) -> Fraction:
    """Up to about twelve digits, so that fractions stay short."""
    exponent = 12 - math.floor(math.log10(value))
    scale = Fraction(10) ** exponent
    return math.ceil(Fraction(value) * scale) / scale
