"""Losses in bursts: shares, lengths, and the exact chances of so many."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topology.burstloss import GilbertElliott, bursts_alike

BURSTS = GilbertElliott(0.02, 0.25)
models = st.builds(
    GilbertElliott,
    good_to_bad=st.floats(0.01, 1),
    bad_to_good=st.floats(0.01, 1),
    loss_in_bad=st.floats(0, 1),
    loss_in_good=st.floats(0, 1),
)


def _lost(model: GilbertElliott, count: int, seed: int = 1) -> list[bool]:
    chain = model.chain(Random(seed).random)
    return [chain() for _ in range(count)]


def test_shares() -> None:
    assert BURSTS.loss_ratio == pytest.approx(0.02 / 0.27)
    assert GilbertElliott(0.1, 0.3, 0.5, 0.01).loss_ratio == pytest.approx(0.25 * 0.5 + 0.75 * 0.01)
    assert GilbertElliott(0.1, 0.9, 0.1, 0.1).loss_ratio == pytest.approx(0.1)


def test_the_chain_loses_the_share_in_bursts_of_geometric_length() -> None:
    lost = _lost(BURSTS, 200_000)
    assert sum(lost) / len(lost) == pytest.approx(BURSTS.loss_ratio, rel=0.05)
    lengths = [len(list(run)) for is_lost, run in itertools.groupby(lost) if is_lost]
    assert sum(lengths) / len(lengths) == pytest.approx(4, rel=0.05)
    for length in range(1, 8):  # P(longer than n) = (1 - r)^n
        longer = sum(each > length for each in lengths) / len(lengths)
        assert longer == pytest.approx(0.75**length, abs=0.02)


def test_the_chain_follows_what_it_draws() -> None:
    assert _lost(BURSTS, 1000, seed=3) == _lost(BURSTS, 1000, seed=3)
    assert _lost(BURSTS, 1000, seed=3) != _lost(BURSTS, 1000, seed=4)


@given(models, st.integers(0, 7), st.integers(0, 7))
def test_chances_are_those_of_all_ways_the_chain_can_go(model: GilbertElliott, lost: int, sent: int) -> None:
    """Against every sequence of states and losses, one by one."""
    leave, lose = (model.good_to_bad, model.bad_to_good), (model.loss_in_good, model.loss_in_bad)
    start = (1 - model.bad_share, model.bad_share)
    total = 0.0
    for states in itertools.product((0, 1), repeat=sent + 1):
        way = start[states[0]]
        for here, there in itertools.pairwise(states):
            way *= 1 - leave[here] if here == there else leave[here]
        counts = [1.0]  # by number lost
        for state in states[:sent]:
            counts = [
                kept * (1 - lose[state]) + gone * lose[state]
                for kept, gone in zip([*counts, 0.0], [0.0, *counts], strict=True)
            ]
        total += way * sum(counts[: lost + 1])
    assert model.probability_of_at_most(lost, sent) == pytest.approx(total, abs=1e-9)


@given(st.floats(0.01, 0.99), st.integers(0, 30), st.integers(0, 30))
def test_without_memory_it_is_binomial(ratio: float, lost: int, sent: int) -> None:
    model = GilbertElliott(ratio, 1 - ratio)
    binomial = sum(
        math.comb(sent, count) * ratio**count * (1 - ratio) ** (sent - count)
        for count in range(min(lost, sent) + 1)
    )
    assert model.probability_of_at_most(lost, sent) == pytest.approx(binomial, abs=1e-9)


def test_bursts_make_extremes_likelier() -> None:
    alone = GilbertElliott(BURSTS.loss_ratio, 1 - BURSTS.loss_ratio)
    assert BURSTS.probability_of_at_most(0, 100) > 50 * alone.probability_of_at_most(0, 100)
    assert BURSTS.probability_of_at_most(-1, 100) == 0


def test_alike_is_as_fine_as_tc_prints() -> None:
    assert bursts_alike(None, None)
    assert not bursts_alike(BURSTS, None)
    assert bursts_alike(BURSTS, GilbertElliott(0.0200001, 0.25))
    assert not bursts_alike(BURSTS, GilbertElliott(0.021, 0.25))
    assert not bursts_alike(BURSTS, GilbertElliott(0.02, 0.25, 0.9))
