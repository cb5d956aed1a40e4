"""The machine's clock is set while delays are measured: no figure shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.measurement import latency, sender
from experiments.measurement.latency import measure_latency
from experiments.measurement.samples import LatencyResult, read_results
from tests.emulated import stepped_clock
from tests.emulated.measurement_network import veth_pair
from topology.errors import MeasurementError

pytestmark = [pytest.mark.emulated, pytest.mark.usefixtures("cell")]

SAMPLES = 60


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "clock"
    file.touch()
    monkeypatch.setenv(stepped_clock.FILE, str(file))
    monkeypatch.setattr(latency, "_REFLECTOR", "tests.emulated.stepped_clock")
    stepped_clock.install(monkeypatch.setattr, sender)
    monkeypatch.setattr(latency, "_PROGRESS_S", 0.0)
    return file


def measured(clock: Path, step_ns: int, *, again: bool = False) -> tuple[LatencyResult, int]:
    """Over a bare veth pair, with the clock set half-way; and how often it was set."""
    times = 0

    def set_it(sent: int, total: int) -> None:
        nonlocal times
        if (again or not times) and total // 3 < sent < total:
            times += 1
            stepped_clock.set_clock(clock, step_ns * times)

    samples_file = clock.with_name("latency.jsonl")
    with veth_pair() as pair:
        found = measure_latency(
            [pair],
            samples=SAMPLES,
            interval_ms=10,
            dscp=0,
            seed=1,
            samples_file=samples_file,
            wait_ms=5000,
            progress=set_it,
        )
    assert found == read_results(samples_file)
    return found["alpha", "beta"], times


@pytest.mark.parametrize("step_s", [7.3, -0.5])
def test_packets_under_way_are_sent_again_and_nothing_else_is_changed(clock: Path, step_s: float) -> None:
    found, times = measured(clock, round(step_s * 1e9))
    assert times == 1
    assert (found.sent, found.lost, found.stray, found.user_stamps) == (SAMPLES, 0, 0, 0)
    for delays in (found.forward.delay_ms, found.backward.delay_ms, found.rtt_ms):
        assert delays is not None
        assert 0 <= delays.minimum < delays.maximum < 400, (
            "no difference of two times, whatever the machine does"
        )


def test_a_clock_that_is_set_again_and_again_is_told(clock: Path) -> None:
    with pytest.raises(MeasurementError, match="was set 11 times while delays were measured"):
        measured(clock, 10**9, again=True)
    assert clock.with_name("latency.jsonl").stat().st_size > 0
