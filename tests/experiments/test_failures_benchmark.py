"""The benchmark of failures, small: its own checks compare every answer."""

from __future__ import annotations

import pytest

from experiments.benchmarks import failures
from experiments.benchmarks.failures import bench_failures, scenarios
from experiments.proposals.findings import Cut
from topology.errors import MeasurementError
from topology.scenario import load


def test_both_halves_check_their_answers() -> None:
    small, large = bench_failures(count=150, large="topohub:gabriel/200/0")
    assert small["against"] == "plain networkx"
    assert small["ratio"] > 1
    assert large["what"].startswith("396 cuts of a link of 200 sites")


def test_ten_thousand_scenarios_of_one_two_and_three() -> None:
    asked = scenarios(load(failures.SMALL), 10_000)
    assert [len(names) for names in asked] == [1] * 100 + [2] * 4950 + [3] * 4950


def test_a_difference_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="differ"):
        failures._check(Cut(("x",), 0.0, 1.0, 3), Cut(("x",), 0.0, 1.0, 4))
