"""What leaves a link is what came in: every packet, to the byte and in order, however dense they come."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess

import pytest

from tests.topology.emulation.test_joining import TCP, UDP, Packet
from topology.emulation.cell import private_network
from topology.emulation.links import LinkProperties, Wire, compiledcore
from topology.emulation.links.packetsocket import ETH_P_ALL
from topology.emulation.links.userspace import UserspacePipe

pytestmark = [pytest.mark.emulated, pytest.mark.usefixtures("cell")]

CORES = ["python"] if compiledcore.missing() else ["compiled", "python"]
PROTOCOL_AT = 23
BUFFER_BYTES = 64 << 20


def _flows(length: int, size: int) -> list[bytes]:
    """Runs of both protocols by turns, the last packet of each run shorter; without virtio_net_hdr."""
    sizes = [size] * (length - 1) + [size // 2]
    packets = []
    for protocol, options in ((UDP, b""), (TCP, b""), (TCP, b"\1\1\x08\x0a" + bytes(8))):
        packets += [
            Packet(protocol, number, os.urandom(payload), size, options=options)
            for number, payload in enumerate(sizes)
        ]
    return [packet.frame()[10:] for packet in packets]


def _raw(interface: str, option: int) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    opened.bind((interface, ETH_P_ALL))
    return opened


@pytest.mark.parametrize("core", CORES)
def test_dense_packets_come_out_as_they_came_in(core: str) -> None:
    frames = _flows(40, 1400) + _flows(7, 18) + _flows(100, 600)
    expected = frames * 3
    received: list[bytes] = []
    with private_network():
        ends = "ip link add sa type veth peer name wa && ip link add sb type veth peer name wb"
        up = " && ".join(f"ip link set {end} up" for end in ("sa", "wa", "sb", "wb"))
        subprocess.run(
            f"{ends} && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && {up}", shell=True, check=True
        )
        pipe = UserspacePipe(core)
        with contextlib.closing(_raw("sb", 33)) as taking, contextlib.closing(_raw("sa", 32)) as giving:
            pipe.start([Wire("l", "wa", "wb", LinkProperties(rate_mbps=20_000, delay_ms=30))], 1)
            try:
                for frame in expected:
                    giving.send(frame)
                taking.settimeout(5)
                with contextlib.suppress(TimeoutError):
                    while len(received) < len(expected):
                        received.append(taking.recv(1 << 16))
            finally:
                pipe.stop()
    assert len(received) == len(expected)
    for protocol in (UDP, TCP):  # each flow in order; steering may let flows overtake each other
        of_flow = [frame for frame in expected if frame[PROTOCOL_AT] == protocol]
        assert [frame for frame in received if frame[PROTOCOL_AT] == protocol] == of_flow
