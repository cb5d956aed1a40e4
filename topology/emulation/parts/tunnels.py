"""The tunnels of a part: point-to-point VXLAN (RFC 7348), one for each link that crosses, and one more for
OpenFlow.

A tunnel is made in the machine's own network namespace, where its UDP socket stays, but appears in that of
the lab: it goes with the lab, and the machine's list of interfaces never shows it. ip-link(8).

Where the ``a`` end of the link is, the tunnel stands for the wire end of ``b``: the pipe carries frames
between it and the wire end of ``a``. Where the ``b`` end is, it is the switch's interface itself, with rate
and queue at its egress as at any other's.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence

from topology.emulation.layout import MTU_BYTES
from topology.emulation.links import tc
from topology.emulation.parts.reach import OutsideNetwork
from topology.errors import EmulationError
from topology.placement import management
from topology.placement.parts import CrossingEnd, Part

MANAGEMENT = "management"
_FREE_S, _POLL_S = 10.0, 0.1
_IN_USE = ("already exists", "File exists")
_EVERYONE = "00:00:00:00:00:00"  # in a forwarding table: frames to addresses that have not been learnt


def device_of(end: CrossingEnd) -> str:
    """The name of the tunnel's interface in the lab's namespace."""
    return end.link.b.wire if end.holds_pipe else end.here.interface


def make_tunnels(part: Part, outside: OutsideNetwork) -> None:
    """Make all tunnels of ``part`` in the calling process's network namespace, up and running.

    Raises ``EmulationError`` if the kernel refuses, as where another lab uses the same numbers.
    """
    _make(outside, tunnel_commands(part, os.getpid()))
    _batch(["ip"], local_commands(part))
    _batch(["bridge"], forwarding_commands(part))
    for end in part.crossings.values():
        # A frame on the wire shall be one frame to the pipe, the switch and the capture.
        _run(["ethtool", "-K", device_of(end), "gro", "off"], "")


def tunnel_commands(part: Part, pid: int) -> list[str]:
    """For ``ip -batch`` in the machine's own namespace; the tunnels appear in that of ``pid``. Pure."""
    fragment = "unset" if part.fragments else "set"
    commands = [
        f"link add {device_of(end)} mtu {MTU_BYTES} netns {pid} type vxlan id {end.vni}"
        f" local {end.local_address} remote {end.remote_address} dstport {part.vxlan_port}"
        f" nolearning ttl 64 df {fragment}"
        for end in part.crossings.values()
    ]
    of_switches = part.management
    commands.append(
        f"link add {MANAGEMENT} mtu {management.MTU_BYTES} netns {pid} type vxlan id {of_switches.vni}"
        f" local {of_switches.local_address} dstport {part.vxlan_port} ttl 64 df unset"
    )
    return commands


def local_commands(part: Part) -> list[str]:
    """For ``ip -batch`` in the lab's namespace: the other half of each crossing link, and addresses. Pure."""
    commands = []
    for end in part.crossings.values():
        if end.holds_pipe:
            commands += [
                f"link add {end.here.interface} type veth peer name {end.here.wire}",
                f"link set {end.here.wire} up",
                f"link set {device_of(end)} up",
            ]
        commands.append(f"link set {end.here.interface} promisc on up")
    return [
        *commands,
        f"addr add {part.management.address}/{management.PREFIX_LENGTH} dev {MANAGEMENT}",
        f"link set {MANAGEMENT} up",
    ]


def forwarding_commands(part: Part) -> list[str]:
    """For ``bridge -batch`` in the lab's namespace: where frames for the controller or switches go. Pure."""
    return [
        f"fdb append {_EVERYONE} dev {MANAGEMENT} dst {address}"
        for address in part.management.remote_addresses
    ]


def _make(outside: OutsideNetwork, commands: Sequence[str]) -> None:
    """Make tunnels, one after the other; where the numbers of one are in use, wait until they are free.

    A lab that has ended may still have them: the kernel removes what was in its namespaces a little later.
    """
    deadline = time.monotonic() + _FREE_S
    left = list(commands)
    while left:
        done = _ip(outside, left)
        if done.returncode == 0:
            return
        failed = tc.failed_line(done.stderr)
        in_use = any(word in done.stderr for word in _IN_USE)
        if failed is None or not in_use or time.monotonic() > deadline:
            raise EmulationError(
                f"the tunnels to other machines could not be made: {' '.join(done.stderr.split())}",
                hint="another lab across machines uses these VNIs: take it down, or state another first_vni"
                if in_use
                else "",
            )
        del left[:failed]
        time.sleep(_POLL_S)


def _ip(outside: OutsideNetwork, commands: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        outside.command(["ip", "-batch", "-"]),
        input="".join(f"{command}\n" for command in commands),
        capture_output=True,
        text=True,
        check=False,
    )


def _batch(program: Sequence[str], commands: Sequence[str]) -> None:
    _run([*program, "-batch", "-"], "".join(f"{command}\n" for command in commands))


def _run(command: Sequence[str], text: str) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmulationError(
            f"the ends of links to other machines could not be set up: {' '.join(done.stderr.split())}"
        )
