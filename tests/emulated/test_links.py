"""Emulated links on real interfaces, by whichever pipes this machine has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.emulated.bare_links import bare_links, ip, layout_of, wires_of
from tests.emulated.fitness import ATTEMPTS, skip_if_unfit, skip_without_netem
from tests.patience import PATIENCE_S, wait_until
from topology.emulation.injection import Direction, Injector
from topology.emulation.layout import Layout
from topology.emulation.links import LinkProperties, Pipe, Wire, compiledcore
from topology.emulation.links.calibration import MOST_MS
from topology.emulation.links.choose import pipe_for, probe_netem
from topology.emulation.links.netem import NetemPipe
from topology.emulation.links.socketbuffers import RECEIVE_BYTES, SEND_BYTES, enlarge_packet_sockets
from topology.emulation.links.steering import steer_all
from topology.emulation.links.userspace import UserspacePipe
from topology.emulation.readback import read_back
from topology.emulation.reading import LinkReading
from topology.errors import EmulationError

pytestmark = pytest.mark.emulated

LATEST_MS = 200.0  # how late frames may come on a busy machine

# Rates as the shipped scenarios emulate them, so that a slow machine can carry them too.
MIXED = [
    LinkProperties(rate_mbps=20, delay_ms=3),
    LinkProperties(rate_mbps=16, delay_ms=8, jitter_ms=1),
    LinkProperties(rate_mbps=10, delay_ms=1, loss_ratio=0.1),
    LinkProperties(rate_mbps=4, delay_ms=12.345, queue_bytes=20_000),
]


def _line(core: str) -> UserspacePipe:
    if core == "compiled" and (reason := compiledcore.missing()):
        pytest.skip(f"the compiled core {reason}")
    return UserspacePipe(core)


@pytest.fixture(params=["compiled", "python", "netem"])
def pipe(request: pytest.FixtureRequest, cell: None) -> Pipe:
    if request.param == "netem":
        skip_without_netem()
        return NetemPipe()
    return _line(request.param)


@pytest.fixture(params=["compiled", "python"])
def line(request: pytest.FixtureRequest, cell: None) -> UserspacePipe:
    return _line(request.param)


def _problems(readings: list[LinkReading]) -> dict[tuple[str, str], list[str]]:
    return {(r.link, r.source): r.problems() for r in readings if r.problems()}


def _probe(layout: Layout, link: str = "l1", *, count: int = 20) -> list[float]:
    """One-way delays in ms from end a to end b; frames that do not arrive are missing."""
    ends = layout.links[link]
    direction = Direction(ends.a.interface, ends.b.interface, LATEST_MS, ends.properties.rate_mbps)
    with Injector([direction]) as injector:
        seen = injector.probes([0], count, 0.1)[0]
    left = dict(seen.left)
    return [(at - left[number]) / 1e6 for number, at in seen.arrived]


def test_links_do_what_they_declare(pipe: Pipe) -> None:
    with bare_links(MIXED, pipe) as layout:
        readings = read_back(layout, pipe, attempts=5)
        if _problems(readings):
            skip_if_unfit()
    assert [(r.link, r.source) for r in readings] == [
        (f"l{n}", f"{e}{n}") for n in (1, 2, 3, 4) for e in "ab"
    ]
    assert _problems(readings) == {}
    assert all(reading.sent > 70 for reading in readings)
    early_ms = 0.02 if pipe.name == "userspace" else MOST_MS  # netem's own lateness is taken off
    assert all(r.delay_min_ms >= r.declared.delay_ms - r.declared.jitter_ms - early_ms for r in readings)
    spread_ms = readings[2].delay_p95_ms - readings[2].delay_min_ms
    if spread_ms >= 2.6:
        skip_if_unfit()
    assert 1.0 < spread_ms < 2.6
    assert all(r.lost > 0 for r in readings if r.link == "l3")


def test_a_link_that_does_something_else_is_named(pipe: Pipe) -> None:
    with bare_links(MIXED[:2], pipe) as layout:
        pipe.change("l2", replace(MIXED[1], delay_ms=14))
        found = _problems(read_back(layout, pipe, attempts=3))
        if ("l1", "a1") in found or ("l1", "b1") in found:
            skip_if_unfit()
    assert set(found) == {("l2", "a2"), ("l2", "b2")}
    assert all("delay set to 14 ms instead of 8 ms" in problems for problems in found.values())
    assert all(any("declared 8.000 ms" in problem for problem in problems) for problems in found.values())


def test_a_rate_that_is_not_the_declared_one_is_found(pipe: Pipe) -> None:
    with bare_links(MIXED[:1], pipe) as layout:
        declared = Layout(
            "x", "", 1.0, {}, {"l1": replace(layout.links["l1"], properties=replace(MIXED[0], rate_mbps=12))}
        )
        for _ in range(ATTEMPTS):
            found = _problems(read_back(declared, pipe, attempts=1))["l1", "a1"]
            assert any("rate set to 20 Mbit/s instead of 12 Mbit/s" in p for p in found)
            if measured := [p for p in found if p.startswith("rate ") and "declared 12.000 Mbit/s" in p]:
                break
        else:
            skip_if_unfit()  # the frames of the train came too late to show the rate
    assert measured


def test_change_takes_effect_on_a_running_link(pipe: Pipe) -> None:
    with bare_links(MIXED[:2], pipe) as layout:
        assert min(_probe(layout)) >= 2.5
        changed = replace(MIXED[0], delay_ms=9)
        pipe.change("l1", changed)
        assert min(_probe(layout)) >= 8.5
        assert pipe.declared()["l1"].delay_ms == pytest.approx(9, abs=0.005)
        pipe.change("l1", replace(changed, loss_ratio=1.0))
        assert _probe(layout) == []
        pipe.change("l1", changed)
        assert len(_probe(layout)) == 20
        with pytest.raises(EmulationError, match="nowhere"):
            pipe.change("nowhere", changed)


def test_a_link_that_went_down_comes_back(pipe: Pipe) -> None:
    with bare_links(MIXED[:1], pipe) as layout:
        ip("link set sb1 down")
        assert _probe_from(layout, "sa1") == 0
        ip("link set sb1 up")
        assert len(_probe(layout)) == 20
        ip("link set wa1 down", "link set wb1 down")
        ip("link set wa1 up", "link set wb1 up")
        assert len(_probe(layout)) == 20
        assert pipe.alive()


def _probe_from(layout: Layout, interface: str) -> int:
    with Injector([Direction(interface, interface, 10.0, 100.0)]) as injector:
        return len(injector.probes([0], 5, 0.02)[0].arrived)


def test_stop_ends_the_frames_and_may_come_twice(pipe: Pipe) -> None:
    with bare_links(MIXED[:1], pipe) as layout:
        assert len(_probe(layout)) == 20
        assert pipe.alive()
        pipe.stop()
        assert not pipe.alive()
        assert _probe(layout) == []
        pipe.stop()


def test_a_missing_interface_is_named_and_nothing_stays(pipe: Pipe) -> None:
    with pytest.raises(EmulationError) as caught:
        pipe.start([Wire("qingyang--xian", "none-a", "none-b", MIXED[0])], 1)
    assert "qingyang--xian" in str(caught.value)
    assert not pipe.alive()


@contextmanager
def _host(interface: str, address: str) -> Iterator[str]:
    """A network namespace that holds ``interface``; gives the prefix of a command to run in it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    try:
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != own)
        inside = f"nsenter -t {holder.pid} -n "
        ip(f"link set {interface} netns {holder.pid}")
        for command in (f"addr add {address}/24 dev {interface}", f"link set {interface} up"):
            subprocess.run(f"{inside}ip {command}", shell=True, check=True)
        yield inside
    finally:
        holder.kill()
        holder.wait()


_SERVE = """
import hashlib, socket, sys
with socket.create_server(("10.9.0.2", 5000)) as server:
    print("listening", flush=True)
    peer, _ = server.accept()
    digest = hashlib.sha256()
    while data := peer.recv(1 << 20):
        digest.update(data)
    print(digest.hexdigest())
"""
_SEND = """
import hashlib, random, socket
data = random.Random(1).randbytes(8_000_000)
with socket.create_connection(("10.9.0.2", 5000)) as peer:
    peer.sendall(data)
print(hashlib.sha256(data).hexdigest())
"""


@pytest.mark.parametrize("offload", ["on", "off"])
def test_tcp_passes_whole_with_and_without_offloads(pipe: Pipe, offload: str) -> None:
    """Hosts straight on the wires, so that GSO frames of 64 KB and unfinished checksums reach the pipe."""
    ip("link add name ha type veth peer name wa", "link add name hb type veth peer name wb")
    ip("link set wa up", "link set wb up")
    features = " ".join(f"{name} {offload}" for name in ("tx", "sg", "tso", "gso", "gro"))
    with _host("ha", "10.9.0.1") as in_a, _host("hb", "10.9.0.2") as in_b:
        for inside, interface in ((in_a, "ha"), (in_b, "hb")):
            subprocess.run(f"{inside}ethtool -K {interface} {features}", shell=True, check=True, stdout=-3)
        pipe.start([Wire("wire", "wa", "wb", LinkProperties(2000, 1))], 1)
        try:
            server = subprocess.Popen(
                [*in_b.split(), sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True
            )
            assert server.stdout is not None
            assert server.stdout.readline() == "listening\n"
            sent = subprocess.run(
                [*in_a.split(), sys.executable, "-c", _SEND],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            received, _ = server.communicate(timeout=PATIENCE_S)
            assert received == sent.stdout != ""
            if isinstance(pipe, UserspacePipe):
                forth, _back = pipe.counters()["wire"]
                mean_bytes = forth.size_bytes / forth.frames
                assert mean_bytes > 3000 if offload == "on" else mean_bytes <= 1514
        finally:
            pipe.stop()


def test_losses_repeat_with_the_seed(line: UserspacePipe) -> None:
    lossy = [LinkProperties(rate_mbps=100, delay_ms=1, loss_ratio=0.3)]
    with bare_links(lossy, line, seed=5) as layout:
        first = _arrived(layout)
        line.stop()
        for seed, same in ((5, True), (6, False)):
            again = UserspacePipe(line.core)
            again.start(wires_of(layout), seed)
            assert (_arrived(layout) == first) is same
            again.stop()


def _arrived(layout: Layout) -> list[int]:
    ends = layout.links["l1"]
    with Injector([Direction(ends.a.interface, ends.b.interface, LATEST_MS, 100.0)]) as injector:
        return [number for number, _at in injector.probes([0], 60, 0.1)[0].arrived]


def test_a_killed_delay_line_is_noticed(line: UserspacePipe) -> None:
    with bare_links(MIXED[:1], line) as layout:
        os.kill(line.pid, signal.SIGKILL)
        wait_until(lambda: not line.alive())
        with pytest.raises(EmulationError, match="links are dead"):
            read_back(layout, line)
        with pytest.raises(EmulationError, match="killed by SIGKILL"):
            line.declared()
        line.stop()


def test_the_delay_line_dies_with_its_parent(cell: None, tmp_path: Path) -> None:
    program = (
        "import time\n"
        "from tests.emulated.bare_links import bare_links\n"
        "from topology.emulation.links import LinkProperties\n"
        "from topology.emulation.links.userspace import UserspacePipe\n"
        "pipe = UserspacePipe()\n"
        "with bare_links([LinkProperties(100, 1)], pipe):\n"
        "    print(pipe.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}/ns").exists()
    parent.kill()
    parent.wait()
    wait_until(lambda: not _running(pid))


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_many_links_start_and_stop_and_are_counted(line: UserspacePipe) -> None:
    with bare_links([LinkProperties(50, 2)] * 40, line) as layout:
        assert len(_probe(layout, "l40")) == 20
        counters = line.counters()
        assert counters["l40"][0].frames == 20
        assert counters["l40"][1].frames == counters["l1"][0].frames == 0
        assert line.state()["priority"] in ("fifo", "nice", "plain")


def test_auto_takes_netem_where_there_is_one(cell: None) -> None:
    available, _reason = probe_netem()
    assert pipe_for("auto").name == ("netem" if available else "userspace")
    assert pipe_for("userspace").name == "userspace"
    assert layout_of([]).links == {}


def test_steering_reaches_the_interfaces_of_this_namespace_only(cell: None) -> None:
    if os.cpu_count() == 1:
        pytest.skip("one processor cannot reorder")
    before = set(Path("/proc/mounts").read_text().splitlines())
    ip("link add name va type veth peer name vb")
    assert steer_all() == 3  # lo, va, vb
    assert set(Path("/proc/mounts").read_text().splitlines()) == before


_HOLD = """
import socket, sys
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("open", flush=True)
sys.stdin.readline()
print(packet.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), flush=True)
print(packet.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), flush=True)
"""


def test_the_packet_sockets_of_a_switch_are_enlarged_from_outside(cell: None) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    assert enlarge_packet_sockets(holder.pid) == 1
    said, _ = holder.communicate("go\n", timeout=30)
    assert [int(line) for line in said.split()] == [2 * SEND_BYTES, 2 * RECEIVE_BYTES]
    assert enlarge_packet_sockets(holder.pid) == 0
