"""The benchmark of admission, small: it runs, and networkx gives the same answers."""

from __future__ import annotations

import pytest

from experiments.benchmarks import admissions


def test_networkx_and_admission_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "HELD", 500)
    rows = admissions.bench_admissions(count=1500, compared=60)
    assert [row["unit"] for row in rows] == ["s CPU", "s CPU", "s CPU", "/s"]
    assert "60 admissions" in rows[-1]["what"]
    assert rows[-1]["ratio"] > 0


def test_the_questions_are_the_same_every_time() -> None:
    network = admissions.reserving_network()
    first, again = (admissions.demands(network) for _ in range(2))
    assert [next(first) for _ in range(20)] == [next(again) for _ in range(20)]
