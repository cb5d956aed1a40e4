"""Percentiles against numpy, delay variation by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.distribution import DelayVariation, Distribution, percentile

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300)


@given(values, st.integers(1, 100))
def test_percentile_is_numpys_inverted_cdf(numbers: list[float], percent: int) -> None:
    ordered = sorted(numbers)
    at_least = sum(value <= percentile(ordered, percent) for value in ordered) / len(ordered)
    assert percentile(ordered, percent) in numbers
    assert at_least * 100 >= percent - 1e-9
    below = sum(value < percentile(ordered, percent) for value in ordered) / len(ordered)
    assert below * 100 < percent


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 99, 100, 101, 1000])
def test_against_numpy(count: int) -> None:
    numbers = list(np.random.default_rng(count).normal(size=count))
    told = Distribution.of(numbers)
    assert told is not None
    for measured, percent in ((told.median, 50), (told.p95, 95), (told.p99, 99)):
        assert measured == np.percentile(numbers, percent, method="inverted_cdf")
    assert (told.minimum, told.maximum, told.count) == (min(numbers), max(numbers), count)
    assert told.mean == pytest.approx(np.mean(numbers))


def test_nothing_has_no_distribution() -> None:
    assert Distribution.of([]) is None
    assert DelayVariation.of([None, None]) is None


def test_delay_variation() -> None:
    told = DelayVariation.of([10.0, 12.0, None, 30.0, 10.0])
    assert told == DelayVariation(pdv_p95_ms=20.0, pdv_p99_ms=20.0, ipdv_mean_ms=(2 + 20) / 2)
    assert DelayVariation.of([5.0, None, 7.0]) == DelayVariation(2.0, 2.0, None)
