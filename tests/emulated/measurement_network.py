"""Small networks for the tests of measurements: hosts are bare namespaces, wires are veth pairs or our own.

Not the emulated network of the project: a measurement must be right on whatever it measures.
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from experiments.measurement.endpoint import Endpoint

ETH_P_ALL = 3
_OUTGOING = 4


def sh(*commands: str) -> None:
    """Run commands, words separated by blanks; a failing one fails the test."""
    for command in commands:
        subprocess.run(command.split(), check=True, capture_output=True, text=True)


def on_host(endpoint: Endpoint, *commands: str) -> None:
    """Run commands on a host."""
    sh(*(f"nsenter --net={endpoint.namespace} -- {command}" for command in commands))


@contextlib.contextmanager
def hosts(*sites: str) -> Iterator[list[Endpoint]]:
    """Hosts without interfaces, in namespaces of their own: 10.1.1.1, 10.1.1.2, ..."""
    own = Path("/proc/self/ns/net").readlink()
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "300"]) for _ in sites]
    try:
        for holder in holders:
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
                pass
        yield [
            Endpoint(site, f"10.1.1.{number}", f"/proc/{holder.pid}/ns/net")
            for number, (site, holder) in enumerate(zip(sites, holders, strict=True), start=1)
        ]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def give_address(endpoint: Endpoint, interface: str, prefix_length: int = 24) -> None:
    """Bring an interface of a host up with the host's address; offloads off, as in the emulated network."""
    on_host(
        endpoint,
        f"ip address add {endpoint.ip}/{prefix_length} dev {interface}",
        f"ip link set {interface} up",
        "ip link set lo up",
        f"ethtool -K {interface} tx off tso off gso off gro off",
    )


@contextlib.contextmanager
def veth_pair(a: str = "alpha", b: str = "beta") -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts joined by a bare veth pair, ``eth0`` at both ends."""
    with hosts(a, b) as (first, second):
        pids = [host.namespace.split("/")[2] for host in (first, second)]
        sh(f"ip link add eth0 netns {pids[0]} type veth peer name eth0 netns {pids[1]}")
        for host in (first, second):
            give_address(host, "eth0")
        yield first, second


@contextlib.contextmanager
def bridged_hosts(*, rate: str, queue_bytes: int) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts on a Linux bridge whose port towards the second is shaped; HTB as on the project's links."""
    with hosts("alpha", "beta") as (first, second):
        sh("ip link add bridge0 type bridge", "ip link set bridge0 up")
        for name, host in (("port0", first), ("port1", second)):
            sh(
                f"ip link add {name} type veth peer name eth0 netns {host.namespace.split('/')[2]}",
                f"ip link set {name} master bridge0",
                f"ip link set {name} up",
            )
            give_address(host, "eth0")
        sh(
            "tc qdisc add dev port1 root handle 1: htb default 1",
            f"tc class add dev port1 parent 1: classid 1:1 htb rate {rate} burst 3k cburst 3k quantum 1514",
            f"tc qdisc add dev port1 parent 1:1 bfifo limit {queue_bytes}",
        )
        yield first, second


Rule = Callable[[bytes], Sequence[bytes]]


@contextlib.contextmanager
def programmed_wire(forward: Rule, backward: Rule) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts joined by a wire that does what the rules say: a frame comes in, these frames go out."""
    with hosts("alpha", "beta") as (first, second):
        ends = []
        for name, host in (("wire0", first), ("wire1", second)):
            sh(f"ip link add {name} type veth peer name eth0 netns {host.namespace.split('/')[2]}")
            sh(f"ip link set {name} up")
            give_address(host, "eth0")
            end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            end.bind((name, ETH_P_ALL))
            ends.append(end)
        stop, stopped = socket.socketpair()

        def carry() -> None:
            ways = {ends[0]: (ends[1], forward), ends[1]: (ends[0], backward)}
            while True:
                ready, _, _ = select.select([*ends, stopped], [], [])
                if stopped in ready:
                    return
                for end in ready:
                    frame, address = end.recvfrom(65536)
                    if address[2] != _OUTGOING:
                        other, rule = ways[end]
                        for out in rule(frame):
                            other.send(out)

        thread = threading.Thread(target=carry)
        thread.start()
        try:
            yield first, second
        finally:
            stop.send(b"x")
            thread.join()
            for opened in (*ends, stop, stopped):
                opened.close()
