"""STAMP packets: what we write, scapy reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated,
    STAMPSessionSenderTestUnauthenticated,
    STAMPTestTLV,
)
from scapy.layers.inet import IP, UDP, IPOption_NOP
from scapy.layers.l2 import ARP, Ether

from experiments.measurement import stamp
from topology.errors import InputError

uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)
uint64 = st.integers(0, (1 << 64) - 1)


def ntp_field(packet: bytes, offset: int) -> int:
    return int.from_bytes(packet[offset : offset + 8], "big")


@pytest.mark.parametrize("payload_bytes", [44, 48, 49, 100, 1472])
def test_sender_packet(payload_bytes: int) -> None:
    packet = bytearray(stamp.sender_template(513, payload_bytes))
    assert len(packet) == payload_bytes
    stamp.patch(packet, 0xDEADBEEF, 0x0123456789ABCDEF)
    read = STAMPSessionSenderTestUnauthenticated(bytes(packet))
    assert (read.seq, read.ssid, read.mbz) == (0xDEADBEEF, 513, 0)
    assert ntp_field(bytes(packet), 4) == 0x0123456789ABCDEF
    assert (read.err_estimate.S, read.err_estimate.Z) == (0, 0), "no external clock; NTP format"
    error_s = read.err_estimate.multiplier * 2.0 ** (read.err_estimate.scale - 32)
    assert 1e-6 < error_s < 1e-3
    if payload_bytes > 44:
        (padding,) = read.tlv_objects
        assert (padding.type, int(padding.flags), padding.len) == (1, 0x80, payload_bytes - 48)
    else:
        assert read.tlv_objects == []


@pytest.mark.parametrize("payload_bytes", [0, 43, 45, 47, 1473])
def test_sizes_that_cannot_be(payload_bytes: int) -> None:
    with pytest.raises(InputError, match=f"cannot have {payload_bytes} bytes"):
        stamp.sender_template(1, payload_bytes)


@given(uint32, uint64, uint16, uint32, uint64, uint64, st.integers(0, 255))
def test_reflected_packet(
    sequence: int, sender_time: int, ssid: int, own: int, received: int, sent: int, ttl: int
) -> None:
    request = bytearray(TEMPLATE)
    stamp.patch(request, sequence, sender_time)
    stamp.SSID.pack_into(request, stamp.SSID_OFFSET, ssid)
    answer = stamp.reflect(bytes(request), own, received, ttl)
    stamp.patch(answer, own, sent)
    assert len(answer) == len(request), "RFC 8762: the same size both ways"
    read = STAMPSessionReflectorTestUnauthenticated(bytes(answer))
    assert (read.seq, read.ssid, read.seq_sender, read.ttl_sender) == (own, ssid, sequence, ttl)
    assert (read.mbz1, read.mbz2) == (0, 0)
    assert bytes(read.err_estimate_sender) == bytes(request[12:14])
    assert read.err_estimate.multiplier > 0
    assert (ntp_field(answer, 4), ntp_field(answer, 16), ntp_field(answer, 28)) == (
        sent,
        received,
        sender_time,
    )
    assert int(read.tlv_objects[0].flags) == 0
    assert stamp.Reflected.parse(bytes(answer)) == stamp.Reflected(
        reflector_sequence=own,
        sent_ntp=sent,
        ssid=ssid,
        received_ntp=received,
        sender_sequence=sequence,
        sender_ntp=sender_time,
        sender_ttl=ttl,
    )


TEMPLATE = stamp.sender_template(1, 60)


def test_we_read_what_scapy_writes() -> None:
    packet = bytes(
        STAMPSessionReflectorTestUnauthenticated(
            seq=9, ssid=7, seq_sender=8, ttl_sender=250, err_estimate=ErrorEstimate(scale=3, multiplier=2)
        )
    )
    read = stamp.Reflected.parse(packet)
    assert read is not None
    assert (read.reflector_sequence, read.ssid, read.sender_sequence, read.sender_ttl) == (9, 7, 8, 250)


def test_a_tlv_that_the_reflector_does_not_know_stays_unrecognised() -> None:
    unknown = STAMPTestTLV(flags=0x80, type=200, len=4, value=b"abcd")
    request = bytes(STAMPSessionSenderTestUnauthenticated(seq=1, tlv_objects=[unknown]))
    answer = stamp.reflect(request, 0, 0, 255)
    assert bytes(answer[44:]) == request[44:]


@pytest.mark.parametrize("size", [0, 1, 43])
def test_too_short_to_be_an_answer(size: int) -> None:
    assert stamp.Reflected.parse(bytes(size)) is None


def test_payload_of_frame() -> None:
    payload = b"what was carried"
    plain = Ether() / IP(dst="10.0.0.1") / UDP() / payload
    with_options = Ether() / IP(dst="10.0.0.1", options=[IPOption_NOP()] * 4) / UDP() / payload
    assert stamp.payload_of_frame(bytes(plain)) == payload
    assert stamp.payload_of_frame(bytes(with_options)) == payload
    assert stamp.payload_of_frame(b"") == b""
    assert stamp.payload_of_frame(bytes(14)) == b""
    assert isinstance(stamp.payload_of_frame(bytes(Ether() / ARP())), bytes)
