"""The M/D/1 formula against known values and against a queue simulated packet by packet."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.queueing import md1_mean_wait_ms, serialisation_ms
from topology.errors import InputError


def test_known_values() -> None:
    assert serialisation_ms(100, 1250) == pytest.approx(0.1)
    assert md1_mean_wait_ms(100, 0.5, 1250) == pytest.approx(0.05), "half a service time"
    assert md1_mean_wait_ms(100, 0, 1250) == 0
    assert md1_mean_wait_ms(100, 0.16, 1250) == pytest.approx(0.1 * 0.16 / 1.68)


@pytest.mark.parametrize("utilisation", [0.16, 0.5, 0.8])
@pytest.mark.parametrize("burst_bytes", [0, 900, 1250, 3072])
def test_against_a_simulated_queue(utilisation: float, burst_bytes: int) -> None:
    chance, service_ms = random.Random(5), serialisation_ms(100, 1250)
    burst_ms = serialisation_ms(100, burst_bytes)
    work_ms = total_ms = 0.0
    packets = 200_000
    for _ in range(packets):  # Lindley's recursion
        total_ms += max(0.0, work_ms - burst_ms)
        work_ms = max(0.0, work_ms + service_ms - chance.expovariate(utilisation / service_ms))
    expected_ms = md1_mean_wait_ms(100, utilisation, 1250, burst_bytes)
    assert total_ms / packets == pytest.approx(expected_ms, rel=0.08, abs=2e-4)


@settings(max_examples=40)
@given(st.floats(0.001, 0.99), st.integers(0, 100_000), st.integers(0, 100_000))
def test_a_larger_burst_never_waits_longer(utilisation: float, burst: int, more: int) -> None:
    strict = md1_mean_wait_ms(100, utilisation, 1250)
    waits = [md1_mean_wait_ms(100, utilisation, 1250, each) for each in (burst, burst + more)]
    assert strict * (1 + 1e-9) >= waits[0] >= waits[1] - 1e-9 * strict
    assert waits[1] >= -1e-9 * strict


@pytest.mark.parametrize(
    ("rate_mbps", "utilisation", "frame_bytes"),
    [(0, 0.5, 1250), (100, 1.0, 1250), (100, -0.1, 1250), (100, 0.5, 0), (100, float("nan"), 1250)],
)
def test_what_has_no_mean_wait(rate_mbps: float, utilisation: float, frame_bytes: int) -> None:
    with pytest.raises(InputError):
        md1_mean_wait_ms(rate_mbps, utilisation, frame_bytes)
