"""A confidence interval for a median that asks nothing of the distribution. Pure.

Of n independent values, as many lie below the true median as heads come up in n tosses of a coin; so from the
r-th smallest to the r-th largest value the true median is caught with a probability of at least
1 - 2 P(at most r - 1 heads), whatever the values are distributed like (Le Boudec, Performance Evaluation of
Computer and Communication Systems, 2010, section 2.2). ``r`` is the largest that still gives 95 %.

Repetitions are not one sample: what differs from one to the next (the links built anew, the machine's other
work) is the same for all packets of one. So nothing is pooled. The interval of several repetitions reaches
from the lowest to the highest limit of any; with at least 95 % it holds the true median of every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from experiments.measurement.distribution import percentile

CONFIDENCE = 0.95
FEWEST = 6
"""Fewer values have no such interval: even from the least to the greatest it is below 95 %."""

Median = tuple[float, float, float]
"""The median, and the lower and upper limit of its confidence interval."""


def median_of(values: Sequence[float]) -> Median | None:
    """Median and 95 % interval of independent ``values`` in any order; ``None`` of fewer than ``FEWEST``."""
    ordered = sorted(values)
    rank = _rank(len(ordered))
    if rank == 0:
        return None
    return percentile(ordered, 50), ordered[rank - 1], ordered[-rank]


def median_of_repetitions(repetitions: Sequence[Median]) -> Median:
    """The median of the repetitions' medians, and the interval that holds all of theirs; one at least."""
    medians, lows, highs = zip(*repetitions, strict=True)
    return percentile(sorted(medians), 50), min(lows), max(highs)


def _rank(count: int) -> int:
    """The largest r with P(at most r - 1 heads in ``count`` tosses) of at most 2.5 %; 0 if there is none."""
    rank, heads = 0, 0
    while rank < count and 40 * (heads := heads + comb(count, rank)) <= 2**count:
        rank += 1
    return rank
