"""Partition: sound on any graph, as good as trying everything on small ones, the same every time."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topology.placement.partition import Link, Problem, cost, solve
from topology.placement.partition.refinement import refine
from topology.placement.partition.starts import starts


@st.composite
def problems(draw: st.DrawFn, most_sites: int = 9) -> Problem:
    """Any small graph, in pieces too; limits tight or wide; some sites pinned; the underlay slow or not."""
    machines = draw(st.integers(1, 3))
    sites = draw(st.integers(machines, most_sites))
    pairs = list(itertools.combinations(range(sites), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=18)) if pairs else []
    links = []
    for a, b in chosen:
        delay_ns = draw(st.integers(0, 6))
        links.append(Link(a, b, delay_ns, draw(st.integers(0, delay_ns))))
    room = draw(st.lists(st.integers(1, sites), min_size=machines, max_size=machines))
    while sum(room) < sites:
        room[room.index(min(room))] += 1
    fixed: list[int | None] = [None] * sites
    counts = [0] * machines
    for site in range(draw(st.integers(0, sites - machines))):
        machine = draw(st.integers(0, machines - 1))
        if counts[machine] < room[machine]:
            fixed[site] = machine
            counts[machine] += 1
    underlay = [[0] * machines for _ in range(machines)]
    for a, b in itertools.combinations(range(machines), 2):
        underlay[a][b] = underlay[b][a] = draw(st.integers(0, 3))
    return Problem(tuple(links), tuple(room), tuple(fixed), tuple(map(tuple, underlay)))


def cheapest(problem: Problem) -> tuple[int, int, int]:
    """By trying everything."""
    every = itertools.product(*(range(problem.machines) if pin is None else [pin] for pin in problem.fixed))
    return min(cost(problem, where) for where in every if problem.allows(where))


@given(problems(most_sites=7))
@settings(max_examples=60)
def test_small_cuts_are_the_cheapest_there_are(problem: Problem) -> None:
    where = solve(problem)
    assert problem.allows(where)
    assert cost(problem, where) == cheapest(problem)


@given(problems(most_sites=40), st.integers(0, 3))
@settings(max_examples=60)
def test_refining_keeps_the_rules_and_never_makes_it_dearer(problem: Problem, seed: int) -> None:
    for start in starts(problem, 4, Random(seed)):
        assert problem.allows(start)
        refined = refine(problem, start)
        assert problem.allows(refined)
        assert cost(problem, refined) <= cost(problem, start)


def grid(width: int, height: int) -> tuple[Link, ...]:
    """Sites in rows; links along a row take 1 ns, across rows 2 ns."""
    along = [Link(y * width + x, y * width + x + 1, 1, 1) for y in range(height) for x in range(width - 1)]
    across = [Link(y * width + x, (y + 1) * width + x, 2, 2) for y in range(height - 1) for x in range(width)]
    return (*along, *across)


def problem_of(
    links: tuple[Link, ...], sites: int, *limits: int, fixed: dict[int, int] | None = None
) -> Problem:
    fixed = fixed or {}
    pins = tuple(fixed.get(site) for site in range(sites))
    return Problem(links, limits, pins, ((0,) * len(limits),) * len(limits))


@pytest.mark.parametrize(("width", "height", "expected"), [(8, 6, (0, 6, -6)), (6, 8, (0, 6, -12))])
def test_a_grid_is_cut_across_its_long_side(width: int, height: int, expected: tuple[int, int, int]) -> None:
    problem = problem_of(grid(width, height), 48, 24, 24)
    assert cost(problem, solve(problem)) == expected


def test_of_equally_many_links_the_longest_are_cut() -> None:
    ring = tuple(Link(n, (n + 1) % 12, 1 + n % 6, 1 + n % 6) for n in range(12))  # 6 ns: after 5 and after 11
    where = solve(problem_of(ring, 12, 6, 6))
    assert where == [where[0]] * 6 + [where[6]] * 6
    assert cost(problem_of(ring, 12, 6, 6), where) == (0, 2, -12)


def test_pinned_sites_stay_and_full_machines_exchange() -> None:
    line = tuple(Link(n, n + 1) for n in range(9))
    problem = problem_of(line, 10, 5, 5, fixed={0: 1, 9: 0})
    assert solve(problem) == [1] * 5 + [0] * 5


def test_more_links_are_cut_rather_than_one_faster_than_the_underlay() -> None:
    """A bridge of 1 ns between two rings: cheapest to cut, but the underlay takes 2."""
    rings = [Link(n, (n + 1) % 5, 9, 9) for n in range(5)]
    rings += [Link(5 + n, 5 + (n + 1) % 5, 9, 9) for n in range(5)]
    links = (*rings, Link(0, 5, 1, 1))
    fast = Problem(links, (7, 7), (None,) * 10, ((0, 1), (1, 0)))
    slow = Problem(links, (7, 7), (None,) * 10, ((0, 2), (2, 0)))
    assert cost(fast, solve(fast)) == (0, 1, -1)
    assert cost(slow, solve(slow)) == (0, 2, -18)


_TWICE = """
from tests.topology.placement.test_partition import grid, problem_of
from topology.placement.partition import solve
print(solve(problem_of(grid(7, 7), 49, 20, 18, 18)))
"""


def test_the_same_under_any_hash_seed() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", _TWICE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(answers) == 1
