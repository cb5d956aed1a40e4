"""Which pairs are measured again, how often, and which attempt counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments import idle
from experiments.idle import MOST_ATTEMPTS, IdleDelay, measure_idle
from experiments.measurement.endpoint import Endpoint
from experiments.measurement.samples import LatencyResult, Pair, Sample, summarise

HUB, NEAR, FAR = (Endpoint(site, "", "") for site in ("hub", "near", "far"))
PREDICTED = {("hub", "near"): 10.0, ("hub", "far"): 40.0}


class Scripted:
    """In place of the probes: the medians of each attempt, in order; ``None`` for a pair that is silent."""

    def __init__(self, *medians_ms: dict[str, float | None]) -> None:
        self._medians_ms = list(medians_ms)
        self.asked: list[tuple[tuple[str, ...], int, str]] = []

    def __call__(
        self, pairs: Sequence[tuple[Endpoint, Endpoint]], *, samples: int, samples_file: Path, **_rest: object
    ) -> dict[Pair, LatencyResult]:
        sites = tuple(end.site for _, end in pairs)
        self.asked.append((sites, samples, samples_file.name))
        medians_ms = self._medians_ms.pop(0)
        return {("hub", site): _result(site, medians_ms[site]) for site in sites}


def _result(site: str, median_ms: float | None) -> LatencyResult:
    stamp_ns = None if median_ms is None else round(median_ms * 1e6)
    sample = Sample(0, 0, 0, 0, t2=0 if stamp_ns is not None else None, t3=0, t4=stamp_ns)
    return summarise(("hub", site), [sample], stray=0)


def measured(monkeypatch: pytest.MonkeyPatch, script: Scripted) -> dict[Pair, IdleDelay]:
    monkeypatch.setattr(idle, "measure_latency", script)
    return measure_idle(
        [(HUB, NEAR), (HUB, FAR)],
        PREDICTED,
        samples=100,
        interval_ms=8.0,
        dscp=0,
        seed=1,
        samples_path=lambda attempt: Path(f"idle-{attempt}"),
        say=lambda _sentence: None,
    )


def test_what_agrees_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({"near": 10.49, "far": 41.19})
    assert {found.attempt for found in measured(monkeypatch, script).values()} == {1}
    assert script.asked == [(("near", "far"), 100, "idle-1")]


def test_only_the_pair_off_the_model_is_repeated_with_twice_the_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Scripted({"near": 10.0, "far": 42.0}, {"far": 40.5})
    found = measured(monkeypatch, script)
    assert script.asked[1:] == [(("far",), 200, "idle-2")]
    assert {pair[1]: one.attempt for pair, one in found.items()} == {"near": 1, "far": 2}
    far = found["hub", "far"].result.rtt_ms
    assert far is not None
    assert far.median == 40.5


def test_what_stays_off_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({"near": 12.0, "far": 40.0}, {"near": 11.0}, {"near": 13.0})
    found = measured(monkeypatch, script)
    assert len(script.asked) == MOST_ATTEMPTS
    near = found["hub", "near"]
    assert near.attempt == MOST_ATTEMPTS
    assert near.result.rtt_ms is not None
    assert near.result.rtt_ms.median == 13.0


def test_silence_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted({"near": None, "far": 40.0})
    assert measured(monkeypatch, script)["hub", "near"].result.rtt_ms is None
    assert len(script.asked) == 1
