"""What background traffic refuses, and how its report is read."""

from __future__ import annotations

import pytest

from experiments.measurement.background import (
    BackgroundReport,
    BackgroundTraffic,
    Flow,
    FlowReport,
)
from experiments.measurement.endpoint import Endpoint
from topology.errors import InputError

A, B = Endpoint("a", "10.0.0.1", "/nowhere/a"), Endpoint("b", "10.0.0.2", "/nowhere/b")


@pytest.mark.parametrize(
    ("rate_mbps", "frame_bytes", "words"),
    [(1, 42, "43 to 1514 bytes, not 42"), (1, 1515, "not 1515"), (0, 1250, "positive rate")],
)
def test_what_makes_no_sense_is_refused(rate_mbps: float, frame_bytes: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        BackgroundTraffic([Flow(A, B, rate_mbps)], seed=1, frame_bytes=frame_bytes)


def test_no_flows_is_no_traffic() -> None:
    with BackgroundTraffic([], seed=1) as traffic:
        pass
    assert traffic.report == BackgroundReport(0.0, (), None)
    assert traffic.report.achieved_ratio == traffic.report.arrived_ratio == 1.0


def test_achieved_of_all_flows() -> None:
    flows = (FlowReport("a", "b", 10, 9, 100, 0, 60), FlowReport("b", "a", 30, 31, 300, 0, 300))
    report = BackgroundReport(1.0, flows, None)
    assert report.achieved_ratio == 1.0
    assert report.arrived_ratio == 0.9
    assert report.to_dict()["flows"][0]["rate_mbps"] == 10
