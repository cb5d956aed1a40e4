"""Samples: within their ranges, distributed as stated, each figure with a stream of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.proposals.document import load_study
from experiments.proposals.model import Distribution, Figure
from experiments.proposals.uncertainty.assumptions import Assumption, assumptions, varied
from experiments.proposals.uncertainty.sampling import quantile, samples, stratified, values

NUMBERS = st.floats(-1e9, 1e9).map(lambda number: number + 0.0)
FIGURES = st.builds(
    lambda ends, distribution: Figure(ends[1], ends[0], ends[2], distribution),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted),
    st.sampled_from(Distribution),
)


def cumulative(figure: Figure, value: float) -> float:
    """Share of a figure's distribution below ``value``, from the textbook's density."""
    low, mode, high = figure.low, figure.value, figure.high
    if figure.distribution is Distribution.UNIFORM:
        return (value - low) / (high - low)
    if value < mode:
        return (value - low) ** 2 / ((high - low) * (mode - low))
    return 1 - (high - value) ** 2 / ((high - low) * (high - mode)) if value < high else 1.0


def largest_distance(figure: Figure, drawn: list[float]) -> float:
    """Between the empirical and the stated distribution: the statistic of Kolmogorov and Smirnov."""
    shares = [cumulative(figure, value) for value in sorted(drawn)]
    count = len(shares)
    return max(max(share - n / count, (n + 1) / count - share) for n, share in enumerate(shares))


@given(FIGURES, st.integers(1, 200), st.integers(0, 2**63))
def test_samples_stay_within_their_range(figure: Figure, count: int, seed: int) -> None:
    drawn = values(Assumption("one", figure), count, seed)
    assert drawn.shape == (count,)
    assert figure.low <= drawn.min()
    assert drawn.max() <= figure.high


@given(FIGURES, st.lists(st.floats(0, 1), min_size=2))
def test_quantiles_ascend_from_low_to_high(figure: Figure, shares: list[float]) -> None:
    found = quantile(figure, np.array([0.0, *sorted(shares), 1.0]))
    rounding = 1e-9 * max(abs(figure.low), abs(figure.high))
    assert abs(found[0] - figure.low) <= rounding
    assert abs(found[-1] - figure.high) <= rounding
    assert (np.diff(found) >= -rounding).all()


@pytest.mark.parametrize("distribution", list(Distribution))
@pytest.mark.parametrize("mode", [1.0, 1.2, 3.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_samples_are_distributed_as_stated(distribution: Distribution, mode: float, seed: int) -> None:
    figure, count = Figure(mode, 1.0, 3.0, distribution), 400
    drawn = values(Assumption("one", figure), count, seed).tolist()
    distance = largest_distance(figure, drawn)
    assert distance < 1.63 / math.sqrt(count)  # the test at 1 %
    assert distance <= 1 / count + 1e-12  # and what only one sample in each part can keep


@given(st.integers(1, 300), st.integers(0, 2**63))
def test_every_part_of_the_range_is_hit_once(count: int, seed: int) -> None:
    drawn = stratified("route_factor", count, seed)
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert sorted(np.floor(drawn * count).astype(int).tolist()) == list(range(count))


def test_figures_have_streams_of_their_own() -> None:
    one, two = Assumption("one", Figure(2, 1, 3)), Assumption("two", Figure(2, 1, 3))
    alone, both = samples([one], 50, 7), samples([two, one], 50, 7)
    assert [sample["one"] for sample in alone] == [sample["one"] for sample in both]
    assert samples([one], 50, 7) == alone
    assert samples([one], 50, 8) != alone
    drawn = np.array([[stratified(name, 1000, seed) for name in ("one", "two")] for seed in range(5)])
    assert all(abs(np.corrcoef(pair)[0, 1]) < 0.1 for pair in drawn)


def test_the_stream_is_the_same_on_any_machine() -> None:
    """Written down, because results of years ago are to be had again."""
    assert [round(share, 12) for share in stratified("route_factor", 3, 1).tolist()] == [
        0.22918740732,
        0.787912212961,
        0.510627714569,
    ]


def test_every_figure_with_a_range_is_an_assumption() -> None:
    study = load_study("tiny-candidates")
    names = [assumption.name for assumption in assumptions(study)]
    assert "route_factor" in names
    assert "demand backup: growth_per_year" in names  # it states its own
    assert not any(name.startswith("demand train") for name in names)  # it does not
    assert "amplifier_spacing_km" not in names  # certain


def test_a_varied_study_has_the_values_and_else_what_it_had() -> None:
    study = load_study("tiny-candidates")
    other = varied(study, {"growth_per_year": 0.42, "demand backup: growth_per_year": 0.05})
    growth = {entry.demand.id: entry.growth_per_year.value for entry in other.demands}
    assert growth == {"train": 0.42, "answer": 0.42, "backup": 0.05}
    assert other.figure("growth_per_year") == 0.42
    assert other.figure("route_factor") == study.figure("route_factor")
    assert other.candidates == study.candidates
    assert "growth_per_year" not in [assumption.name for assumption in assumptions(other)]
    best = {assumption.name: assumption.figure.value for assumption in assumptions(study)}
    again = varied(study, best)
    assert {name: figure.value for name, figure in again.figures.items()} == {
        name: figure.value for name, figure in study.figures.items()
    }
    with pytest.raises(KeyError, match="wave"):
        varied(study, {"wave": 1.0})


def test_costs_that_a_candidate_states_are_assumptions_too() -> None:
    study = load_study("tiny-candidates")
    first, *_ = study.candidates.values()
    stated = replace(first, build_cny_million=Figure(10, 8, 15), yearly_cny_million=Figure(1, 1, 1))
    study = replace(study, candidates=study.candidates | {first.id: stated})
    name = f"candidate {first.id}: build_cny_million"
    assert name in [assumption.name for assumption in assumptions(study)]
    found = varied(study, {name: 14.0}).candidates[first.id]
    assert found.build_cny_million is not None
    assert (found.build_cny_million.value, found.build_cny_million.is_certain) == (14.0, True)
    assert found.yearly_cny_million == stated.yearly_cny_million
