"""Which site goes to which machine: fewest crossing links, then the longest ones, within what each can carry.

This is graph partitioning, NP-hard already for two machines (Garey, Johnson and Stockmeyer, "Some simplified
NP-complete graph problems", 1976), and solved here as partitioners of circuits do: many starts, each refined
by moving one site at a time. ``problem`` says what a cut costs, ``starts`` where to begin, ``refinement`` how
to improve, ``search`` puts them together. All in whole numbers: the same input gives the same answer.
"""

from __future__ import annotations

from topology.placement.partition.problem import Link, Problem, cost
from topology.placement.partition.search import solve

__all__ = ["Link", "Problem", "cost", "solve"]
