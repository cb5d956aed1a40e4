"""The distributions of jitter: quantiles, their inverse, tc's tables, and Kolmogorov's distance."""

from __future__ import annotations

import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.variation import (
    TABLE_SCALE,
    JitterDistribution,
    kolmogorov_distance,
    kolmogorov_limit,
    least,
    median_error,
    most,
    quantile,
    share_below,
    table,
)

every = pytest.mark.parametrize("distribution", list(JitterDistribution))


def _drawn(distribution: JitterDistribution, count: int, seed: int = 1) -> list[float]:
    source = Random(seed)
    return [quantile(distribution, source.random()) for _ in range(count)]


@given(st.sampled_from(list(JitterDistribution)), st.floats(0, 1, exclude_max=True))
def test_quantiles_are_within_bounds_and_inverted(distribution: JitterDistribution, share: float) -> None:
    variation = quantile(distribution, share)
    assert least(distribution) <= variation <= most(distribution)
    if least(distribution) < variation < most(distribution):
        assert share_below(distribution, variation) == pytest.approx(share, abs=1e-9)


@every
def test_ends(distribution: JitterDistribution) -> None:
    assert share_below(distribution, least(distribution) - 1e-9) == 0
    assert share_below(distribution, most(distribution)) == 1
    assert quantile(distribution, 0.0) == pytest.approx(least(distribution))


def test_each_varies_around_the_mean_as_much_as_said() -> None:
    uniform = _drawn(JitterDistribution.UNIFORM, 50_000)
    normal = _drawn(JitterDistribution.NORMAL, 50_000)
    pareto = _drawn(JitterDistribution.PARETO, 50_000)
    for drawn in (uniform, normal, pareto):
        assert statistics.fmean(drawn) == pytest.approx(0, abs=0.05)  # the cut takes 0.033 of Pareto's
    assert statistics.pstdev(normal) == pytest.approx(1, abs=0.02)
    assert statistics.median(pareto) == pytest.approx(-0.3201, abs=0.02)


@every
def test_the_error_of_the_median_is_what_is_seen(distribution: JitterDistribution) -> None:
    medians = [statistics.median(_drawn(distribution, 101, seed)) for seed in range(400)]
    assert statistics.pstdev(medians) * 101**0.5 == pytest.approx(median_error(distribution), rel=0.15)


@every
def test_tables_are_what_tc_reads(distribution: JitterDistribution) -> None:
    comment, *rows = table(distribution).splitlines()
    numbers = [int(word) for row in rows for word in row.split()]
    assert comment.startswith("# ")
    assert len(numbers) == 4096
    assert numbers == sorted(numbers)
    assert numbers[0] >= -32768
    assert numbers[-1] <= 32767
    drawn = [number / TABLE_SCALE for number in numbers]
    # As fine as a table of so many entries can be, each rounded to its sixteen bits.
    assert kolmogorov_distance(distribution, drawn, 1 / TABLE_SCALE) < 0.001


@every
def test_the_distance_tells_distributions_apart(distribution: JitterDistribution) -> None:
    limit = kolmogorov_limit(1000, 1e-6)
    drawn = _drawn(distribution, 1000)
    assert kolmogorov_distance(distribution, drawn) < limit
    for other in JitterDistribution:
        assert (kolmogorov_distance(other, drawn) < limit) is (other is distribution)
    assert kolmogorov_distance(distribution, [1.5 * each for each in drawn]) > limit
    assert kolmogorov_distance(distribution, [0.0] * 1000) > limit


@every
def test_what_is_late_by_no_more_than_the_slack_is_no_distance(distribution: JitterDistribution) -> None:
    late = [each + 0.2 for each in _drawn(distribution, 1000)]
    limit = kolmogorov_limit(1000, 1e-6)
    assert kolmogorov_distance(distribution, late, 0.2) < limit
    # The slack may hide what it covers, never more.
    assert kolmogorov_distance(distribution, [each + 1 for each in late], 0.2) > limit


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.sampled_from(list(JitterDistribution)))
def test_the_distance_is_the_largest_gap_of_the_two_functions(
    seen: list[float], distribution: JitterDistribution
) -> None:
    """Against its definition: sup |F_n - F|, on a fine grid (which may miss a little of it)."""
    grid = [step / 200 for step in range(-1001, 1002)] + seen
    gap = max(
        abs(sum(value <= at for value in seen) / len(seen) - share_below(distribution, at)) for at in grid
    )
    distance = kolmogorov_distance(distribution, seen)
    assert gap - 1e-9 <= distance <= gap + 0.02
