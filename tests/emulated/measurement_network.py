"""Small networks for the tests of measurements: hosts are bare namespaces, wires are veth pairs or our own.

Not the emulated network of the project: a measurement must be right on whatever it measures.
"""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from experiments.measurement.endpoint import Endpoint
from topology.emulation.layout import Layout

_ETH_P_ALL = 3
_PACKET_OUTGOING = 4

Rule = Callable[[bytes], Sequence[bytes]]
"""What a wire makes of a frame: the frames that leave it."""


def sh(*commands: str) -> None:
    """Run commands, words separated by blanks; a failing one fails the test."""
    for command in commands:
        subprocess.run(command.split(), check=True, capture_output=True, text=True)


def on_host(endpoint: Endpoint, *commands: str) -> None:
    """Run commands on a host."""
    sh(*(f"nsenter --net={endpoint.namespace} -- {command}" for command in commands))


def pid_of(endpoint: Endpoint) -> str:
    """The process that holds a host's namespace."""
    return endpoint.namespace.split("/")[2]


@contextmanager
def hosts(*sites: str) -> Iterator[list[Endpoint]]:
    """Hosts without interfaces, in namespaces of their own: 10.1.1.1, 10.1.1.2, ..."""
    own = Path("/proc/thread-self/ns/net").readlink()
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "300"]) for _ in sites]
    try:
        for holder in holders:
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
                time.sleep(0.001)
        yield [
            Endpoint(site, f"10.1.1.{number}", f"/proc/{holder.pid}/ns/net")
            for number, (site, holder) in enumerate(zip(sites, holders, strict=True), start=1)
        ]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def bring_up(endpoint: Endpoint) -> None:
    """Give ``eth0`` of a host its addresses (MAC 02:00:00:00:00:NUMBER), offloads off as in the project."""
    on_host(
        endpoint,
        f"ip link set eth0 address 02:00:00:00:00:{int(endpoint.ip.rpartition('.')[2]):02x}",
        f"ip address add {endpoint.ip}/24 dev eth0",
        "ip link set eth0 up",
        "ip link set lo up",
        "ethtool -K eth0 tx off tso off gso off gro off",
    )


@contextmanager
def ports_to(ends: Mapping[str, Endpoint]) -> Iterator[None]:
    """A veth pair from an interface here, by name, to ``eth0`` of each host."""
    try:
        for name, host in ends.items():
            sh(f"ip link add {name} type veth peer name eth0 netns {pid_of(host)}", f"ip link set {name} up")
            bring_up(host)
        yield
    finally:
        for name in ends:
            subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)


@contextmanager
def veth_pair() -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts joined by a bare veth pair."""
    with hosts("alpha", "beta") as (first, second):
        sh(f"ip link add eth0 netns {pid_of(first)} type veth peer name eth0 netns {pid_of(second)}")
        bring_up(first)
        bring_up(second)
        yield first, second


@contextmanager
def shaped_pair(*, rate: str, queue_bytes: int) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts on a Linux bridge; its port towards the second is shaped by HTB, as the links are."""
    with hosts("alpha", "beta") as (first, second), ports_to({"port0": first, "port1": second}):
        sh(
            "ip link add bridge0 type bridge",
            "ip link set bridge0 up",
            "ip link set port0 master bridge0",
            "ip link set port1 master bridge0",
            "tc qdisc add dev port1 root handle 1: htb default 1",
            f"tc class add dev port1 parent 1: classid 1:1 htb rate {rate} burst 3k cburst 3k quantum 1514",
            f"tc qdisc add dev port1 parent 1:1 bfifo limit {queue_bytes}",
        )
        try:
            yield first, second
        finally:
            sh("ip link delete bridge0")


@contextmanager
def programmed_wire(forward: Rule, backward: Rule) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Two hosts joined by a wire that does what the rules say."""
    with (
        hosts("alpha", "beta") as (first, second),
        ports_to({"wire0": first, "wire1": second}),
        carrying({"wire0": ("wire1", forward), "wire1": ("wire0", backward)}),
    ):
        yield first, second


@contextmanager
def chain_of_switches(
    layout: Layout, chain: Sequence[str], *, keeps_ttl: str = ""
) -> Iterator[list[Endpoint]]:
    """Hosts at both ends of a chain of sites, joined by interfaces named as ``layout`` says.

    The switches are ours: in at one interface, TTL less one, out at the next. The one at ``keeps_ttl``
    forgets the TTL. They carry IPv4 from the first host to the last only.
    """
    first, last = layout.sites[chain[0]], layout.sites[chain[-1]]
    with (
        hosts(chain[0], chain[-1]) as (start, end),
        ports_to({first.switch_interface: start, last.switch_interface: end}),
        _links(layout, chain, keeps_ttl) as ways,
        carrying(ways),
    ):
        on_host(start, f"ip neighbour replace {end.ip} lladdr 02:00:00:00:00:02 dev eth0")
        yield [start, end]


@contextmanager
def _links(layout: Layout, chain: Sequence[str], keeps_ttl: str) -> Iterator[dict[str, tuple[str, Rule]]]:
    """The links of a chain as veth pairs, and how frames go on between all interfaces."""
    rules = {site: keep if site == keeps_ttl else less_ttl for site in chain}
    ways: dict[str, tuple[str, Rule]] = {}
    made = []
    incoming = layout.sites[chain[0]].switch_interface
    for here, there in pairwise(chain):
        link = next(each for each in layout.links.values() if {each.a.site, each.b.site} == {here, there})
        near, far = (link.a, link.b) if link.a.site == here else (link.b, link.a)
        for side in (near, far):
            sh(f"ip link add {side.interface} type veth peer name {side.wire}")
            sh(f"ip link set {side.interface} up", f"ip link set {side.wire} up")
            made.append(side.interface)
        ways[incoming] = (near.interface, rules[here])
        ways[near.wire] = (far.wire, keep)
        incoming = far.interface
    ways[incoming] = (layout.sites[chain[-1]].switch_interface, rules[chain[-1]])
    try:
        yield ways
    finally:
        sh(*(f"ip link delete {name}" for name in made))


def keep(frame: bytes) -> list[bytes]:
    """The rule of a perfect wire."""
    return [frame]


def less_ttl(frame: bytes) -> list[bytes]:
    """The rule of a router: one less in the TTL, and the checksum to match (RFC 1624)."""
    if frame[12:14] != b"\x08\x00":
        return []
    routed = bytearray(frame)
    routed[22] -= 1
    checksum = struct.unpack_from("!H", routed, 24)[0] + 0x0100
    struct.pack_into("!H", routed, 24, (checksum & 0xFFFF) + (checksum >> 16))
    return [bytes(routed)]


@contextmanager
def carrying(ways: Mapping[str, tuple[str, Rule]]) -> Iterator[None]:
    """Carry frames between interfaces here: what enters by a name leaves by another, as the rule makes it."""
    opened = {name: _raw_socket(name) for name in {*ways, *(out for out, _ in ways.values())}}
    rules = {opened[name]: (opened[out], rule) for name, (out, rule) in ways.items()}
    stop, stopped = socket.socketpair()

    def carry() -> None:
        while True:
            ready, _, _ = select.select([*rules, stopped], [], [])
            if stopped in ready:
                return
            for end in ready:
                frame, address = end.recvfrom(65536)
                if address[2] != _PACKET_OUTGOING:
                    out, rule = rules[end]
                    for each in rule(frame):
                        with suppress(OSError):  # the far end is down
                            out.send(each)

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield
    finally:
        stop.send(b"x")
        thread.join()
        for each in (*opened.values(), stop, stopped):
            each.close()


def _raw_socket(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.bind((interface, _ETH_P_ALL))
    return opened
