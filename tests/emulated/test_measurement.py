"""The measurements on real packets: bare veth pairs, wires that misbehave on purpose, shaped bridges."""

from __future__ import annotations

import itertools
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.contrib.stamp import (
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
)
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from experiments.measurement import probes
from experiments.measurement.endpoint import Endpoint, inside_namespace
from experiments.measurement.latency import measure_latency
from experiments.measurement.path import observe_paths
from experiments.measurement.ping import measure_ping
from experiments.measurement.samples import LatencyResult, read_results
from experiments.measurement.throughput import Throughput, measure_tcp, measure_udp
from tests.emulated.measurement_network import (
    chain_of_switches,
    keep,
    on_host,
    programmed_wire,
    shaped_pair,
    veth_pair,
)
from topology.emulation.layout import Layout
from topology.errors import InputError, MeasurementError
from topology.scenario import load

pytestmark = [pytest.mark.emulated, pytest.mark.usefixtures("cell")]

STAMP_PORT = 862
Recorded = list[bytes]


def stamp_frames(frames: Recorded) -> list[Ether]:
    """The STAMP packets among frames that count, dissected by scapy; warm-up sessions left out."""
    packets = [Ether(frame) for frame in frames]
    return [
        packet
        for packet in packets
        if UDP in packet
        and STAMP_PORT in (packet[UDP].sport, packet[UDP].dport)
        and packet[UDP].payload.ssid < 0x8000
    ]


class OnStamp:
    """A rule of a wire that does something to the numbered STAMP packets, and keeps what passed."""

    def __init__(self, change: dict[int, str]) -> None:
        self.change = change
        self.passed: Recorded = []
        self.held: list[bytes] = []
        self.count = itertools.count()

    def __call__(self, frame: bytes) -> list[bytes]:
        if not stamp_frames([frame]):
            return [frame]
        frames = self.act(frame, self.change.get(next(self.count), "pass"))
        self.passed += frames
        return frames

    def act(self, frame: bytes, what: str) -> list[bytes]:
        if what == "drop":
            return []
        if what == "double":
            return [frame, frame]
        if what == "hold":  # until the next one has passed
            self.held.append(frame)
            return []
        held, self.held = self.held, []
        return [frame, *held]


def stamp_over(forward: OnStamp, backward: OnStamp, file: Path, **settings: int) -> LatencyResult:
    chosen = {"samples": 20, "interval_ms": 10, "dscp": 46, "seed": 7, "wait_ms": 1000, **settings}
    with programmed_wire(forward, backward) as pair:
        return measure_latency([pair], samples_file=file, **chosen)["alpha", "beta"]


def test_stamp_over_a_bare_veth_pair(tmp_path: Path) -> None:
    file = tmp_path / "latency.jsonl"
    told: list[tuple[int, int]] = []
    with veth_pair() as (a, b):
        results = measure_latency(
            [(a, b), (b, a)],
            samples=100,
            interval_ms=4,
            dscp=46,
            seed=1,
            samples_file=file,
            progress=lambda done, total: told.append((done, total)),
        )
    assert list(results) == [("alpha", "beta"), ("beta", "alpha")]
    assert results == read_results(file), "the file gives the same results again"
    assert told[-1] == (200, 200)
    for result in results.values():
        assert (result.sent, result.lost, result.stray) == (100, 0, 0)
        assert result.user_stamps == 0, "every time stamp is the kernel's"
        assert result.forward.ttl_at_arrival == result.backward.ttl_at_arrival == (255,)
        assert result.rtt_ms is not None
        assert result.forward.delay_ms is not None
        assert result.backward.delay_ms is not None
        assert 0 < result.rtt_ms.minimum <= result.rtt_ms.median < 1
        assert 0 < result.forward.delay_ms.minimum < 1
        assert 0 < result.backward.delay_ms.minimum < 1
        # RTT is the sum of both ways, as the reflector's own time is taken out.
        both_ways = result.forward.delay_ms.mean + result.backward.delay_ms.mean
        assert result.rtt_ms.mean == pytest.approx(both_ways, rel=1e-6)


def test_packets_on_the_wire_are_stamp(tmp_path: Path) -> None:
    forward, backward = OnStamp({}), OnStamp({})
    before = time.time()
    stamp_over(forward, backward, tmp_path / "s.jsonl", samples=5, payload_bytes=100, dscp=46)
    sent, answers = stamp_frames(forward.passed), stamp_frames(backward.passed)
    assert len(sent) == len(answers) == 5
    for number, (request, answer) in enumerate(zip(sent, answers, strict=True)):
        asked = STAMPSessionSenderTestUnauthenticated(bytes(request[UDP].payload))
        said = STAMPSessionReflectorTestUnauthenticated(bytes(answer[UDP].payload))
        for packet in (request, answer):
            assert (packet[IP].ttl, packet[IP].tos >> 2) == (255, 46)
            assert len(packet[UDP].payload) == 100, "both directions carry the same load"
        assert (asked.seq, asked.ssid, asked.mbz) == (number, 1, 0)
        assert (asked.err_estimate.S, asked.err_estimate.Z) == (0, 0)
        assert asked.err_estimate.multiplier > 0, "0 would mean the estimate is not valid"
        assert asked.tlv_objects[0].type == 1
        assert int(asked.tlv_objects[0].flags) == 0x80, "U, the first bit; scapy 2.8 names them backwards"
        assert said.tlv_objects[0].flags == 0, "the reflector knows the Extra Padding TLV"
        assert (said.seq, said.seq_sender, said.ssid, said.ttl_sender) == (number, number, 1, 255)
        assert bytes(answer[UDP].payload)[28:36] == bytes(request[UDP].payload)[4:12], "the sender's time"
        times = [unix_seconds(bytes(packet[UDP].payload), at) for packet, at in ((request, 4), (answer, 4))]
        assert before - 1 < times[0] < times[1] < time.time() + 1


def unix_seconds(packet: bytes, offset: int) -> float:
    return int.from_bytes(packet[offset : offset + 8], "big") / 2**32 - 2_208_988_800


def test_losses_there_and_back_are_told_apart(tmp_path: Path) -> None:
    forward = OnStamp(dict.fromkeys((3, 4, 11, 19), "drop"))
    backward = OnStamp(dict.fromkeys((0, 9), "drop"))
    result = stamp_over(forward, backward, tmp_path / "s.jsonl")
    assert (result.sent, result.forward.lost, result.backward.lost, result.lost) == (20, 4, 2, 6)
    assert result.rtt_ms is not None
    assert result.rtt_ms.count == 14
    assert result.forward.delay_ms is not None
    assert result.forward.delay_ms.count == 16, "a packet lost on its way back still had a delay there"
    assert result.forward.duplicated == result.backward.duplicated == 0


def test_duplicates_and_reordering_are_counted_by_direction(tmp_path: Path) -> None:
    forward = OnStamp({2: "double", 5: "hold", 12: "double"})
    backward = OnStamp({8: "double", 15: "hold"})
    result = stamp_over(forward, backward, tmp_path / "s.jsonl")
    assert result.lost == 0
    assert (result.forward.duplicated, result.backward.duplicated) == (2, 1)
    assert (result.forward.reordered, result.backward.reordered) == (1, 1)


def test_nothing_comes_back_and_yet_there_is_a_result(tmp_path: Path) -> None:
    result = stamp_over(
        OnStamp(dict.fromkeys(range(20), "drop")), OnStamp({}), tmp_path / "s.jsonl", wait_ms=100
    )
    assert (result.sent, result.forward.lost, result.rtt_ms) == (20, 20, None)


def test_stray_packets_are_counted_not_believed(tmp_path: Path) -> None:
    class AddsStray(OnStamp):
        def act(self, frame: bytes, what: str) -> list[bytes]:
            foreign = bytearray(frame)
            foreign[42 + 14 : 42 + 16] = b"\x00\x63"  # another session's SSID
            foreign[40:42] = b"\x00\x00"  # UDP without checksum
            return [frame, bytes(foreign)]

    result = stamp_over(OnStamp({}), AddsStray({}), tmp_path / "s.jsonl")
    assert (result.stray, result.lost, result.backward.duplicated) == (20, 0, 0)


def test_a_killed_run_keeps_its_samples(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"

    class KilledError(Exception):
        pass

    def kill(done: int, _total: int) -> None:
        if done > 60:
            raise KilledError

    with veth_pair() as pair, pytest.raises(KilledError):
        measure_latency(
            [pair],
            samples=4000,
            interval_ms=5,
            dscp=0,
            seed=1,
            samples_file=file,
            wait_ms=50,
            progress=kill,
        )
    kept = read_results(file)["alpha", "beta"]
    assert 20 < kept.sent < 4000


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with veth_pair() as (a, b):
        with inside_namespace(b):
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            taken.bind((b.ip, STAMP_PORT))
        with taken, pytest.raises(MeasurementError, match=r"UDP port 862 of .* cannot be opened"):
            measure_latency(
                [(a, b)], samples=1, interval_ms=1, dscp=0, seed=1, samples_file=tmp_path / "s.jsonl"
            )


def test_a_host_that_is_gone_is_said_so(tmp_path: Path) -> None:
    gone = Endpoint("gamma", "10.1.1.3", "/proc/4194304/ns/net")
    with pytest.raises(MeasurementError, match=r"namespace .* cannot be opened") as raised:
        inside(gone)
    assert "host of gamma" in str(raised.value)
    with veth_pair() as (a, _), pytest.raises(MeasurementError, match="namespace"):
        measure_latency(
            [(a, gone)], samples=1, interval_ms=1, dscp=0, seed=1, samples_file=tmp_path / "s.jsonl"
        )


def inside(endpoint: Endpoint) -> None:
    with inside_namespace(endpoint):
        pass


def test_a_thread_returns_from_a_namespace_even_after_an_error() -> None:
    own = Path("/proc/thread-self/ns/net").readlink()
    with veth_pair() as (a, _):
        with inside_namespace(a):
            assert Path("/proc/thread-self/ns/net").readlink() != own
        with pytest.raises(ZeroDivisionError), inside_namespace(a):
            raise ZeroDivisionError
        assert Path("/proc/thread-self/ns/net").readlink() == own


def test_ping_agrees_and_counts_losses() -> None:
    numbers = itertools.count()

    def drop_the_third_answer(frame: bytes) -> list[bytes]:
        icmp = frame[12:14] == b"\x08\x00" and frame[23] == 1
        return [] if icmp and next(numbers) == 2 else [frame]

    with programmed_wire(keep, drop_the_third_answer) as (a, b):
        results = measure_ping([(a, b)], count=6, interval_ms=200)
    result = results["alpha", "beta"]
    assert (result.sent, result.received, result.lost, result.duplicated) == (6, 5, 1, 0)
    assert result.min_ms is not None
    assert result.max_ms is not None
    assert 0 < result.min_ms <= result.max_ms < 1000


def test_ping_says_why_it_cannot() -> None:
    with veth_pair() as (a, b), pytest.raises(MeasurementError, match="Network is unreachable"):
        measure_ping([(a, replace(b, ip="192.0.2.1"))], count=1)


@pytest.fixture
def layout() -> Layout:
    return Layout.of(load("tiny"))


def test_the_path_is_what_was_crossed(layout: Layout) -> None:
    with chain_of_switches(layout, ["qingyang", "lanzhou", "xian", "beijing"]) as (start, end):
        crossed = observe_paths(layout, [(start, end)], probes=3, dscp=46)["qingyang", "beijing"]
    assert crossed.sites == ("qingyang", "lanzhou", "xian", "beijing")
    assert crossed.links == tuple(layout.links)[:3]
    assert crossed.hops == 3
    assert crossed.ttl_at_arrival == 64 - 4
    assert crossed.probes == 3
    assert len(crossed.per_hop_ms) == 3
    assert all(0 < hop < 1000 for hop in crossed.per_hop_ms)


def test_a_switch_that_keeps_the_ttl_makes_the_path_inconsistent(layout: Layout) -> None:
    with (
        chain_of_switches(layout, ["qingyang", "lanzhou", "xian"], keeps_ttl="lanzhou") as (start, end),
        pytest.raises(MeasurementError, match="TTL does not fall by one at lanzhou"),
    ):
        observe_paths(layout, [(start, end)])


def test_a_probe_that_never_arrives_was_last_seen_somewhere(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_ROUND_TIMEOUT_S", 1.0)  # it never comes, however long one waits
    with chain_of_switches(layout, ["qingyang", "lanzhou", "xian"]) as (start, end):
        on_host(end, "ip link set eth0 down")
        with pytest.raises(MeasurementError, match="no probe arrived; last seen at xian"):
            observe_paths(layout, [(start, end)])


def repeated(measure: Callable[[], Throughput], good: Callable[[Throughput], bool]) -> Throughput:
    """Measure up to four times: a busy machine may spoil a run, but what is wrong stays wrong."""
    for _ in range(3):
        result = measure()
        if good(result):
            return result
    return measure()


def test_tcp_fills_a_shaped_link() -> None:
    with shaped_pair(rate="50mbit", queue_bytes=125_000) as (a, b):
        result = repeated(
            lambda: measure_tcp(a, b, seconds=2, declared_mbps=50, congestion_control="cubic"),
            lambda result: 0.85 < result.share < 1.03,
        )
    assert 0.85 < result.share < 1.03
    assert result.congestion_control == "cubic"
    assert result.retransmits is not None
    assert result.wire_mbps == pytest.approx(result.mbps * 1514 / 1448)


def test_udp_below_the_rate_arrives() -> None:
    with shaped_pair(rate="50mbit", queue_bytes=250_000) as (a, b):
        result = repeated(
            lambda: measure_udp(a, b, seconds=1, declared_mbps=50, offered_mbps=25),
            lambda result: result.lost_ratio == 0 and abs(result.share - 0.5) < 0.05,
        )
    assert result.lost_ratio == 0
    assert result.share == pytest.approx(0.5, rel=0.1)


def test_udp_beyond_the_rate_does_not_arrive() -> None:
    """Lost at the queue; or held back, where a veth leaves a packet charged to its sender's socket."""

    def lost_or_held_back(result: Throughput) -> bool:
        return abs((result.lost_ratio or 0) - 1 / 3) < 0.05 or result.lost_ratio == 0

    with shaped_pair(rate="20mbit", queue_bytes=50_000) as (a, b):
        result = repeated(
            lambda: measure_udp(a, b, seconds=2, declared_mbps=20, offered_mbps=30, dscp=46),
            lambda result: lost_or_held_back(result) and abs(result.share - 1) < 0.03,
        )
    assert lost_or_held_back(result)
    assert result.share == pytest.approx(1, abs=0.03)


def test_iperf3_says_why_it_cannot_and_leaves_nothing_behind() -> None:
    with veth_pair() as (a, b):
        with pytest.raises(MeasurementError, match="congestion"):
            measure_tcp(a, b, seconds=1, declared_mbps=50, congestion_control="nonsense")
        with pytest.raises(InputError):
            measure_tcp(a, b, seconds=0, declared_mbps=50)
        running = subprocess.run(["ps", "-eo", "comm="], capture_output=True, text=True, check=True)
        assert "iperf3" not in running.stdout.split()
