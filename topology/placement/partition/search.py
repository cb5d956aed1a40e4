"""The cheapest of the cuts that many starts lead to, and many shakes of the best of those."""

from __future__ import annotations

from itertools import cycle, islice
from random import Random

from topology.placement.partition.problem import Problem, Where, cost
from topology.placement.partition.refinement import refine
from topology.placement.partition.shaking import shaken
from topology.placement.partition.starts import starts

SEED = 1
WORK = 6000  # cuts refined times sites: one to three seconds
MOST_STARTS, MOST_SHAKES = 32, 128
BEST = 4  # cuts that are shaken, in turn


def solve(problem: Problem) -> Where:
    """The machine of each site. The limits must leave room for all, and a site for each machine.

    Not proven to be the cheapest: see ``docs/machines.md`` for how near it comes.
    """
    random = Random(SEED)
    effort = min(1.0, WORK / problem.sites / (MOST_STARTS + MOST_SHAKES))
    found = {tuple(refine(problem, start)) for start in starts(problem, _share(MOST_STARTS, effort), random)}
    best = sorted((cost(problem, where), where) for where in found)[:BEST]
    if None not in problem.fixed:
        return list(best[0][1])
    for place in islice(cycle(range(len(best))), _share(MOST_SHAKES, effort)):
        size = 2 + int(random.random() * problem.sites / 4)
        where = refine(problem, shaken(problem, list(best[place][1]), size, random))
        best[place] = min(best[place], (cost(problem, where), tuple(where)))
    return list(min(best)[1])


def _share(most: int, effort: float) -> int:
    return max(2, round(most * effort))
