"""The cheapest of the cuts that many starts lead to, and many shakes of the best of those."""

from __future__ import annotations

from itertools import cycle, islice
from random import Random

from topology.placement.partition.problem import Problem, Where, cost
from topology.placement.partition.refinement import refine
from topology.placement.partition.shaking import shaken
from topology.placement.partition.starts import starts

SEED = 1
MOST_STARTS, MOST_SHAKES = 64, 512
WORK = 600_000  # cuts refined times sites times machines: fewer cuts where the network is very large
SHAKES_PER_SITE = 20  # a smaller network has no more to find
BEST = 4  # cuts that are shaken, in turn


def solve(problem: Problem) -> Where:
    """The machine of each site. The limits must leave room for all, and a site for each machine.

    Not proven to be the cheapest: see ``docs/machines.md`` for how near it comes.
    """
    random = Random(SEED)
    affordable = WORK / problem.sites / problem.machines
    effort = min(1.0, affordable / (MOST_STARTS + MOST_SHAKES))
    found = {tuple(refine(problem, start)) for start in starts(problem, _share(MOST_STARTS, effort), random)}
    best = sorted((cost(problem, where), where) for where in found)[:BEST]
    if None not in problem.fixed:
        return list(best[0][1])
    shakes = min(_share(MOST_SHAKES, effort), SHAKES_PER_SITE * problem.sites)
    for place in islice(cycle(range(len(best))), shakes):
        size = 2 + int(random.random() * problem.sites / 4)
        where = refine(problem, shaken(problem, list(best[place][1]), size, random))
        worth = cost(problem, where)
        if worth <= best[place][0]:  # also another that is as good: from there others are near
            best[place] = (worth, tuple(where))
    return list(min(best)[1])


def _share(most: int, effort: float) -> int:
    return max(2, round(most * effort))
