"""Entries, groups and meters to OpenFlow 1.3 messages, and what a switch reports back to the same values.

os-ken's classes make and read the messages. An entry's bytes are the same for every switch and are made once:
a network repeats few different entries on many switches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import os_ken.base.app_manager  # noqa: F401  must come before anything of os_ken.controller
from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller.actions import Action, DecrementTtl, Output, SetField, ToGroup
from controller.entries import EntryKey, FlowEntry, Item, Match
from controller.groups import Bucket, Group
from controller.meters import Meter

_NO_SWITCH = ofproto_protocol.ProtocolDesc(version=ofproto.OFP_VERSION)
_FLOW_MOD_XID = 0  # an error quotes the message it is about, so the number need not tell them apart
_FLOW_MOD_COOKIE = slice(ofproto.OFP_HEADER_SIZE, ofproto.OFP_HEADER_SIZE + 8)
_GROUP_OR_METER = slice(ofproto.OFP_HEADER_SIZE + 4, ofproto.OFP_HEADER_SIZE + 8)
_METER_FLAGS = ofproto.OFPMF_KBPS | ofproto.OFPMF_BURST | ofproto.OFPMF_STATS
_MATCH_FIELDS = frozenset(part.name for part in fields(Match))


@dataclass(frozen=True, slots=True)
class Installed:
    """What a switch reported.

    Attributes:
        entries: entries we could have put there ourselves, cookie included; all groups and meters, those
            that are not like ours as empty ones of their number.
        foreign: any other entry: its key if it has one in our terms, and the message that removes it.
    """

    entries: dict[EntryKey, Item]
    foreign: tuple[tuple[EntryKey | None, bytes], ...] = ()


@lru_cache(maxsize=1 << 16)
def put(item: Item, replaces: bool = False) -> bytes:
    """The message that adds an entry, a group or a meter, or puts it in the place of the one with its key.

    ``replaces`` says that there is one; of entries, a switch need not be told.
    """
    match item:
        case FlowEntry():
            return _put_entry(item)
        case Group():
            return _group_mod(ofproto.OFPGC_MODIFY if replaces else ofproto.OFPGC_ADD, item)
        case Meter():
            return _meter_mod(ofproto.OFPMC_MODIFY if replaces else ofproto.OFPMC_ADD, item)


def remove(item: Item) -> bytes:
    """The message that removes exactly ``item``. With a group or a meter go the entries that use it."""
    match item:
        case FlowEntry(table, priority, match):
            return _removal(table, priority, parser.OFPMatch(**match.fields()))
        case Group():
            return _group_mod(ofproto.OFPGC_DELETE, Group(item.id, ()))
        case Meter():
            return _meter_mod(ofproto.OFPMC_DELETE, item)


def barrier(xid: int) -> bytes:
    """A barrier request: its reply says that everything sent before has been done."""
    return _bytes_of(parser.OFPBarrierRequest(_NO_SWITCH), xid)


def cookie_of_failed(message: bytes) -> int | None:
    """The cookie of the item that an error quotes the message of, or ``None`` if it quotes something else."""
    if len(message) < _FLOW_MOD_COOKIE.stop:
        return None
    match message[1]:
        case ofproto.OFPT_FLOW_MOD:
            return int.from_bytes(message[_FLOW_MOD_COOKIE], "big")
        case ofproto.OFPT_GROUP_MOD:
            return Group(int.from_bytes(message[_GROUP_OR_METER], "big"), ()).cookie
        case ofproto.OFPT_METER_MOD:
            return Meter(int.from_bytes(message[_GROUP_OR_METER], "big"), 0, 0).cookie
    return None


def report_of_failed(message: bytes) -> int | None:
    """The type of the multipart request that an error quotes, or ``None`` if it quotes something else."""
    if len(message) < ofproto.OFP_HEADER_SIZE + 2 or message[1] != ofproto.OFPT_MULTIPART_REQUEST:
        return None
    return int.from_bytes(message[ofproto.OFP_HEADER_SIZE : ofproto.OFP_HEADER_SIZE + 2], "big")


def read(entries: Sequence[Any], groups: Sequence[Any] = (), meters: Sequence[Any] = ()) -> Installed:
    """Sort the ``OFPFlowStats``, ``OFPGroupDescStats`` and ``OFPMeterConfigStats`` of a switch."""
    found: dict[EntryKey, Item] = {}
    foreign: list[tuple[EntryKey | None, bytes]] = []
    for stats in entries:
        match = _read_match(stats.match)
        key = None if match is None else (stats.table_id, stats.priority, match)
        entry = None if match is None else _read_entry(stats, match)
        if entry is not None and entry.cookie == stats.cookie:
            found[entry.key] = entry
        else:
            foreign.append((key, _removal(stats.table_id, stats.priority, stats.match)))
    whole: list[Group | Meter] = [*map(_read_group, groups), *map(_read_meter, meters)]
    found.update({item.key: item for item in whole})
    return Installed(found, tuple(foreign))


def _put_entry(entry: FlowEntry) -> bytes:
    instructions = []
    if entry.meter is not None:
        instructions.append(parser.OFPInstructionMeter(entry.meter))
    if entry.actions:
        actions = [_action(action) for action in entry.actions]
        instructions.append(parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions))
    if entry.goto is not None:
        instructions.append(parser.OFPInstructionGotoTable(entry.goto))
    return _flow_mod(
        command=ofproto.OFPFC_ADD,
        cookie=entry.cookie,
        table_id=entry.table,
        priority=entry.priority,
        match=parser.OFPMatch(**entry.match.fields()),
        instructions=instructions,
    )


def _group_mod(command: int, group: Group) -> bytes:
    buckets = [
        parser.OFPBucket(watch_port=bucket.watch_port, actions=[_action(action) for action in bucket.actions])
        for bucket in group.buckets
    ]
    message = parser.OFPGroupMod(_NO_SWITCH, command, ofproto.OFPGT_FF, group.id, buckets)
    return _bytes_of(message, _FLOW_MOD_XID)


def _meter_mod(command: int, meter: Meter) -> bytes:
    bands = [parser.OFPMeterBandDrop(meter.rate_kbps, meter.burst_kbit)]
    if command == ofproto.OFPMC_DELETE:
        bands = []
    message = parser.OFPMeterMod(_NO_SWITCH, command, _METER_FLAGS, meter.id, bands)
    return _bytes_of(message, _FLOW_MOD_XID)


def _action(action: Action) -> Any:
    match action:
        case SetField(name, value):
            return parser.OFPActionSetField(**{name: value})
        case DecrementTtl():
            return parser.OFPActionDecNwTtl()
        case Output(port):
            return parser.OFPActionOutput(port, ofproto.OFPCML_NO_BUFFER)
        case ToGroup(group):
            return parser.OFPActionGroup(group)


def _removal(table: int, priority: int, match: Any) -> bytes:
    return _flow_mod(
        command=ofproto.OFPFC_DELETE_STRICT,
        table_id=table,
        priority=priority,
        match=match,
        instructions=[],
    )


def _flow_mod(**arguments: Any) -> bytes:
    message = parser.OFPFlowMod(
        _NO_SWITCH,
        buffer_id=ofproto.OFP_NO_BUFFER,
        out_port=ofproto.OFPP_ANY,
        out_group=ofproto.OFPG_ANY,
        **arguments,
    )
    return _bytes_of(message, _FLOW_MOD_XID)


def _bytes_of(message: Any, xid: int) -> bytes:
    message.set_xid(xid)
    message.serialize()
    return bytes(message.buf)


def _read_match(match: Any) -> Match | None:
    found = dict(match.items())
    if not _MATCH_FIELDS.issuperset(found) or any(isinstance(value, tuple) for value in found.values()):
        return None  # a field we never use, or a masked one
    return Match(**found)


def _read_entry(stats: Any, match: Match) -> FlowEntry | None:
    if stats.idle_timeout or stats.hard_timeout or stats.flags:
        return None
    actions: tuple[Action, ...] = ()
    goto = meter = None
    for instruction in stats.instructions:
        if isinstance(instruction, parser.OFPInstructionGotoTable):
            goto = instruction.table_id
        elif isinstance(instruction, parser.OFPInstructionMeter):
            meter = instruction.meter_id
        elif getattr(instruction, "type", None) == ofproto.OFPIT_APPLY_ACTIONS:
            read_actions = _read_actions(instruction.actions)
            if read_actions is None:
                return None
            actions += read_actions
        else:
            return None
    return FlowEntry(stats.table_id, stats.priority, match, actions, goto, meter)


def _read_group(stats: Any) -> Group:
    buckets = []
    for bucket in stats.buckets:
        actions = _read_actions(bucket.actions)
        if actions is None or bucket.watch_group != ofproto.OFPG_ANY:
            return Group(stats.group_id, ())
        buckets.append(Bucket(bucket.watch_port, actions))
    return Group(stats.group_id, tuple(buckets) if stats.type == ofproto.OFPGT_FF else ())


def _read_meter(stats: Any) -> Meter:
    bands = [band for band in stats.bands if isinstance(band, parser.OFPMeterBandDrop)]
    if stats.flags != _METER_FLAGS or len(bands) != 1 or len(stats.bands) != 1:
        return Meter(stats.meter_id, 0, 0)
    return Meter(stats.meter_id, bands[0].rate, bands[0].burst_size)


def _read_actions(actions: Sequence[Any]) -> tuple[Action, ...] | None:
    found = [_read_action(action) for action in actions]
    return None if None in found else tuple(action for action in found if action is not None)


def _read_action(action: Any) -> Action | None:
    if isinstance(action, parser.OFPActionSetField):
        return SetField(action.key, action.value)
    if isinstance(action, parser.OFPActionDecNwTtl):
        return DecrementTtl()
    if isinstance(action, parser.OFPActionOutput):
        return Output(action.port)
    if isinstance(action, parser.OFPActionGroup):
        return ToGroup(action.group_id)
    return None
