"""Flow entries to OpenFlow 1.3 messages, and what a switch reports back to flow entries.

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

from controller.entries import Action, DecrementTtl, EntryKey, FlowEntry, Match, Output, SetField

_NO_SWITCH = ofproto_protocol.ProtocolDesc(version=ofproto.OFP_VERSION)
_FLOW_MOD_XID = 0  # an error quotes the message it is about, so the number need not tell them apart
_FLOW_MOD_COOKIE = slice(ofproto.OFP_HEADER_SIZE, ofproto.OFP_HEADER_SIZE + 8)
_MATCH_FIELDS = frozenset(part.name for part in fields(Match))


@dataclass(frozen=True, slots=True)
class Installed:
    """What a switch reported.

    Attributes:
        entries: entries we could have put there ourselves, cookie included.
        foreign: anything else: its key if it has one in our terms, and the message that removes it.
    """

    entries: dict[EntryKey, FlowEntry]
    foreign: tuple[tuple[EntryKey | None, bytes], ...] = ()


@lru_cache(maxsize=1 << 16)
def put(entry: FlowEntry) -> bytes:
    """The flow-mod that adds ``entry``, or puts it in the place of the one with its key."""
    instructions = []
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


def remove(entry: FlowEntry) -> bytes:
    """The flow-mod that removes exactly ``entry``."""
    return _removal(entry.table, entry.priority, parser.OFPMatch(**entry.match.fields()))


def barrier(xid: int) -> bytes:
    """A barrier request: its reply says that everything sent before has been done."""
    return _bytes_of(parser.OFPBarrierRequest(_NO_SWITCH), xid)


def cookie_of_failed(message: bytes) -> int | None:
    """The cookie of the flow-mod that an error quotes, or ``None`` if it quotes something else."""
    if len(message) < _FLOW_MOD_COOKIE.stop or message[1] != ofproto.OFPT_FLOW_MOD:
        return None
    return int.from_bytes(message[_FLOW_MOD_COOKIE], "big")


def read(reported: Sequence[Any]) -> Installed:
    """Sort the ``OFPFlowStats`` of a switch into ours and foreign."""
    entries: dict[EntryKey, FlowEntry] = {}
    foreign: list[tuple[EntryKey | None, bytes]] = []
    for stats in reported:
        match = _read_match(stats.match)
        key = None if match is None else (stats.table_id, stats.priority, match)
        entry = None if match is None else _read_entry(stats, match)
        if entry is not None and entry.cookie == stats.cookie:
            entries[entry.key] = entry
        else:
            foreign.append((key, _removal(stats.table_id, stats.priority, stats.match)))
    return Installed(entries, tuple(foreign))


def _action(action: Action) -> Any:
    match action:
        case SetField(name, value):
            return parser.OFPActionSetField(**{name: value})
        case DecrementTtl():
            return parser.OFPActionDecNwTtl()
        case Output(port):
            return parser.OFPActionOutput(port, ofproto.OFPCML_NO_BUFFER)


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
    actions: list[Action] = []
    goto = None
    for instruction in stats.instructions:
        if isinstance(instruction, parser.OFPInstructionGotoTable):
            goto = instruction.table_id
        elif getattr(instruction, "type", None) == ofproto.OFPIT_APPLY_ACTIONS:
            read_actions = [_read_action(action) for action in instruction.actions]
            if None in read_actions:
                return None
            actions += [action for action in read_actions if action is not None]
        else:
            return None
    return FlowEntry(stats.table_id, stats.priority, match, tuple(actions), goto)


def _read_action(action: Any) -> Action | None:
    if isinstance(action, parser.OFPActionSetField):
        return SetField(action.key, action.value)
    if isinstance(action, parser.OFPActionDecNwTtl):
        return DecrementTtl()
    if isinstance(action, parser.OFPActionOutput):
        return Output(action.port)
    return None
