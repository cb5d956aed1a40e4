"""What background traffic refuses, when its frames are due, and how its report is read."""

from __future__ import annotations

from itertools import pairwise, takewhile
from statistics import fmean, pstdev

import pytest

from experiments.measurement.background import (
    BackgroundReport,
    BackgroundTraffic,
    Flow,
    FlowReport,
)
from experiments.measurement.generator import poisson_arrivals
from topology.errors import InputError


@pytest.mark.parametrize(
    ("rate_mbps", "frame_bytes", "words"),
    [(1, 59, "60 to 1514 bytes, not 59"), (1, 1515, "not 1515"), (0, 1250, "positive rate")],
)
def test_what_makes_no_sense_is_refused(rate_mbps: float, frame_bytes: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        BackgroundTraffic([Flow("a--b", "s1-p2", rate_mbps)], seed=1, frame_bytes=frame_bytes)


def test_no_flows_is_no_traffic() -> None:
    with BackgroundTraffic([], seed=1) as traffic:
        pass
    assert traffic.report == BackgroundReport(0.0, (), None)
    assert traffic.report.achieved_ratio == 1.0


def test_achieved_is_what_entered_of_what_was_due() -> None:
    flows = (
        FlowReport("a--b", "s1-p2", 10, 9.0, sent=900, refused=60, overdue=0),
        FlowReport("a--b", "s2-p2", 10, 10.1, sent=1010, refused=0, overdue=30),
    )
    report = BackgroundReport(1.0, flows, None)
    assert report.achieved_ratio == 1910 / 2000
    assert report.to_dict()["flows"][0]["interface"] == "s1-p2"


def test_each_flow_is_poisson_and_follows_the_seed() -> None:
    def arrivals(seed: int) -> list[tuple[float, int]]:
        return list(takewhile(lambda each: each[0] < 20e9, poisson_arrivals([100.0, 300.0], seed)))

    drawn = arrivals(1)
    assert drawn == arrivals(1) != arrivals(2)
    assert drawn == sorted(drawn)
    for flow, frames_per_s in enumerate((100, 300)):
        times_ns = [time_ns for time_ns, number in drawn if number == flow]
        gaps_s = [(b - a) / 1e9 for a, b in pairwise(times_ns)]
        assert fmean(gaps_s) == pytest.approx(1 / frames_per_s, rel=0.1)
        # The gaps of a Poisson process have a standard deviation equal to their mean.
        assert pstdev(gaps_s) == pytest.approx(1 / frames_per_s, rel=0.1)
