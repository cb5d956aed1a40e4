"""ICMP time exceeded: answered like a router, never about an error, never upset by garbage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from controller.expired import time_exceeded

HOST, GATEWAY, GATEWAY_MAC = "10.0.1.2", "10.0.7.1", "02:01:00:00:00:07"


def answer(frame: Packet | bytes) -> Packet | None:
    data = time_exceeded(bytes(frame), gateway_ip=GATEWAY, gateway_mac=GATEWAY_MAC, known_hosts={HOST})
    return None if data is None else Ether(data)


def question(payload: Packet, **ip: object) -> Packet:
    return (
        Ether(src="02:00:00:00:00:01", dst="02:01:00:00:00:01")
        / IP(**{"src": HOST, "dst": "10.0.2.2", "ttl": 1, **ip})
        / payload
    )


def test_answers_what_traceroute_sends() -> None:
    for payload in (UDP(sport=5, dport=33434) / (b"x" * 32), TCP(dport=80), ICMP(type=8) / b"ping"):
        asked = question(payload)
        got = answer(asked)
        assert got is not None
        assert (got[IP].src, got[IP].dst, got[ICMP].type, got[ICMP].code) == (GATEWAY, HOST, 11, 0)
        quoted = bytes(asked[IP])
        assert bytes(got[ICMP].payload)[: len(quoted)] == quoted
        good = got.copy()
        del good[IP].chksum, good[ICMP].chksum
        good = Ether(bytes(good))
        assert (good[IP].chksum, good[ICMP].chksum) == (got[IP].chksum, got[ICMP].chksum)


def test_never_answers_an_error_a_later_fragment_or_a_stranger() -> None:
    assert answer(question(ICMP(type=11) / (b"x" * 28))) is None
    assert answer(question(ICMP(type=3) / (b"x" * 28))) is None
    assert answer(question(ICMP(type=0))) is None
    assert answer(question(UDP(), frag=10)) is None
    assert answer(question(UDP(), src="10.0.9.9")) is None


@given(st.binary(max_size=200))
def test_garbage_never_raises(data: bytes) -> None:
    ipv4 = Ether(src="02:00:00:00:00:01", dst="02:01:00:00:00:01", type=0x800)
    for frame in (data, bytes(ipv4) + data, bytes(question(UDP()))[: 34 + len(data) % 9] + data):
        answer(frame)
