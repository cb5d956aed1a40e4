"""Seeded samples of figures: Latin hypercube, with a random stream of its own for each figure.

A figure's stream comes from the seed and its name, so that a figure more or less changes no other's samples.
Each figure's range is cut into as many parts of equal probability as there are samples, and each part is hit
once (McKay, Beckman and Conover, "A comparison of three methods for selecting values of input variables",
Technometrics 21(2), 1979). The parts of a figure are shuffled by its own stream; the method needs no more.

Only raw bits are taken from NumPy's Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011), whose stream NumPy promises never to change (NEP 19); it promises no such thing for its
distributions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.proposals.model import Distribution, Figure
from experiments.proposals.uncertainty.assumptions import Assumption

Floats = NDArray[np.float64]


def samples(assumptions: Sequence[Assumption], count: int, seed: int) -> tuple[dict[str, float], ...]:
    """``count`` samples, each with a value for every assumption."""
    columns = {one.name: values(one, count, seed).tolist() for one in assumptions}
    return tuple({name: column[number] for name, column in columns.items()} for number in range(count))


def values(assumption: Assumption, count: int, seed: int) -> Floats:
    """Samples of one assumption, shape ``(count,)``."""
    return quantile(assumption.figure, stratified(assumption.name, count, seed))


def stratified(name: str, count: int, seed: int) -> Floats:
    """One number in each ``[i / count, (i + 1) / count)``, in random order; ``seed`` is 0 or more."""
    bits = _stream(name, seed).random_raw(2 * count)
    within = (bits[:count] >> np.uint64(11)) * 2.0**-53
    order = np.argsort(bits[count:], kind="stable")
    # The last of a part may round up to the next; 1 itself is no quantile.
    return np.minimum((order + within) / count, np.nextafter(1.0, 0.0))


def quantile(figure: Figure, share: Floats) -> Floats:
    """The values below which ``share`` (0 to 1) of a figure's distribution lies."""
    low, mode, high = figure.low, figure.value, figure.high
    if figure.is_certain:
        return np.full_like(share, figure.value)
    if figure.distribution is Distribution.UNIFORM:
        found = low + share * (high - low)
    else:
        width = high - low
        rising = low + np.sqrt(share) * math.sqrt(width) * math.sqrt(mode - low)
        falling = high - np.sqrt(1 - share) * math.sqrt(width) * math.sqrt(high - mode)
        found = np.where(share * width < mode - low, rising, falling)
    return np.clip(found, low, high)


def _stream(name: str, seed: int) -> np.random.Philox:
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype=">u4")
    return np.random.Philox(np.random.SeedSequence([seed, *map(int, words)]))
