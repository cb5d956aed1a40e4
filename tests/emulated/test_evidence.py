"""A portfolio built on real packets: measured beside predicted, on links that are new and links that were."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.proposals.document import load_study
from experiments.proposals.evidence import evidence, read_summary
from experiments.proposals.findings import Choice
from experiments.proposals.pairs import Pair
from experiments.results import ResultFolder, Variant, within_tolerance
from experiments.results.samples import read_round_trips


@pytest.mark.emulated
@pytest.mark.usefixtures("cell")
def test_a_portfolio_is_measured_beside_what_was_predicted(tmp_path: Path) -> None:
    study = load_study("tiny-candidates")
    portfolio = (Choice("to-xian", 100.0, 2026), Choice("to-beijing", 100.0, 2026))
    said: list[str] = []

    found = evidence(study, [portfolio], folder=tmp_path, repetitions=1, samples=40, say=said.append)

    assert [(one.source, one.destination) for one in found] == [("qingyang", "beijing"), ("xian", "qingyang")]
    assert found == read_summary(tmp_path).evidence
    assert said[0] == "portfolio-1 (to-xian, to-beijing): 2 of 2 changed pairs are measured"
    least_ms: dict[tuple[Variant, Pair], float] = {}
    places: dict[str, Variant] = {"base": "base", "portfolio-1": "proposal"}
    for name, variant in places.items():
        folder = ResultFolder.open(tmp_path / "evidence" / name / "1")
        assert folder.manifest.status in ("complete", "refused")
        assert folder.network(variant) is not None
        assert folder.links is not None
        sent = read_round_trips(folder.samples_path(variant, "idle"))
        assert {len(round_trips) for round_trips in sent.values()} == {40}
        for pair, round_trips in folder.round_trips(variant, "idle").items():
            least_ms[variant, pair] = min(rtt_ms for rtt_ms in round_trips if rtt_ms is not None)
    for one in found:
        pair = (one.source, one.destination)
        # A loose bound that no busy machine breaks; tolerance is the verdict's business.
        assert least_ms["base", pair] == pytest.approx(one.predicted_base_rtt_ms, rel=0.1, abs=1.0)
        assert least_ms["proposal", pair] == pytest.approx(one.predicted_rtt_ms, rel=0.1, abs=1.0)
        for median, low, high in (one.measured_base_rtt_ms, one.measured_rtt_ms):
            assert low <= median <= high
        assert one.measured_rtt_ms[0] < one.measured_base_rtt_ms[0] - 5  # the new link carries the probes
        agrees = within_tolerance(
            one.measured_base_rtt_ms[0], one.predicted_base_rtt_ms
        ) and within_tolerance(one.measured_rtt_ms[0], one.predicted_rtt_ms)
        assert one.within_tolerance == (agrees and not one.reasons)
    unsure = [reason.en for one in found for reason in one.reasons]
    if unsure:
        pytest.skip(f"no verdict: {unsure[0]}")
    said.clear()
    again = evidence(study, [portfolio], folder=tmp_path, repetitions=2, samples=40, say=said.append)
    assert [one.repetitions for one in again] == [2, 2]
    assert [step for step in said if "measured earlier" in step] == [
        "base, 1 of 2: measured earlier",
        "portfolio-1, 1 of 2: measured earlier",
    ]
    assert {path.name for path in (tmp_path / "evidence" / "base").iterdir()} >= {"1", "2"}
