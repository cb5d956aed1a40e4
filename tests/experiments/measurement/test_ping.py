"""ping's output, recorded from iputils 20221126, and of other kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.ping import PingResult, parse_ping

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("ping-clean.txt", PingResult(5, 5, 0, 0.040, 0.083, 0.247)),
        ("ping-lossy.txt", PingResult(5, 4, 1, 0.163, 0.294, 0.552)),
        ("ping-lost.txt", PingResult(5, 0, 0, None, None, None)),
    ],
)
def test_recorded(file: str, expected: PingResult) -> None:
    result = parse_ping((GOLDEN / file).read_text())
    assert result == expected
    assert result is not None
    assert result.lost == expected.sent - expected.received


def test_errors_and_pipe_in_the_summary() -> None:
    output = (
        "--- 10.0.9.2 ping statistics ---\n"
        "3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2010ms\n"
        "rtt min/avg/max/mdev = 103.120/110.500/120.001/8.453 ms, pipe 3\n"
    )
    assert parse_ping(output) == PingResult(3, 2, 0, 103.12, 110.5, 120.001)


def test_other_kinds_of_ping() -> None:
    busybox = (
        "4 packets transmitted, 4 packets received, 0% packet loss\n"
        "round-trip min/avg/max = 0.055/0.081/0.110 ms\n"
    )
    assert parse_ping(busybox) == PingResult(4, 4, 0, 0.055, 0.081, 0.110)


@given(st.text())
def test_anything_else_is_not_understood(text: str) -> None:
    assert parse_ping(text) is None or "packets transmitted" in text
