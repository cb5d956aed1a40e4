"""irtt's report, recorded from irtt 0.9.0, and of other kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.irtt import IrttResult, parse_irtt
from topology.errors import MeasurementError

GOLDEN = Path(__file__).parent / "golden" / "irtt-clean.json"
WHERE = "irtt a -> b"


def test_recorded() -> None:
    result = parse_irtt(GOLDEN.read_text(), "", WHERE)
    assert result == IrttResult(5, 5, 0, 0.116393, 0.095193, 0.211596)
    assert result.lost == 0


def test_nothing_came_back() -> None:
    nothing = {"total": 0, "n": 0}
    stats = {"packets_sent": 5, "packets_received": 0, "duplicates": 0}
    told = {"stats": {**stats, "rtt": nothing, "send_delay": nothing, "receive_delay": nothing}}
    result = parse_irtt(json.dumps(told), "", WHERE)
    assert result == IrttResult(5, 0, 0, None, None, None)
    assert result.lost == 5


def test_what_it_says_is_told() -> None:
    with pytest.raises(MeasurementError, match=f"{WHERE}.*connection refused"):
        parse_irtt("", "Error: read udp4 10.0.0.1:1->10.0.0.2:2112: read: connection refused\n", WHERE)


@given(st.one_of(st.text(), st.sampled_from(["{}", "[]", "3", '{"stats": 1}', '{"stats": {"rtt": []}}'])))
def test_anything_else_is_not_understood(text: str) -> None:
    with pytest.raises(MeasurementError):
        parse_irtt(text, "", WHERE)
