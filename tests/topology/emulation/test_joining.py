"""Packets joined for one system call: what the kernel makes of them again is what they were, to the byte."""

from __future__ import annotations

import ctypes
import struct
import sys
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("the delay line is Linux's", allow_module_level=True)

from topology.emulation.links import LinkProperties, compiledcore
from topology.emulation.links.compiledcore import CompiledQueue, library

pytestmark = pytest.mark.skipif(
    bool(compiledcore.missing()), reason=f"no compiled core: {compiledcore.missing()}"
)

TCP, UDP = 6, 17
ETHERNET, IP, TRANSPORT = 10, 24, 44  # behind a virtio_net_hdr
NEEDS_CHECKSUM, GSO = 1, {UDP: 5, TCP: 1}  # linux/virtio_net.h
PSH = 8


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


@dataclass(frozen=True)
class Packet:
    """A packet of a flow, right in every field unless made wrong."""

    protocol: int = UDP
    number: int = 0  # its place in the flow
    payload: bytes = b"x"
    size: int = 1  # payload of full packets, for the sequence numbers
    tos: int = 0
    ttl: int = 64
    fragment: int = 0x4000  # do not fragment
    port: int = 5201
    options: bytes = b""
    flags: int = 0x10
    identification: int = 0
    checksum_off: int = 0
    later: bool = False  # the checksum is left to the interface

    def frame(self) -> bytes:
        if self.protocol == UDP:
            length = 8 + len(self.payload)
            head = struct.pack("!HHHH", 40000, self.port, length, 0)
            at = 6
        else:
            sequence = (0xFFFFF000 + self.number * self.size) & 0xFFFFFFFF
            offset = (5 + len(self.options) // 4) << 4
            head = struct.pack("!HHIIBBHHH", 40000, self.port, sequence, 7, offset, self.flags, 500, 0, 0)
            head += self.options
            at = 16
        body = head + self.payload
        identification = (self.identification + self.number) & 0xFFFF
        ip = struct.pack("!BBHHHBBH", 0x45, self.tos, 20 + len(body), identification, self.fragment,
                         self.ttl, self.protocol, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2])  # fmt: skip
        ip = ip[:10] + struct.pack("!H", ~_sum(ip) & 0xFFFF) + ip[12:]
        pseudo = ip[12:20] + struct.pack("!HH", self.protocol, len(body))
        found = _sum(pseudo) if self.later else ~_sum(pseudo + body) & 0xFFFF or 0xFFFF
        body = body[:at] + struct.pack("!H", found ^ self.checksum_off) + body[at + 2 :]
        vnet = struct.pack("=BBHHHH", 1, 0, 0, 0, 34, at) if self.later else bytes(10)
        return vnet + bytes(range(12)) + b"\x08\0" + ip + body


def _sum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _joined(frames: list[bytes], protocols: int = 3) -> tuple[int, bytes]:
    """How many go as one, and that frame."""
    queue = CompiledQueue(LinkProperties(rate_mbps=1000, delay_ms=1), "seed")
    rest = ctypes.c_void_p(None)
    for frame in frames:
        library().queue_push(queue.handle, frame, ctypes.byref(rest), len(frame), 0, 0)
    held = (ctypes.c_void_p * len(frames))(*(library().queue_pop(queue.handle) for _ in frames))
    parts = (_Part * (2 * len(frames)))()
    head = ctypes.create_string_buffer(128)
    join = library().join
    count = join(held, len(frames), protocols, head, parts)
    whole = b"".join(ctypes.string_at(part.base, part.size) for part in parts[: count + 1])
    for frame in held:
        library().frame_free(frame)
    library().queue_free(queue.handle)
    return count, whole if count > 1 else frames[0]


def _split(whole: bytes, later: bool) -> list[bytes]:
    """What the kernel makes of a GSO frame (net/ipv4: inet_gso_segment, tcp_gso_segment, udp_gso_segment)."""
    flags, kind, header_length, size, start, offset = struct.unpack("=BBHHHH", whole[:10])
    protocol = whole[IP + 9]
    assert (flags, kind, start) == (NEEDS_CHECKSUM, GSO[protocol], TRANSPORT - ETHERNET)
    head, payload = whole[10 : 10 + header_length], whole[10 + header_length :]
    ip, transport = head[14:34], head[34:]
    assert _sum(ip) == 0xFFFF
    assert len(ip + transport + payload) == struct.unpack("!H", ip[2:4])[0]
    pseudo = ip[12:20] + struct.pack("!HH", protocol, len(transport + payload))
    assert struct.unpack_from("!H", transport, offset)[0] == _sum(pseudo)
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    found = []
    for number, piece in enumerate(pieces):
        ours = bytearray(transport)
        if protocol == UDP:
            ours[4:6] = struct.pack("!H", 8 + len(piece))
        else:
            sequence = struct.unpack_from("!I", transport, 4)[0] + number * size
            ours[4:8] = struct.pack("!I", sequence & 0xFFFFFFFF)
            if number < len(pieces) - 1:
                ours[13] &= ~PSH
        identification = (struct.unpack_from("!H", ip, 4)[0] + number) & 0xFFFF
        begun = ip[:2] + struct.pack("!HH", 20 + len(ours) + len(piece), identification) + ip[6:10]
        whole_ip = begun + struct.pack("!H", ~_sum(begun + ip[12:]) & 0xFFFF) + ip[12:]
        pseudo = ip[12:20] + struct.pack("!HH", protocol, len(ours) + len(piece))
        ours[offset : offset + 2] = b"\0\0"
        value = _sum(pseudo) if later else ~_sum(pseudo + bytes(ours) + piece) & 0xFFFF or 0xFFFF
        ours[offset : offset + 2] = struct.pack("!H", value)
        found.append(head[:14] + whole_ip + bytes(ours) + piece)
    return found


OPTIONS = st.sampled_from([b"", b"\x01\x01\x08\x0a" + bytes(8)])
FLOWS = st.builds(
    lambda protocol, sizes, options, later, identification, bodies: [
        Packet(protocol, number, bodies[number % len(bodies)] * size, sizes[0], options=options, later=later,
               identification=identification)
        for number, size in enumerate(sizes)
    ],
    st.sampled_from([UDP, TCP]),
    st.tuples(st.integers(1, 1400), st.integers(1, 40), st.integers(0, 1400)).map(
        lambda drawn: [drawn[0]] * drawn[1] + [drawn[2]] * (0 < drawn[2] < drawn[0])
    ),
    OPTIONS,
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.lists(st.binary(min_size=1, max_size=1), min_size=1, max_size=5),
)  # fmt: skip


@given(FLOWS)
def test_a_flow_is_joined_and_split_into_the_same_packets(flow: list[Packet]) -> None:
    frames = [packet.frame() for packet in flow]
    count, whole = _joined(frames)
    fitting = 65535 // len(frames[0])
    assert count == len(frames) or count >= fitting
    if count > 1:
        assert _split(whole, flow[0].later) == [frame[10:] for frame in frames[:count]]


@pytest.mark.parametrize(("protocol", "joins"), [(TCP, 1), (UDP, 2)])
def test_only_protocols_asked_for_are_joined(protocol: int, joins: int) -> None:
    frames = [Packet(protocol, number, b"payload!", 8).frame() for number in range(3)]
    assert [_joined(frames, protocols)[0] for protocols in (0, 3 - joins, joins, 3)] == [1, 1, 3, 3]
    assert library().joined_protocol(_joined(frames)[1]) == joins


OTHERWISE = st.fixed_dictionaries(
    {},
    optional={
        "protocol": st.sampled_from([UDP, TCP, 1]),
        "number": st.integers(0, 4),
        "payload": st.binary(max_size=12),
        "tos": st.integers(0, 255),
        "ttl": st.integers(1, 255),
        "fragment": st.sampled_from([0, 0x2000, 0x4000, 0x0001]),
        "port": st.sampled_from([5201, 5202]),
        "flags": st.sampled_from([0x10, 0x18, 0x11, 0x02, 0x50, 0xD0]),
        "identification": st.sampled_from([0, 1]),
        "checksum_off": st.sampled_from([0, 1]),
        "later": st.booleans(),
        "options": OPTIONS,
    },
)


@given(st.sampled_from([UDP, TCP]), st.lists(OTHERWISE, min_size=2, max_size=6))
def test_whatever_is_joined_comes_out_as_it_was(protocol: int, changes: list[dict[str, object]]) -> None:
    flow = [
        replace(Packet(protocol, number, b"payload!", 8), **change)  # type: ignore[arg-type]
        for number, change in enumerate(changes)
    ]
    frames = [packet.frame() for packet in flow]
    count, whole = _joined(frames)
    assert 1 <= count <= len(frames)
    if count > 1:
        assert not any(packet.checksum_off and not packet.later for packet in flow[:count])
        assert len({packet.later for packet in flow[:count]}) == 1
        if not flow[0].later:
            assert _split(whole, later=False) == [frame[10:] for frame in frames[:count]]


@pytest.mark.parametrize(
    "change",
    [
        {"checksum_off": 1},
        {"fragment": 0x2000},
        {"identification": 5},
        {"tos": 4},
        {"port": 1},
        {"later": True},
    ],
)
def test_a_packet_that_would_not_come_out_as_it_was_goes_by_itself(change: dict[str, int]) -> None:
    flow = [Packet(UDP, number, bytes(100), 100) for number in range(4)]
    flow[2] = replace(flow[2], **change)  # type: ignore[arg-type]
    assert _joined([packet.frame() for packet in flow])[0] == 2
    assert all(one.frame() != other.frame() for one, other in pairwise(flow))


def test_a_truncated_or_strange_frame_is_left_alone() -> None:
    frame = Packet(UDP, 0, bytes(100), 100).frame()
    for size in (1, 10, 24, 43, 44, 52, 60, len(frame) - 1):
        assert _joined([frame[:size], frame[:size]])[0] == 1
    assert _joined([frame + b"pad", frame + b"pad"])[0] == 1
