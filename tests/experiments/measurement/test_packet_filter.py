"""The capture filter: the bytes tcpdump would make, and the packets the kernel lets pass."""

from __future__ import annotations

import socket
import sys

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from experiments.measurement.packet_filter import assemble, attach, udp_destination_port

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="socket filters are Linux's")

# tcpdump -ddd 'ip and udp dst port 33999' (libpcap 1.10.3)
TCPDUMP = """40 0 0 12
21 0 8 2048
48 0 0 23
21 0 6 17
40 0 0 20
69 4 0 8191
177 0 0 14
72 0 0 16
21 0 1 33999
6 0 0 262144
6 0 0 0"""


def test_the_same_program_as_tcpdump() -> None:
    program = udp_destination_port(33999)
    assert "\n".join(" ".join(map(str, instruction)) for instruction in program) == TCPDUMP


def test_assembled_bytes() -> None:
    code = assemble(((0x15, 0, 8, 0x0800), (6, 0, 0, 0)))
    expected = (0x15).to_bytes(2, sys.byteorder) + b"\x00\x08" + (0x0800).to_bytes(4, sys.byteorder)
    assert code == expected + (6).to_bytes(2, sys.byteorder) + bytes(6)


def passes(frame: bytes, program: tuple[tuple[int, int, int, int], ...]) -> bool:
    """Whether the kernel lets a frame through; it runs a filter on any kind of socket."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        attach(receiver, program)
        receiver.setblocking(False)
        try:
            sender.send(frame)
            return receiver.recv(65536) == frame
        except (BlockingIOError, PermissionError):
            return False


TO_PORT = UDP(sport=5, dport=33999) / b"probe"


@linux_only
@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (Ether() / IP() / TO_PORT, True),
        (Ether() / IP(options=[IPOption_NOP()] * 8) / TO_PORT, True),
        (Ether() / IP(tos=184, ttl=1) / TO_PORT, True),
        (Ether() / IP(flags="MF") / TO_PORT, True),
        (Ether() / IP(frag=8, proto=17) / (b"\x00\x05" + (33999).to_bytes(2, "big") * 9), False),
        (Ether() / IP() / UDP(sport=33999, dport=5) / b"answer", False),
        (Ether() / IP() / TCP(dport=33999), False),
        (Ether() / IP() / ICMP(), False),
        (Ether() / IPv6() / TO_PORT, False),
        (Ether() / ARP(), False),
        (b"\x00" * 10, False),
    ],
)
def test_what_the_kernel_lets_pass(frame: Ether, expected: bool) -> None:
    assert passes(bytes(frame), udp_destination_port(33999)) is expected
