"""Running iperf3 between two hosts, and reading what both its ends say.

The server is started for one test, is asked for nothing before it listens, and never outlives the test.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from experiments.measurement.endpoint import (
    Endpoint,
    listening_ports,
    popen_in_namespace,
    run_in_namespace,
    stop_process,
)
from topology.errors import InputError, MeasurementError

_START_TIMEOUT_S = 10.0
_CONNECT_TIMEOUT_MS = 5000
_GRACE_S = 20.0
_FULL = 0.9  # an interval shorter than this share of the others was cut off by the end
_LONG_RUN_S = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """The sending end: payload of a full TCP segment, segments sent again, algorithm. UDP: 0, 0, empty."""

    segment_bytes: int
    retransmits: int
    congestion_control: str


@dataclass(frozen=True, slots=True)
class Received:
    """The receiving end: payload rate over ``seconds`` after the first ``omitted_s``.

    Loss (share of datagrams, 0 to 1) and jitter are those of UDP; ``None`` for TCP.
    """

    mbps: float
    seconds: float
    omitted_s: float
    lost_ratio: float | None
    jitter_ms: float | None


def run_iperf3(
    source: Endpoint,
    destination: Endpoint,
    options: Sequence[str],
    *,
    seconds: int,
    dscp: int,
    port: int,
    warm_up_s: float = 0.0,
) -> tuple[Sent, Received]:
    """Send from ``source`` to ``destination`` for ``seconds`` with further client ``options``.

    What is received in the first interval, and before ``warm_up_s``, does not count. Raises
    ``MeasurementError`` with iperf3's own words when it fails or does not end.
    """
    if seconds < 1:
        raise InputError("a throughput measurement takes one second at least", where="iperf3")
    where = f"iperf3 {source.site} -> {destination.site}"
    client = ["iperf3", "--client", destination.ip, "--bind", source.ip, "--port", str(port), "--json"]
    client += ["--time", str(seconds), "--tos", str(dscp << 2)]
    client += ["--connect-timeout", str(_CONNECT_TIMEOUT_MS), *options]
    with _server(destination, port, interval_s=0.5 if seconds < _LONG_RUN_S else 1.0, where=where) as server:
        finished = run_in_namespace(source, client, timeout_s=seconds + _GRACE_S)
        sent = parse_client(finished.stdout, finished.stderr, where)
        try:
            output, errors = server.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            raise MeasurementError("the iperf3 server did not end with its test", where=where) from None
    return sent, parse_server(output, errors, where, warm_up_s)


def parse_client(output: str, errors: str, where: str) -> Sent:
    """Read the client's JSON. Raises ``MeasurementError`` if it tells of an error or cannot be understood."""
    told = _json(output, errors, where)
    try:
        if told["start"]["test_start"]["protocol"] == "UDP":
            return Sent(0, 0, "")
        end = told["end"]
        return Sent(
            segment_bytes=int(told["start"]["tcp_mss_default"]),
            retransmits=int(end["sum_sent"]["retransmits"]),
            congestion_control=str(end.get("sender_tcp_congestion", "")),
        )
    except (KeyError, TypeError, ValueError):
        raise _not_understood(where) from None


def parse_server(output: str, errors: str, where: str, warm_up_s: float = 0.0) -> Received:
    """Read the server's JSON. Raises ``MeasurementError`` if it tells of an error or cannot be understood.

    Intervals that began before ``warm_up_s``, give or take a tenth of one, do not count.
    """
    told = _json(output, errors, where)
    try:
        intervals = [interval["sum"] for interval in told["intervals"]]
        longest_s = max(interval["seconds"] for interval in intervals)
        begin_s = warm_up_s - (1 - _FULL) * longest_s
        full = [
            each
            for each in intervals[1:]
            if each["seconds"] >= _FULL * longest_s and each["start"] >= begin_s
        ] or intervals
        seconds = sum(each["seconds"] for each in full)
        datagrams = sum(each.get("packets", 0) for each in full)
        lost = sum(each.get("lost_packets", 0) for each in full)
        return Received(
            mbps=sum(each["bytes"] for each in full) * 8 / 1e6 / seconds,
            seconds=seconds,
            omitted_s=float(full[0]["start"]),
            lost_ratio=max(0.0, lost / datagrams) if datagrams else None,
            jitter_ms=float(full[-1]["jitter_ms"]) if datagrams else None,
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        raise _not_understood(where) from None


def _json(output: str, errors: str, where: str) -> dict[str, Any]:
    try:
        told = json.loads(output)
    except ValueError:
        said = " ".join((errors or output).split()) or "nothing"
        raise MeasurementError(f"iperf3 failed: {said[:300]}", where=where) from None
    if not isinstance(told, dict):
        raise _not_understood(where)
    if "error" in told:
        raise MeasurementError(
            f"iperf3: {told['error']}",
            where=where,
            hint="can the hosts reach each other? try ping; `onehop doctor` checks the programs",
        )
    return told


def _not_understood(where: str) -> MeasurementError:
    return MeasurementError(
        "iperf3's report cannot be understood", where=where, hint="this reads the reports of iperf3 3.12"
    )


@contextmanager
def _server(
    destination: Endpoint, port: int, *, interval_s: float, where: str
) -> Iterator[subprocess.Popen[str]]:
    command = ["iperf3", "--server", "--one-off", "--bind", destination.ip, "--port", str(port)]
    server = popen_in_namespace(destination, [*command, "--json", "--interval", str(interval_s)])
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while port not in listening_ports(destination):
            if server.poll() is not None:
                output, errors = server.communicate()
                _json(output, errors, where)
            if time.monotonic() > deadline or server.poll() is not None:
                raise MeasurementError("the iperf3 server does not listen", where=where)
            time.sleep(0.01)
        yield server
    finally:
        stop_process(server)
