"""Circles: what is found is proven, and what grows for ever is refused."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.bounds import (
    Flow,
    Method,
    Multiplexing,
    RateLatency,
    Server,
    TokenBucket,
    analyse,
    fixedpoint,
)
from topology.errors import InputError

F = Fraction


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.fractions(0, 1, max_denominator=30), min_size=3, max_size=3), min_size=3, max_size=3
    ),
    st.lists(st.fractions(F(1, 9), 9, max_denominator=30), min_size=3, max_size=3),
    st.fractions(0, F(99, 100)),
)
def test_a_linear_map_is_bounded_from_above_and_closely(
    rows: list[list[Fraction]], constant: list[Fraction], most: Fraction
) -> None:
    """z = A z + c with row sums of A below 1."""
    matrix = [[most * entry / (sum(row) or 1) for entry in row] for row in rows]

    def step(z: Mapping[int, Any]) -> Mapping[int, Any]:
        return {i: constant[i] + sum(matrix[i][j] * z[j] for j in z) for i in range(3)}

    found = fixedpoint.bound(step, dict.fromkeys(range(3)))
    assert found is not None
    after = step(found.values)
    assert all(after[i] <= found.values[i] for i in range(3))
    if found.exact:
        assert after == found.values
    below = {i: found.values[i] * (1 - F(1, 10**5)) for i in range(3)}
    assert any(step(below)[i] > below[i] for i in range(3))  # no solution is much smaller


def test_what_grows_for_ever_has_no_bound() -> None:
    assert fixedpoint.bound(lambda z: {0: z[0] * F(11, 10) + 1}, {0: None}) is None
    assert fixedpoint.bound(lambda z: {0: z[0] + 1}, {0: None}) is None


def test_what_stays_zero_proves_nothing() -> None:
    """0 is a fixed point of every linear map without a constant, also of those that grow."""
    assert fixedpoint.bound(lambda z: {0: z[0] * 2}, {0: None}) is None


def ring(load: Fraction, multiplexing: Multiplexing) -> Any:
    names = [f"s{n}" for n in range(5)]
    servers = [Server(name, RateLatency(10, 1), 10) for name in names]
    flows = [
        Flow(f"f{n}", TokenBucket(load * 2, 10), tuple(names[(n + hop) % 5] for hop in range(5)))
        for n in range(5)
    ]
    return analyse(servers, flows, multiplexing)


def test_a_loaded_ring_is_refused_by_methods_that_cannot_prove_a_bound() -> None:
    analysis = ring(F(7, 10), Multiplexing.FIFO)
    refused = {result.method: result.refused for result in analysis.results}
    assert "feed each other in a circle" in refused[Method.TFA]
    assert refused[Method.TFA_SHAPED] == ""


def test_a_ring_in_any_order_is_refused_with_its_servers() -> None:
    with pytest.raises(InputError, match="s0, s1, s2, s3, s4 feed each other in a circle") as caught:
        ring(F(7, 10), Multiplexing.ARBITRARY)
    assert caught.value.exit_code == 2


def test_a_lightly_loaded_ring_has_bounds_by_every_method() -> None:
    for multiplexing in (Multiplexing.FIFO, Multiplexing.ARBITRARY):
        analysis = ring(F(1, 20), multiplexing)
        assert not any(result.refused for result in analysis.results)
        assert all(result.cycles == (("s0", "s1", "s2", "s3", "s4"),) for result in analysis.results)
