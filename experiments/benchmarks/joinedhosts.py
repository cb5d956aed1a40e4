"""Two hosts joined twice: by a veth pair alone, and by two of them with a pipe between. For comparisons."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experiments.capability.testlinks import ip
from experiments.measurement.endpoint import Endpoint, run_in_namespace
from experiments.measurement.host_load import CpuTimes
from experiments.measurement.iperf3 import run_iperf3
from topology.emulation.links import LinkProperties, Wire
from topology.errors import EmulationError

_OFFLOADS = ("tx", "rx", "sg", "tso", "gso", "gro")
# The largest of a flow: more than is under way at 20 Gbit/s; larger ones only leave the caches.
_WINDOW_BYTES = 16 << 20
_NETWORKS = {"bare": "10.9.1", "piped": "10.9.2"}  # by interface


@dataclass(frozen=True, slots=True)
class Carried:
    """What iperf3 got across: payload in Mbit/s, and what the whole machine worked for it.

    Attributes:
        cpu_s_per_gbit: seconds of processors, all of them together, per Gbit of payload.
        busy_ratio: share of all processors' time that went into it, 0 to 1.
    """

    mbps: float
    cpu_s_per_gbit: float
    busy_ratio: float


class JoinedHosts:
    """Two hosts, ``a`` and ``b``, by the processes that hold their namespaces."""

    def __init__(self, a: int, b: int) -> None:
        self._namespaces = [f"/proc/{pid}/ns/net" for pid in (a, b)]

    def set_offloads(self, on: bool) -> None:
        """Segmentation and checksums by the interface, as hosts have them, or not, as in a lab."""
        settings = [word for name in _OFFLOADS for word in (name, "on" if on else "off")]
        for namespace in self._namespaces:
            for interface in _NETWORKS:
                run_in_namespace(
                    Endpoint("host", "", namespace), ["ethtool", "-K", interface, *settings], timeout_s=10
                )

    def carried(self, interface: str, options: Sequence[str], seconds: int) -> Carried:
        """What goes from a to b over ``bare`` or ``piped``, by iperf3 with further ``options``."""
        network = _NETWORKS[interface]
        ends = [
            Endpoint(f"{network}.{last}", f"{network}.{last}", namespace)
            for last, namespace in enumerate(self._namespaces, start=1)
        ]
        before = CpuTimes.parse(Path("/proc/stat").read_text())
        _sent, received = run_iperf3(ends[0], ends[1], options, seconds=seconds, dscp=0, port=5201)
        after = CpuTimes.parse(Path("/proc/stat").read_text())
        busy_s = (after.total - after.idle - before.total + before.idle) / os.sysconf("SC_CLK_TCK")
        sending_s = received.seconds + received.omitted_s
        return Carried(
            received.mbps,
            busy_s / max(received.mbps * sending_s / 1e3, 1e-9),
            min(1.0, busy_s / sending_s / (os.cpu_count() or 1)),
        )


@contextmanager
def joined_hosts(properties: LinkProperties) -> Iterator[tuple[JoinedHosts, Wire]]:
    """The hosts, and the wire that a pipe shall carry. Inside a cell, in a network namespace of its own."""
    with _host() as a, _host() as b:
        ip(
            f"link add name bare netns {a} type veth peer name bare netns {b}",
            f"link add name piped netns {a} type veth peer name wa",
            f"link add name piped netns {b} type veth peer name wb",
            "link set wa up",
            "link set wb up",
        )
        for last, pid in enumerate((a, b), start=1):
            for interface, network in _NETWORKS.items():
                _inside(pid, "ip", "addr", "add", f"{network}.{last}/24", "dev", interface)
                _inside(pid, "ip", "link", "set", interface, "up")
            for memory in ("wmem", "rmem"):
                _inside(pid, "sysctl", "-qw", f"net.ipv4.tcp_{memory}=4096 131072 {_WINDOW_BYTES}")
        yield JoinedHosts(a, b), Wire("bench", "wa", "wb", properties)


def _inside(pid: int, *command: str) -> None:
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", *command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EmulationError(f"the hosts cannot be joined: {done.stderr.strip()}")


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
