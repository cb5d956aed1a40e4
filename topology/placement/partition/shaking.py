"""Out of a cut that no pass makes cheaper: a neighbourhood of sites changes machines all at once.

Lourenço, Martin and Stützle, "Iterated local search", in: Handbook of Metaheuristics, 2003. Single moves
carry no cluster of sites across the dearer cuts in between; this does, and refinement mends the rest.
"""

from __future__ import annotations

from random import Random

from topology.placement.partition.problem import Problem, Where


def shaken(problem: Problem, where: Where, size: int, random: Random) -> Where:
    """``where`` with about ``size`` neighbouring sites on another machine, each in exchange for one of its.

    So every machine carries as many sites as before. Pinned sites stay.
    """
    free = [site for site, pin in enumerate(problem.fixed) if pin is None]
    target = int(random.random() * problem.machines)
    cluster = _around(problem, free[int(random.random() * len(free))], size)
    others = [site for site in free if where[site] == target and site not in cluster]
    moved = list(where)
    for site in cluster:
        if where[site] == target or not others:
            continue
        other = others.pop(int(random.random() * len(others)))
        moved[site], moved[other] = target, where[site]
    return moved


def _around(problem: Problem, centre: int, size: int) -> list[int]:
    """``centre`` and the free sites nearest to it, in links."""
    cluster = [centre]
    for site in cluster:
        for edge in problem.edges[site]:
            if len(cluster) >= size:
                return cluster
            if edge.to not in cluster and problem.fixed[edge.to] is None:
                cluster.append(edge.to)
    return cluster
