"""OpenFlow messages as no good switch sends them: a corpus of known bad ones, and strategies for more."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

HELLO, ERROR, ECHO, FEATURES_REPLY, PACKET_IN, PORT_STATUS = 0, 1, 2, 6, 10, 12
MULTIPART_REPLY, BARRIER_REPLY = 19, 21
FLOW, PORT_STATS, GROUP, GROUP_DESC, METER, METER_CONFIG, PORT_DESC = 1, 4, 6, 7, 9, 10, 13


def message(
    kind: int, body: bytes = b"", *, version: int = 4, length: int | None = None, xid: int = 7
) -> bytes:
    """A message whose header may lie about its length."""
    return struct.pack("!BBHI", version, kind, 8 + len(body) if length is None else length, xid) + body


def multipart(kind: int, body: bytes = b"", *, more: bool = False) -> bytes:
    return message(MULTIPART_REPLY, struct.pack("!HH4x", kind, more) + body)


def features(dpid: int) -> bytes:
    return message(FEATURES_REPLY, struct.pack("!QIBB2xII", dpid, 0, 2, 0, 0, 0))


def flow_stats(
    match: bytes = b"\x00\x01\x00\x04" + bytes(4), rest: bytes = b"", length: int | None = None
) -> bytes:
    size = 48 + len(match) + len(rest) if length is None else length
    return struct.pack("!HBxIIHHHH4xQQQ", size, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0) + match + rest


def actions(body: bytes, length: int | None = None) -> bytes:
    return struct.pack("!HH4x", 4, 8 + len(body) if length is None else length) + body


HELLO_4 = message(HELLO, b"\x00\x01\x00\x08\x00\x00\x00\x10")

# What breaks a trusting parser; the first of them kept os-ken 4 busy for ever.
CORPUS = {
    "hello element of length 0": message(HELLO, struct.pack("!HH", 1, 0)),
    "unknown hello element of length 0": message(HELLO, struct.pack("!HH", 9, 0)),
    "hello element too long": message(HELLO, struct.pack("!HH", 1, 60_000)),
    "hello of another version": message(HELLO, version=1),
    "hello of a version to come": message(HELLO, struct.pack("!HH", 9, 0), version=6),
    "version 0": message(HELLO, version=0),
    "version 255": message(HELLO, version=255),
    "length 0": message(HELLO, length=0),
    "length 7": message(HELLO, length=7),
    "longer than it says": message(HELLO, bytes(40), length=8),
    "unknown type": message(77),
    "a controller's message": message(14, bytes(48)),
    "an http request": b"GET / HTTP/1.1\r\nHost: controller\r\n\r\n",
    "tls": bytes.fromhex("16030100f8010000f40303") + bytes(200),
    "nothing but zeros": bytes(4096),
    "nothing but ones": b"\xff" * 4096,
    "features too short": HELLO_4 + message(FEATURES_REPLY, bytes(8)),
    "ports before the features": HELLO_4 + multipart(PORT_DESC),
    "features twice": HELLO_4 + features(0xBEEF) + features(0xCAFE),
    "half a port": HELLO_4 + features(0xBEEF) + multipart(PORT_DESC, bytes(40)),
    "a hello-failed that is no text": message(ERROR, struct.pack("!HH", 0, 0) + b"\xff\xfe"),
    "huge packet-in": HELLO_4 + features(0xBEEF) + message(PACKET_IN, bytes(65_000)),
}

# The same for a switch that has shaken hands and is believed.
LATE_CORPUS = {
    "flow entry of length 0": multipart(FLOW, flow_stats(length=0)),
    "flow entry that is too long": multipart(FLOW, flow_stats(length=60_000)),
    "many entries in one another": multipart(FLOW, flow_stats(length=8) * 1000),
    "match of length 0": multipart(FLOW, flow_stats(match=bytes(8))),
    "match too long": multipart(FLOW, flow_stats(match=b"\x00\x01\xff\xff" + bytes(4))),
    "match field of length 0": multipart(FLOW, flow_stats(match=b"\x00\x01\x00\x08\x80\x00\x00\x00")),
    "match field too long": multipart(FLOW, flow_stats(match=b"\x00\x01\x00\x08\x80\x00\x00\xff")),
    "instruction of length 0": multipart(FLOW, flow_stats(rest=struct.pack("!HH4x", 1, 0))),
    "unknown instruction": multipart(FLOW, flow_stats(rest=struct.pack("!HH4x", 99, 8))),
    "action of length 0": multipart(FLOW, flow_stats(rest=actions(struct.pack("!HH4x", 0xFFFF, 0)))),
    "action too long": multipart(FLOW, flow_stats(rest=actions(struct.pack("!HH4x", 0, 5000)))),
    "unknown action": multipart(FLOW, flow_stats(rest=actions(struct.pack("!HH4x", 999, 8)))),
    "group of length 0": multipart(GROUP_DESC, bytes(8)),
    "bucket of length 0": multipart(GROUP_DESC, struct.pack("!HBxI", 24, 3, 1) + bytes(16)),
    "group statistics of length 0": multipart(GROUP, bytes(40)),
    "meter of length 0": multipart(METER_CONFIG, bytes(8)),
    "meter band of length 0": multipart(METER_CONFIG, struct.pack("!HHI", 24, 0, 1) + bytes(16)),
    "meter statistics of length 0": multipart(METER, bytes(40)),
    "half a port's statistics": multipart(PORT_STATS, bytes(100)),
    "an answer to what nobody asked": multipart(12, bytes(64)),
    "port status too short": message(PORT_STATUS, bytes(8)),
    "packet-in too short": message(PACKET_IN, bytes(4)),
    "packet-in that ends in its match": message(PACKET_IN, bytes(16) + b"\x00\x01\x00\x40" + bytes(8)),
    "error too short": message(ERROR),
    "another version": message(BARRIER_REPLY, version=1),
    "garbage": b"\xde\xad\xbe\xef" * 20,
}
# These are strange but harm nobody: the connection lives on.
TOLERATED = {
    "huge packet-in": message(PACKET_IN, bytes(16) + b"\x00\x01\x00\x04" + bytes(65_000)),
    "an answer to no barrier": message(BARRIER_REPLY, xid=0xFFFF),
    "an error about nothing": message(ERROR, struct.pack("!HH", 5, 77) + bytes(70)),
    "an experimenter's message": message(4, bytes(64)),
    "a removed flow": message(11, bytes(48)),
    "a Nicira action": multipart(
        FLOW, flow_stats(rest=actions(struct.pack("!HHIH6x", 0xFFFF, 16, 0x2320, 16)))
    ),
}

_COUNTS = st.integers(0, 70_000).map(lambda number: min(number, 65_535)) | st.sampled_from([0, 1, 4, 7, 8])
_BODIES = st.binary(max_size=200) | st.integers(0, 300).map(bytes)
_STRUCTURED = st.one_of(
    st.builds(multipart, st.integers(0, 14) | st.just(0xFFFF), _BODIES, more=st.booleans()),
    st.builds(
        lambda rest, length: multipart(FLOW, flow_stats(rest=rest, length=length)),
        _BODIES,
        st.none() | _COUNTS,
    ),
    st.builds(
        lambda match, rest: multipart(FLOW, flow_stats(match, rest)),
        st.binary(min_size=4, max_size=64),
        _BODIES,
    ),
    st.builds(
        lambda body, length: multipart(FLOW, flow_stats(rest=actions(body, length))),
        _BODIES,
        st.none() | _COUNTS,
    ),
)
_HEADERS = st.builds(
    lambda kind, body, version, length: message(kind, body, version=version, length=length),
    st.integers(0, 40),
    _BODIES,
    st.sampled_from([4, 4, 4, 4, 0, 1, 5, 6, 255]),
    st.none() | _COUNTS,
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A known message with some bytes changed."""
    known = [*CORPUS.values(), *LATE_CORPUS.values(), *TOLERATED.values(), HELLO_4, features(1)]
    data = bytearray(draw(st.sampled_from([entry for entry in known if len(entry) < 1000])))
    for _ in range(draw(st.integers(1, 6))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.sampled_from([0, 1, 4, 8, 64, 255]))
    return bytes(data)


MESSAGES = _STRUCTURED | _HEADERS | mutated() | st.binary(max_size=300)
