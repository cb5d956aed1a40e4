"""How the delay of a link varies: the distributions a scenario may state. Pure.

A variation is given in units of the link's ``jitter_ms``. Both realisations of a link draw from here: our
delay line from the quantile function, netem from a table of it (tc-netem(8), ``distribution``). The shapes
are those of iproute2's tables of the same names, which not every system has.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from functools import cache

TABLE_ENTRIES = 4096
TABLE_SCALE = 8192  # NETEM_DIST_SCALE of linux/pkt_sched.h: an entry of so much is one jitter
LARGEST = 4.0  # variation: what an entry of 16 bits can say
_PARETO_SHAPE, _PARETO_MEAN, _PARETO_WIDTH = 3.0, 1.5, 4 / 3  # netem/pareto.c of iproute2


class JitterDistribution(StrEnum):
    """How a delay varies around its mean.

    *Uniform*: ``jitter_ms`` either way. *Normal*: with ``jitter_ms`` as its standard deviation, cut at four
    of them. *Pareto*: of shape 3, from two thirds of ``jitter_ms`` below the mean to four times above: most
    frames are a little early, a few very late.
    """

    UNIFORM = "uniform"
    NORMAL = "normal"
    PARETO = "pareto"


def least(distribution: JitterDistribution) -> float:
    """The smallest variation, in units of the jitter; negative."""
    return {
        JitterDistribution.UNIFORM: -1.0,
        JitterDistribution.NORMAL: -LARGEST,
        JitterDistribution.PARETO: (1 - _PARETO_MEAN) * _PARETO_WIDTH,
    }[distribution]


def most(distribution: JitterDistribution) -> float:
    """The largest variation, in units of the jitter."""
    return 1.0 if distribution is JitterDistribution.UNIFORM else LARGEST


def quantile(distribution: JitterDistribution, share: float) -> float:
    """The variation that ``share`` of all frames do not exceed, in units of the jitter; 0 <= share < 1."""
    if distribution is JitterDistribution.UNIFORM:
        return 2 * share - 1
    if distribution is JitterDistribution.NORMAL:
        return max(-LARGEST, min(LARGEST, _normal_quantile()(share))) if share > 0 else -LARGEST
    reached: float = (1 - share) ** (-1 / _PARETO_SHAPE)
    return min(LARGEST, (reached - _PARETO_MEAN) * _PARETO_WIDTH)


def share_below(distribution: JitterDistribution, variation: float) -> float:
    """The share of frames whose variation is at most ``variation``: the inverse of ``quantile``."""
    if variation < least(distribution):
        return 0.0
    if variation >= most(distribution):
        return 1.0
    if distribution is JitterDistribution.UNIFORM:
        return (variation + 1) / 2
    if distribution is JitterDistribution.NORMAL:
        return math.erfc(-variation / math.sqrt(2)) / 2
    reached: float = (variation / _PARETO_WIDTH + _PARETO_MEAN) ** -_PARETO_SHAPE
    return 1 - reached


def median_error(distribution: JitterDistribution) -> float:
    """Standard error of the median of many variations, times the root of their number: 1 / (2 f(median))."""
    return {
        JitterDistribution.UNIFORM: 1.0,
        JitterDistribution.NORMAL: math.sqrt(math.pi / 2),
        JitterDistribution.PARETO: 2 ** (4 / 3) * _PARETO_WIDTH / (2 * _PARETO_SHAPE),
    }[distribution]


def table(distribution: JitterDistribution) -> str:
    """The distribution as a file that tc reads: 16-bit numbers in ascending order, after a comment."""
    entries = [
        min(32767, round(TABLE_SCALE * quantile(distribution, (index + 0.5) / TABLE_ENTRIES)))
        for index in range(TABLE_ENTRIES)
    ]
    rows = [" ".join(map(str, entries[at : at + 8])) for at in range(0, TABLE_ENTRIES, 8)]
    return "\n".join([f"# {distribution}, {TABLE_SCALE} to the jitter", *rows, ""])


def kolmogorov_distance(
    distribution: JitterDistribution, variations: list[float], slack: float = 0.0
) -> float:
    """How far the ``variations`` seen are from ``distribution``: Kolmogorov's D, in shares of all frames.

    ``slack``: by so much, in units of the jitter, each may have been seen too early or too late.
    """
    ordered, count, distance = sorted(variations), len(variations), 0.0
    for number, seen in enumerate(ordered):
        above = (number + 1) / count - share_below(distribution, seen + slack)
        below = _share_before(distribution, seen - slack) - number / count
        distance = max(distance, above, below)
    return distance


def kolmogorov_limit(count: int, probability: float) -> float:
    """A distance that ``count`` values of the distribution exceed with at most ``probability``.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (Annals of Probability 18,
    1990): it holds for any number of values.
    """
    return math.sqrt(math.log(2 / probability) / (2 * count))


@cache
def _normal_quantile() -> Callable[[float], float]:
    # Imported here: the delay line starts faster without, and few links need it. Once: each frame draws.
    from statistics import NormalDist

    return NormalDist().inv_cdf


def _share_before(distribution: JitterDistribution, variation: float) -> float:
    """The share of frames whose variation is less than ``variation``; the cut ends hold more than nothing."""
    largest = most(distribution)
    if variation > largest:
        return 1.0
    return share_below(
        distribution, math.nextafter(variation, -math.inf) if variation == largest else variation
    )
