"""iperf3's reports, recorded from iperf 3.12 over a bridge shaped to 50 Mbit/s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.iperf3 import Sent, parse_client, parse_server
from experiments.measurement.throughput import UDP_PAYLOAD_BYTES, Throughput, tcp_frame_bytes
from topology.errors import MeasurementError

GOLDEN = Path(__file__).parent / "golden"
WHERE = "iperf3 a -> b"


def golden(name: str) -> str:
    return (GOLDEN / f"iperf3-{name}.json").read_text()


def test_tcp() -> None:
    assert parse_client(golden("tcp-client"), "", WHERE) == Sent(1448, 353, "bbr")
    received = parse_server(golden("tcp-server"), "", WHERE)
    assert received.mbps == pytest.approx(47.9897, abs=1e-3)
    assert received.mbps * tcp_frame_bytes(1448) / 1448 == pytest.approx(50, rel=0.01)
    assert received.seconds == pytest.approx(1.5, abs=0.01), "three of four half seconds"
    assert received.omitted_s == pytest.approx(0.5, abs=0.01)
    assert (received.lost_ratio, received.jitter_ms) == (None, None)


def test_udp_offered_beyond_the_rate() -> None:
    assert parse_client(golden("udp-loss-client"), "", WHERE) == Sent(0, 0, "")
    received = parse_server(golden("udp-loss-server"), "", WHERE)
    assert received.mbps * 1514 / UDP_PAYLOAD_BYTES == pytest.approx(49.95, abs=0.01)
    assert received.lost_ratio == pytest.approx(20 / 70, abs=0.005), "70 offered, 50 carried"
    assert received.jitter_ms == pytest.approx(0.323, abs=1e-3)


def server(intervals: list[dict[str, Any]]) -> str:
    return json.dumps({"start": {}, "intervals": [{"streams": [], "sum": each} for each in intervals]})


def interval(start: float, seconds: float, octets: int) -> dict[str, Any]:
    return {"start": start, "seconds": seconds, "bytes": octets}


def test_first_and_cut_off_intervals_do_not_count() -> None:
    received = parse_server(
        server([interval(0, 1, 10), interval(1, 1, 125_000), interval(2, 1, 375_000), interval(3, 0.02, 9)]),
        "",
        WHERE,
    )
    assert (received.mbps, received.seconds, received.omitted_s) == (2.0, 2, 1)


def test_intervals_of_the_warm_up_do_not_count() -> None:
    told = server([interval(n + 0.003 * n, 1, 125_000 * n) for n in range(6)])
    received = parse_server(told, "", WHERE, warm_up_s=4)
    assert (received.mbps, received.seconds) == (4.5, 2)
    early = server([interval(n - 0.01, 1, 125_000 * n) for n in range(6)])
    assert parse_server(early, "", WHERE, warm_up_s=4).mbps == 4.5


def test_a_run_of_one_interval_counts_whole() -> None:
    assert parse_server(server([interval(0, 1, 125_000)]), "", WHERE).mbps == 1.0


@pytest.mark.parametrize("parse", [parse_client, parse_server])
def test_iperf3s_own_words_reach_the_user(parse: Any) -> None:
    with pytest.raises(MeasurementError, match="unable to connect to server: Connection refused") as raised:
        parse(golden("refused"), "", WHERE)
    assert WHERE in str(raised.value)
    with pytest.raises(MeasurementError, match="iperf3 failed: nsenter: no such file"):
        parse("", "nsenter: no such file\n", WHERE)


keys = st.sampled_from(["start", "end", "intervals", "sum"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
)


@pytest.mark.parametrize("parse", [parse_client, parse_server])
@given(told=json_values)
def test_a_report_of_another_shape(parse: Any, told: Any) -> None:
    with pytest.raises(MeasurementError):
        parse(json.dumps(told), "", WHERE)


def test_frames_around_segments() -> None:
    assert tcp_frame_bytes(1448) == 1514
    assert tcp_frame_bytes(1460) == 1514, "without time stamps"
    assert tcp_frame_bytes(500) == 566


def test_share_of_the_declared_rate() -> None:
    result = Throughput("a", "b", "tcp", 47.8, 49.98, 2.0, 0.5, 50.0, 1)
    assert result.share == pytest.approx(0.9996)
