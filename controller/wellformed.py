"""Whether a message from a switch holds together, before os-ken's parser sees it.

os-ken trusts every length in a message: an element, entry or action of length 0 keeps its parser busy for
ever, and entries shorter than what they contain make it read the same bytes thousands of times. So all
lengths are followed first: each part lies within the one around it and is as large as its kind at least.
Sections are those of the OpenFlow Switch Specification 1.3.5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from os_ken.ofproto import ofproto_v1_3 as ofproto

_HEADER = ofproto.OFP_HEADER_SIZE
_NO_EXPERIMENTER = b"\xff\xff\xff\xff"  # known to nobody, so os-ken leaves what follows alone

# What a controller has a use for (A.1), with the least size.
HEARD = {
    ofproto.OFPT_HELLO: 8,
    ofproto.OFPT_ERROR: 12,
    ofproto.OFPT_ECHO_REQUEST: 8,
    ofproto.OFPT_ECHO_REPLY: 8,
    ofproto.OFPT_FEATURES_REPLY: 32,
    ofproto.OFPT_PACKET_IN: 34,
    ofproto.OFPT_PORT_STATUS: 80,
    ofproto.OFPT_MULTIPART_REPLY: 16,
    ofproto.OFPT_BARRIER_REPLY: 8,
}
# What comes before a version is agreed on, so in any version; all others in ours only.
GREETINGS = frozenset(
    {ofproto.OFPT_HELLO, ofproto.OFPT_ERROR, ofproto.OFPT_ECHO_REQUEST, ofproto.OFPT_ECHO_REPLY}
)
# What a switch may say, though nobody asked.
IGNORED = frozenset(
    {
        ofproto.OFPT_EXPERIMENTER,
        ofproto.OFPT_GET_CONFIG_REPLY,
        ofproto.OFPT_FLOW_REMOVED,
        ofproto.OFPT_QUEUE_GET_CONFIG_REPLY,
        ofproto.OFPT_ROLE_REPLY,
        ofproto.OFPT_GET_ASYNC_REPLY,
    }
)
_ENTRY_BYTES = {  # multipart replies (A.3.5) whose entries are all of one size
    ofproto.OFPMP_DESC: 1056,
    ofproto.OFPMP_AGGREGATE: 24,
    ofproto.OFPMP_TABLE: 24,
    ofproto.OFPMP_PORT_STATS: 112,
    ofproto.OFPMP_QUEUE: 40,
    ofproto.OFPMP_GROUP_FEATURES: 40,
    ofproto.OFPMP_METER_FEATURES: 16,
    ofproto.OFPMP_PORT_DESC: 64,
}


class MalformedError(ValueError):
    """What came is no message that a switch of OpenFlow 1.3 sends; the text says why."""


def sound(version: int, kind: int, message: bytes) -> bytes:
    """The message of a ``kind`` that is ``HEARD``, safe to parse. Raises ``MalformedError``.

    Actions of experimenters lose their experimenter's number: os-ken's parsers for them are not safe, and to
    us every such action is a foreign one.
    """
    if version != ofproto.OFP_VERSION and kind not in GREETINGS:
        raise MalformedError("a message of another OpenFlow version")  # there a type may mean another message
    least = HEARD[kind]
    if len(message) < least:
        raise MalformedError(f"a message of type {kind} with {len(message)} bytes; it has {least} at least")
    data = bytearray(message)
    if kind == ofproto.OFPT_HELLO and version >= ofproto.OFP_VERSION:
        _each(data, _HEADER, len(data), _nothing_inside, least=4)
    elif kind == ofproto.OFPT_PACKET_IN:
        if _match(data, 24, len(data)) + 2 > len(data):
            raise MalformedError("a packet-in that ends within its match")
    elif kind == ofproto.OFPT_MULTIPART_REPLY:
        _multipart(data)
    return bytes(data)


_Inside = Callable[[bytearray, int, int], None]


def _each(data: bytearray, start: int, end: int, inside: _Inside, *, least: int, length_at: int = 2) -> None:
    """Follow parts with a length of their own from ``start`` to ``end``, which they must fill."""
    while start < end:
        if end - start < least:
            raise MalformedError(f"{end - start} bytes where a part has {least} at least")
        (length,) = struct.unpack_from("!H", data, start + length_at)
        if not least <= length <= end - start:
            raise MalformedError(f"a part of {length} bytes where {least} to {end - start} are possible")
        inside(data, start, start + length)
        start += length


def _nothing_inside(data: bytearray, start: int, end: int) -> None:
    """For parts without parts."""


def _multipart(data: bytearray) -> None:
    (kind,) = struct.unpack_from("!H", data, _HEADER)
    start, end = 16, len(data)
    if kind in _ENTRY_BYTES:
        if (end - start) % _ENTRY_BYTES[kind]:
            raise MalformedError(f"a multipart reply of type {kind} that ends within an entry")
    elif kind == ofproto.OFPMP_FLOW:
        _each(data, start, end, _flow_stats, least=56, length_at=0)
    elif kind == ofproto.OFPMP_GROUP:
        _each(data, start, end, _with_counters, least=40, length_at=0)
    elif kind == ofproto.OFPMP_GROUP_DESC:
        _each(data, start, end, _group, least=8, length_at=0)
    elif kind == ofproto.OFPMP_METER:
        _each(data, start, end, _with_counters, least=40, length_at=4)
    elif kind == ofproto.OFPMP_METER_CONFIG:
        _each(data, start, end, _meter, least=8, length_at=0)
    else:
        raise MalformedError(f"a multipart reply of type {kind}, which was not asked for")


def _flow_stats(data: bytearray, start: int, end: int) -> None:
    instructions = _match(data, start + 48, end)
    _each(data, instructions, end, _instruction, least=8)


def _match(data: bytearray, start: int, end: int) -> int:
    """Check a match (A.2.3) and return where it ends, padding included."""
    length: int = struct.unpack_from("!H", data, start + 2)[0]
    after = start + (length + 7) // 8 * 8
    if length < 4 or after > end:
        raise MalformedError(f"a match of {length} bytes where 4 to {end - start} are possible")
    field, last = start + 4, start + length
    while field < last:
        size = 4 + data[field + 3] if field + 4 <= last else 0
        if size < 5 or field + size > last:
            raise MalformedError("a match field that does not fit into its match")
        field += size
    return after


def _instruction(data: bytearray, start: int, end: int) -> None:
    (kind,) = struct.unpack_from("!H", data, start)
    if kind in (ofproto.OFPIT_WRITE_ACTIONS, ofproto.OFPIT_APPLY_ACTIONS):
        _each(data, start + 8, end, _action, least=8)


def _action(data: bytearray, start: int, end: int) -> None:
    (kind,) = struct.unpack_from("!H", data, start)
    if kind == ofproto.OFPAT_EXPERIMENTER:
        data[start + 4 : start + 8] = _NO_EXPERIMENTER


def _group(data: bytearray, start: int, end: int) -> None:
    _each(data, start + 8, end, _bucket, least=16, length_at=0)


def _bucket(data: bytearray, start: int, end: int) -> None:
    _each(data, start + 16, end, _action, least=8)


def _meter(data: bytearray, start: int, end: int) -> None:
    _each(data, start + 8, end, _nothing_inside, least=16)


def _with_counters(data: bytearray, start: int, end: int) -> None:
    if (end - start - 40) % 16:
        raise MalformedError("statistics that end within a counter")
