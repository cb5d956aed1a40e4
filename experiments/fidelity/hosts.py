"""Two hosts, joined by every link under test: real IP stacks at both ends, and nothing else between.

::

    | host west | host0 = to-west | router | link = pipe = link | router | to-east = host0 | host east |

The cell's own network namespace is the router at both ends: what comes from host west leaves by the link
whose number is in the destination address, and what comes out of a link goes to the host. A packet that a
router forwards no longer belongs to its sender's socket. So a full queue drops it, as at a remote router,
and does not hold the sender back. As in a lab, the hosts have their offloads off: a frame is one packet.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from experiments.capability.testlinks import ip, quiet_interfaces
from experiments.fidelity.links import links_of
from experiments.measurement.endpoint import Endpoint, inside_namespace, run_in_namespace
from topology.emulation.cell import fresh_network_namespace
from topology.emulation.layout import Layout, LinkLayout
from topology.emulation.links import Pipe
from topology.errors import EmulationError

Pairs = Mapping[str, tuple[Endpoint, Endpoint]]
SOCKET_BUFFER_BYTES = 64 << 20  # ten times what the fullest link holds under way and in its queue
_IPV4 = Path("/proc/sys/net/ipv4")  # of the namespace of the thread that looks
_WEST, _EAST = 1, 2
_GATEWAY = {_WEST: "to-west", _EAST: "to-east"}
_TABLE = {_WEST: 101, _EAST: 102}
_HOST_SETTINGS = {
    "tcp_rmem": f"4096 131072 {SOCKET_BUFFER_BYTES}",
    "tcp_wmem": f"4096 16384 {SOCKET_BUFFER_BYTES}",
    "tcp_no_metrics_save": "1",  # or a connection would begin with what an earlier one has learnt
}
_ROUTER_SETTINGS = {"ip_forward": "1", "conf/all/rp_filter": "0", "conf/default/rp_filter": "0"}


@contextmanager
def hosts_joined_by(layout: Layout, pipe: Pipe, seed: int) -> Iterator[Pairs]:
    """The links of ``layout``, up, and by each of them the addresses of its two hosts, by the link's name.

    Inside a cell, in a network namespace of its own. Raises ``EmulationError``, ``MeasurementError``.
    """
    with ExitStack() as stack:
        hosts = {side: stack.enter_context(_namespace()) for side in (_WEST, _EAST)}
        stack.enter_context(links_of(layout, pipe, seed))
        links = list(layout.links.values())
        _set(_ROUTER_SETTINGS)
        for side, host in hosts.items():
            ip(*_host_link(side, host))
            stack.callback(ip, *_host_link_gone(side))
            _configure(side, host, links)
        ip(*(line for link in links for line in _routes(link)))
        yield {link.link: _ends(link, hosts) for link in links}


def tcp_settings(host: Endpoint) -> dict[str, str]:
    """What the host's kernel says of the settings that are made here."""
    with inside_namespace(host):
        return {name: " ".join((_IPV4 / name).read_text().split()) for name in _HOST_SETTINGS}


def _ends(link: LinkLayout, hosts: Mapping[int, str]) -> tuple[Endpoint, Endpoint]:
    west, east = (
        Endpoint(f"{link.link}, {name}", _address(side, link.number), hosts[side])
        for side, name in ((_WEST, "west"), (_EAST, "east"))
    )
    return west, east


@contextmanager
def _namespace() -> Iterator[str]:
    """A network namespace that lives as long as this; gives a path to it."""
    made: list[int] = []

    def make() -> None:  # in a thread of its own, so that no other one leaves its namespace
        fresh_network_namespace()
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise EmulationError("a network namespace could not be made")
    try:
        yield f"/proc/{os.getpid()}/fd/{made[0]}"
    finally:
        os.close(made[0])


def _host_link(side: int, host: str) -> Iterator[str]:
    gateway = _GATEWAY[side]
    yield f"link add name {gateway} type veth peer name host0 netns {host}"
    yield f"addr add 10.{side}.255.254/16 dev {gateway}"
    yield f"link set {gateway} up"
    yield f"rule add iif {gateway} lookup {_TABLE[side]}"


def _host_link_gone(side: int) -> Iterator[str]:
    yield f"link del {_GATEWAY[side]}"
    yield f"rule del lookup {_TABLE[side]}"


def _routes(link: LinkLayout) -> Iterator[str]:
    """From one host over the link, to the other's address there. Nobody has to ask for hardware addresses."""
    ways = ((_WEST, _EAST, link.a.interface), (_EAST, _WEST, link.b.interface))
    for side, _other, here in ways:  # all before the neighbours, which an interface loses with its address
        yield f"link set {here} address {_hardware_address(side, link.number)}"
    for side, other, here in ways:
        destination, hardware = _address(other, link.number), _hardware_address(other, link.number)
        yield f"route add {destination} dev {here} table {_TABLE[side]}"
        yield f"neigh add {destination} lladdr {hardware} dev {here} nud permanent"


def _configure(side: int, host: str, links: list[LinkLayout]) -> None:
    endpoint = Endpoint(f"side {side}", "", host)
    with inside_namespace(endpoint):
        quiet_interfaces()
        _set(_HOST_SETTINGS)
        other = _EAST if side == _WEST else _WEST
        ip(
            "link set host0 up",
            *(f"addr add {_address(side, link.number)}/16 dev host0" for link in links),
            *(
                f"route add {_address(other, link.number)} via 10.{side}.255.254"
                f" src {_address(side, link.number)}"
                for link in links
            ),
        )
    off = [word for name in ("tx", "rx", "sg", "tso", "gso", "gro") for word in (name, "off")]
    done = run_in_namespace(endpoint, ["ethtool", "-K", "host0", *off], timeout_s=10)
    if done.returncode != 0:
        raise EmulationError(f"the offloads of a host cannot be turned off: {done.stderr.strip()}")


def _address(side: int, number: int) -> str:
    return f"10.{side}.{number}.1"


def _hardware_address(side: int, number: int) -> str:
    return f"02:00:00:00:{side:02x}:{number:02x}"


def _set(settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        try:
            (_IPV4 / name).write_text(value)
        except OSError as error:
            raise EmulationError(f"net.ipv4.{name} cannot be set: {error.strerror}") from None
