"""STAMP test packets, unauthenticated mode (RFC 8762 section 4.2.1 and 4.3.1, with the SSID of RFC 8972).

scapy's STAMP layer builds one template of each packet; sending and reflecting only patch its fields, which
takes a microsecond instead of a millisecond. A larger packet is filled with an Extra Padding TLV (RFC 8972
section 4.1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

from topology.errors import InputError

PORT = 862  # assigned by IANA to the STAMP session reflector
BASE_BYTES = 44  # both packets have the same size, so that both directions carry the same load
_ETHERNET_BYTES = 14
_UDP_BYTES = 8
_TLV_HEADER_BYTES = 4
_EXTRA_PADDING = 1
_TLV_FLAG_UNRECOGNISED = 0x80  # the sender sets it, a reflector that knows the TLV clears it
MAX_PAYLOAD_BYTES = 1472  # what one frame of 1500 bytes carries over IPv4 and UDP

# 2^18 * 2^-32 s = 61 us: what lies between a kernel stamp and the veth pair. S = 0: not synchronised to UTC.
_ERROR_SCALE = 18
_ERROR_MULTIPLIER = 1

SEQUENCE_AND_TIME = struct.Struct("!IQ")  # at 0 in both packets
SSID = struct.Struct("!H")  # at 14 in both packets
SSID_OFFSET = 14
REFLECTED = struct.Struct("!IQHHQIQHHB")  # a reflected packet up to the sender's TTL
_SENDER = struct.Struct("!IQHH")


@cache
def sender_template(ssid: int, payload_bytes: int) -> bytes:
    """A session-sender packet with sequence number and time still 0.

    The first call imports scapy, which then reads every interface of the network namespace: a few seconds
    where a lab has hundreds. So make it before a lab is up.

    Raises ``InputError`` if ``payload_bytes`` is neither 44 nor 48 to 1472.
    """
    from scapy.contrib.stamp import (  # half a second to import, so only when it is needed
        ErrorEstimate,
        STAMPSessionSenderTestUnauthenticated,
        STAMPTestTLV,
    )

    check_payload_bytes(payload_bytes)
    tlvs = []
    if payload_bytes > BASE_BYTES:
        padding = bytes(payload_bytes - BASE_BYTES - _TLV_HEADER_BYTES)
        tlvs = [
            STAMPTestTLV(flags=_TLV_FLAG_UNRECOGNISED, type=_EXTRA_PADDING, len=len(padding), value=padding)
        ]
    return bytes(
        STAMPSessionSenderTestUnauthenticated(
            ssid=ssid,
            err_estimate=ErrorEstimate(S=0, Z=0, scale=_ERROR_SCALE, multiplier=_ERROR_MULTIPLIER),
            tlv_objects=tlvs,
        )
    )


def check_payload_bytes(payload_bytes: int) -> None:
    """Raise ``InputError`` if no STAMP packet can have this size."""
    if payload_bytes != BASE_BYTES and not (
        BASE_BYTES + _TLV_HEADER_BYTES <= payload_bytes <= MAX_PAYLOAD_BYTES
    ):
        raise InputError(
            f"a STAMP packet cannot have {payload_bytes} bytes of UDP payload",
            hint=f"use {BASE_BYTES}, or {BASE_BYTES + _TLV_HEADER_BYTES} to {MAX_PAYLOAD_BYTES}",
        )


def patch(packet: bytearray, sequence: int, time_ntp: int) -> None:
    """Set sequence number and time in place, as late as can be; both packets begin with them."""
    SEQUENCE_AND_TIME.pack_into(packet, 0, sequence, time_ntp)


@dataclass(frozen=True, slots=True)
class Reflected:
    """The fields of a reflected packet; times are 64-bit NTP time stamps."""

    reflector_sequence: int
    sent_ntp: int
    ssid: int
    received_ntp: int
    sender_sequence: int
    sender_ntp: int
    sender_ttl: int

    @classmethod
    def parse(cls, packet: bytes) -> Reflected | None:
        """Read a reflected packet; ``None`` if it is too short to be one."""
        if len(packet) < BASE_BYTES:
            return None
        sequence, sent, _, ssid, received, sender_sequence, sender_time, _, _, ttl = REFLECTED.unpack_from(
            packet
        )
        return cls(sequence, sent, ssid, received, sender_sequence, sender_time, ttl)


def reflect(packet: bytes, sequence: int, received_ntp: int, ttl: int) -> bytearray:
    """The answer to a session-sender packet, all but its own time (see ``patch``).

    ``sequence`` is the reflector's own (stateful mode): a gap in it tells a loss on the way back from one on
    the way there. ``packet`` must have at least ``BASE_BYTES``.
    """
    sender_sequence, sender_time, error_estimate, ssid = _SENDER.unpack_from(packet)
    answer = bytearray(packet)  # same size, TLVs returned as they came
    answer[:BASE_BYTES] = bytes(BASE_BYTES)
    REFLECTED.pack_into(
        answer,
        0,
        sequence,
        0,
        _ERROR_SCALE << 8 | _ERROR_MULTIPLIER,
        ssid,
        received_ntp,
        sender_sequence,
        sender_time,
        error_estimate,
        0,
        ttl,
    )
    if len(answer) > BASE_BYTES + 1 and answer[BASE_BYTES + 1] == _EXTRA_PADDING:
        answer[BASE_BYTES] &= ~_TLV_FLAG_UNRECOGNISED & 0xFF
    return answer


def payload_of_frame(frame: bytes) -> bytes:
    """The UDP payload of an untagged Ethernet frame that carries IPv4 and UDP."""
    if len(frame) <= _ETHERNET_BYTES:
        return b""
    return frame[_ETHERNET_BYTES + (frame[_ETHERNET_BYTES] & 0x0F) * 4 + _UDP_BYTES :]
