"""The benchmark of placement, small: HiGHS agrees, and would tell if it did not."""

from __future__ import annotations

import pytest

from experiments.benchmarks import placement
from experiments.benchmarks.placement import bench_placement
from topology.errors import MeasurementError
from topology.placement.partition import Problem


def test_highs_finds_nothing_better() -> None:
    rows = bench_placement([("tiny", 2), ("tiny-deterministic", 2), ("tiny-deterministic", 3)], seconds=20)
    assert [row["ratio"] for row in rows] == [1.0, 1.0, 1.0]
    assert rows[0]["what"].startswith("links that cross of 3 of tiny (4 sites) on 2 machines, after ")
    assert all("proven" in row["against"] for row in rows)
    for row in rows:
        assert row["what"].split("together ")[1] == row["against"].split("together ")[1]


def test_a_wrong_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_good(problem: Problem, where: list[int]) -> tuple[int, int, int]:
        return 0, 0, 0

    monkeypatch.setattr(placement, "cost", too_good)
    with pytest.raises(MeasurementError, match="less than the proven least"):
        bench_placement([("tiny", 2)], seconds=20)
