"""The M/D/1 formula against known values and against a queue simulated packet by packet."""

from __future__ import annotations

import random

import pytest

from experiments.queueing import md1_mean_wait_ms, serialisation_ms
from topology.errors import InputError


def test_known_values() -> None:
    assert serialisation_ms(100, 1250) == pytest.approx(0.1)
    assert md1_mean_wait_ms(100, 0.5, 1250) == pytest.approx(0.05), "half a service time"
    assert md1_mean_wait_ms(100, 0, 1250) == 0
    assert md1_mean_wait_ms(100, 0.16, 1250) == pytest.approx(0.1 * 0.16 / 1.68)


@pytest.mark.parametrize("utilisation", [0.16, 0.5, 0.8])
def test_against_a_simulated_queue(utilisation: float) -> None:
    chance, service_ms = random.Random(5), serialisation_ms(100, 1250)
    wait_ms = total_ms = 0.0
    packets = 200_000
    for _ in range(packets):  # Lindley's recursion
        total_ms += wait_ms
        wait_ms = max(0.0, wait_ms + service_ms - chance.expovariate(utilisation / service_ms))
    assert total_ms / packets == pytest.approx(md1_mean_wait_ms(100, utilisation, 1250), rel=0.05)


@pytest.mark.parametrize(
    ("rate_mbps", "utilisation", "frame_bytes"),
    [(0, 0.5, 1250), (100, 1.0, 1250), (100, -0.1, 1250), (100, 0.5, 0), (100, float("nan"), 1250)],
)
def test_what_has_no_mean_wait(rate_mbps: float, utilisation: float, frame_bytes: int) -> None:
    with pytest.raises(InputError):
        md1_mean_wait_ms(rate_mbps, utilisation, frame_bytes)
