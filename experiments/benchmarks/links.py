"""An emulated link against a bare veth pair, in one run: what the pipe costs.

Two hosts are joined twice: by a veth pair, and by two veth pairs with a pipe of 1 ms between them. There is
no shaper, so what is seen is the pipe. Every pipe that this machine can run is measured.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.measurement.endpoint import Endpoint, run_in_namespace
from experiments.measurement.iperf3 import run_iperf3
from topology.emulation.cell import private_network
from topology.emulation.injection import Direction, Injector
from topology.emulation.links import LinkProperties, Wire
from topology.emulation.links.choose import pipe_for, probe_netem
from topology.emulation.links.userspace import UserspacePipe
from topology.errors import EmulationError

UDP_PAYLOAD_BYTES = 1400
DELAY_MS = 1.0
IDLE_LINKS = 80
_UNSHAPED = LinkProperties(rate_mbps=20_000, delay_ms=DELAY_MS)
_OFFLOADS = ("tx", "rx", "sg", "tso", "gso", "gro")
_ROW_OF_SPEED = "veth pair without a pipe"


def bench_links(seconds: float = 2) -> list[dict[str, Any]]:
    """Throughput, added delay and idle cost of each pipe; inside a cell. ``seconds`` per measurement."""
    names = ["userspace"] + (["netem"] if probe_netem()[0] else [])
    rows = []
    for name in names:
        with private_network():
            rows += _throughput(name, max(1, round(seconds)))
        with private_network():
            rows += _added_delay(name, seconds)
    with private_network():
        rows.append(_idle(seconds))
    return rows


def _throughput(name: str, seconds: int) -> list[dict[str, Any]]:
    pipe = pipe_for(name)
    rows = []
    with _host() as a, _host() as b:
        _ip(
            f"link add name bare netns {a} type veth peer name bare netns {b}",
            f"link add name piped netns {a} type veth peer name wa",
            f"link add name piped netns {b} type veth peer name wb",
            "link set wa up",
            "link set wb up",
        )
        for pid, last in ((a, 1), (b, 2)):
            for number, interface in enumerate(("bare", "piped"), start=1):
                _ip(f"addr add 10.9.{number}.{last}/24 dev {interface}", f"link set {interface} up", pid=pid)
        pipe.start([Wire("bench", "wa", "wb", _UNSHAPED)], 1)
        try:
            for offload, options, what in (
                ("on", (), "TCP with offloads"),
                ("off", (), "TCP of real-size packets"),
                ("off", ("--udp", "--bitrate", "0", "--length", str(UDP_PAYLOAD_BYTES)), "UDP"),
            ):
                for pid in (a, b):
                    _set_offloads(pid, offload)
                other, ours = (
                    _received_mbps(a, b, network, options, seconds) for network in ("10.9.1", "10.9.2")
                )
                if options:
                    per_second = 1e6 / 8 / UDP_PAYLOAD_BYTES
                    rows.append(
                        _row(f"{name}: {what}", ours * per_second, other * per_second, "packets/s", 0)
                    )
                else:
                    rows.append(_row(f"{name}: {what}", ours / 1e3, other / 1e3, "Gbit/s", 2))
        finally:
            pipe.stop()
    return rows


def _added_delay(name: str, seconds: float) -> list[dict[str, Any]]:
    """One-way delay beyond what was declared, on an idle link, beside that of a veth pair alone."""
    pipe = pipe_for(name)
    _quiet()
    _ip(
        *(f"link add name s{end} type veth peer name w{end}" for end in "ab"),
        *(f"link set {kind}{end} up" for end in "ab" for kind in "sw"),
    )
    count = max(100, round(seconds * 500))
    pipe.start([Wire("bench", "wa", "wb", _UNSHAPED)], 1)
    try:
        piped_us = _delays_us(Direction("sa", "sb", 2 * DELAY_MS, 1000.0), count, seconds)
    finally:
        pipe.stop()
    bare_us = _delays_us(Direction("sa", "wa", 1.0, 1000.0), count, seconds)
    added_us = [delay - DELAY_MS * 1e3 for delay in piped_us]
    return [
        {
            "what": f"{name}: added delay, {label}",
            "ours": round(_percentile(added_us, share), 1),
            "other": round(_percentile(bare_us, share), 1),
            "unit": "µs",
            "ratio": "",
            "against": _ROW_OF_SPEED,
        }
        for label, share in (("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999))
    ]


def _idle(seconds: float) -> dict[str, Any]:
    """Share of one processor that a delay line with many links takes while nothing is sent."""
    pipe = UserspacePipe()
    numbers = range(IDLE_LINKS)
    _quiet()
    ends = [f"{end}{number}" for number in numbers for end in "ab"]
    _ip(
        *(f"link add name s{end} type veth peer name w{end}" for end in ends),
        *(f"link set {side}{end} up" for end in ends for side in "sw"),
    )
    pipe.start([Wire(f"l{number}", f"wa{number}", f"wb{number}", _UNSHAPED) for number in numbers], 1)
    try:
        time.sleep(0.5)
        before, begun = pipe.state()["cpu_seconds"], time.monotonic()
        time.sleep(seconds)
        share = (pipe.state()["cpu_seconds"] - before) / (time.monotonic() - begun)
    finally:
        pipe.stop()
    return {
        "what": f"userspace: {IDLE_LINKS} links without traffic",
        "ours": round(share * 100, 2),
        "other": "",
        "unit": "% of a CPU",
        "ratio": "",
        "against": "",
    }


def _row(what: str, ours: float, other: float, unit: str, digits: int) -> dict[str, Any]:
    return {
        "what": what,
        "ours": round(ours, digits or None),
        "other": round(other, digits or None),
        "unit": unit,
        "ratio": round(ours / other, 2) if other else "",
        "against": _ROW_OF_SPEED,
    }


def _received_mbps(a: int, b: int, network: str, options: tuple[str, ...], seconds: int) -> float:
    ends = [
        Endpoint(f"{network}.{n}", f"{network}.{n}", f"/proc/{pid}/ns/net") for n, pid in ((1, a), (2, b))
    ]
    _sent, received = run_iperf3(ends[0], ends[1], options, seconds=seconds, dscp=0, port=5201)
    return received.mbps


def _delays_us(direction: Direction, count: int, seconds: float) -> list[float]:
    with Injector([direction]) as injector:
        seen = injector.probes([0], count, seconds)[0]
    left = dict(seen.left)
    delays = [(at - left[number]) / 1e3 for number, at in seen.arrived if number in left]
    if not delays:
        raise EmulationError("no frame came through the link under test")
    return delays


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


@contextmanager
def _host() -> Iterator[int]:
    """A process in a network namespace of its own; gives its id."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        own = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
            if time.monotonic() > deadline:
                raise EmulationError("a network namespace could not be made")
            time.sleep(0.005)
        yield holder.pid
    finally:
        holder.kill()
        holder.wait()


def _quiet() -> None:
    """Keep the kernel from sending IPv6 neighbour frames of its own over the links."""
    setting = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    if setting.exists():
        setting.write_text("1")


def _ip(*commands: str, pid: int | None = None) -> None:
    where = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
    done = subprocess.run(
        [*where, "ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True
    )
    if done.returncode != 0:
        raise EmulationError(f"ip failed: {done.stderr.strip()}")


def _set_offloads(pid: int, state: str) -> None:
    endpoint = Endpoint("bench", "", f"/proc/{pid}/ns/net")
    settings = [word for name in _OFFLOADS for word in (name, state)]
    for interface in ("bare", "piped"):
        run_in_namespace(endpoint, ["ethtool", "-K", interface, *settings], timeout_s=10)
