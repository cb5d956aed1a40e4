"""A switch that knows the OpenFlow 1.3 specification and nothing else: no OVS, no os-ken, no root.

It shakes hands, keeps the entries, groups and meters it is sent, reports them back, confirms barriers.
Anything it is sent that is not plain OpenFlow 1.3 is noted, and fails the test that uses it: also a group or
meter added twice, changed before it was added, or used by an entry before it is there.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from enum import IntEnum

from tests.patience import PATIENCE_S

VERSION = 4
_FLOW, _GROUP_DESC, _METER_CONFIG, _PORT_DESC = 1, 7, 10, 13
_GROUP, _METER = "group", "meter"
_ADD, _DELETE, _DELETE_STRICT = 0, 2, 4
_OPENFLOW_BASIC = 0x8000
_LINK_DOWN = 1


class Kind(IntEnum):
    """Message types (OpenFlow 1.3.5, section A.1) that a controller like ours has a use for."""

    HELLO = 0
    ECHO_REQUEST = 2
    ECHO_REPLY = 3
    FEATURES_REQUEST = 5
    FEATURES_REPLY = 6
    PORT_STATUS = 12
    PACKET_OUT = 13
    FLOW_MOD = 14
    GROUP_MOD = 15
    MULTIPART_REQUEST = 18
    MULTIPART_REPLY = 19
    BARRIER_REQUEST = 20
    BARRIER_REPLY = 21
    SET_ASYNC = 28
    METER_MOD = 29


class OpenFlowSwitch:
    """Connects to a controller and behaves. ``problems`` lists what it was sent beyond OpenFlow 1.3."""

    def __init__(self, dpid: int, ports: range, controller_port: int, *, answers_echo: bool = True) -> None:
        self.dpid = dpid
        self.ports = ports
        self.answers_echo = answers_echo
        self.entries: dict[tuple[int, int, bytes], tuple[bytes, bytes]] = {}  # key: cookie, instructions
        self.held: dict[tuple[str, int], bytes] = {}  # groups and meters: what a report has after the length
        self.flow_mods = 0
        self.problems: list[str] = []
        self.closed = threading.Event()
        self._controller_port = controller_port
        self._socket = socket.socket()

    def connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._controller_port))
        self.closed.clear()
        self._send(Kind.HELLO, 1)
        threading.Thread(target=self._serve, daemon=True).start()

    def disconnect(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self.closed.wait(PATIENCE_S)

    def set_port(self, port: int, *, up: bool) -> None:
        self._send(Kind.PORT_STATUS, 0, struct.pack("!B7x", 2) + _port(port, up))

    def _serve(self) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                buffer += data
                while len(buffer) >= 8 and len(buffer) >= (length := int.from_bytes(buffer[2:4], "big")):
                    self._answer(buffer[:length])
                    buffer = buffer[length:]
        self._socket.close()
        self.closed.set()

    def _answer(self, message: bytes) -> None:
        version, kind, _length, xid = struct.unpack("!BBHI", message[:8])
        if version != VERSION:
            self.problems.append(f"version {version}")
        match kind:
            case Kind.HELLO | Kind.ECHO_REPLY | Kind.PACKET_OUT | Kind.SET_ASYNC:
                pass
            case Kind.ECHO_REQUEST:
                if self.answers_echo:
                    self._send(Kind.ECHO_REPLY, xid, message[8:])
            case Kind.FEATURES_REQUEST:
                self._send(Kind.FEATURES_REPLY, xid, struct.pack("!QIBB2xII", self.dpid, 0, 2, 0, 0, 0))
            case Kind.FLOW_MOD:
                self._flow_mod(message)
            case Kind.GROUP_MOD:
                self._group_or_meter_mod(_GROUP, message)
            case Kind.METER_MOD:
                self._group_or_meter_mod(_METER, message)
            case Kind.MULTIPART_REQUEST:
                self._multipart(xid, int.from_bytes(message[8:10], "big"))
            case Kind.BARRIER_REQUEST:
                self._send(Kind.BARRIER_REPLY, xid)
            case _:
                self.problems.append(f"message type {kind}")

    def _flow_mod(self, message: bytes) -> None:
        self.flow_mods += 1
        cookie, table, command, priority = struct.unpack("!8s8xBB4xH", message[8:32])
        match_length = int.from_bytes(message[50:52], "big")
        padded = (match_length + 7) // 8 * 8
        match, instructions = message[48 : 48 + padded], message[48 + padded :]
        self._check_match(match[4:match_length])
        self._check_actions(instructions)
        key = (table, priority, match)
        if command == _ADD:
            self.entries[key] = (cookie, instructions)
        elif command == _DELETE_STRICT:
            self.entries.pop(key, None)
        else:
            self.problems.append(f"flow-mod command {command}")

    def _group_or_meter_mod(self, kind: str, message: bytes) -> None:
        self.flow_mods += 1
        command, number = struct.unpack("!H2xI", message[8:16])
        there = (kind, number) in self.held
        if there != (command != _ADD):
            self.problems.append(f"{kind}-mod command {command} for one that is there: {there}")
        if command == _DELETE:
            self.held.pop((kind, number), None)
        else:
            self.held[kind, number] = message[10:]

    def _check_match(self, fields: bytes) -> None:
        while fields:
            oxm_class, _field, length = struct.unpack("!HBB", fields[:4])
            if oxm_class != _OPENFLOW_BASIC:
                self.problems.append(f"match field of class {oxm_class:#06x}")
            fields = fields[4 + length :]

    def _check_actions(self, instructions: bytes) -> None:
        while instructions:
            kind, length = struct.unpack("!HH", instructions[:4])
            actions = instructions[8:length] if kind == 4 else b""
            if kind not in (1, 4, 6):  # goto-table, apply-actions, meter
                self.problems.append(f"instruction {kind}")
            if kind == 6:
                self._check_there(_METER, instructions[4:8])
            while actions:
                action, action_length = struct.unpack("!HH", actions[:4])
                if action not in (0, 22, 24, 25):  # output, group, decrement TTL, set-field
                    self.problems.append(f"action {action}")
                if action == 22:
                    self._check_there(_GROUP, actions[4:8])
                if action == 25 and int.from_bytes(actions[4:6], "big") != _OPENFLOW_BASIC:
                    self.problems.append("set-field of a class of its own")
                actions = actions[action_length:]
            instructions = instructions[length:]

    def _check_there(self, kind: str, number: bytes) -> None:
        if (kind, int.from_bytes(number, "big")) not in self.held:
            self.problems.append(f"an entry uses a {kind} that is not there")

    def _multipart(self, xid: int, kind: int) -> None:
        if kind == _PORT_DESC:
            body = [_port(port, up=True) for port in self.ports]
        elif kind == _FLOW:
            body = [_flow_stats(*key, *value) for key, value in self.entries.items()]
        elif kind in (_GROUP_DESC, _METER_CONFIG):
            wanted = _GROUP if kind == _GROUP_DESC else _METER
            body = [
                struct.pack("!H", 2 + len(rest)) + rest
                for (held, _), rest in self.held.items()
                if held == wanted
            ]
        else:
            self.problems.append(f"multipart type {kind}")
            return
        half = len(body) // 2  # in two parts, as a switch with many entries does
        for more, part in ((1, body[:half]), (0, body[half:])):
            self._send(Kind.MULTIPART_REPLY, xid, struct.pack("!HH4x", kind, more) + b"".join(part))

    def _send(self, kind: int, xid: int, body: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(struct.pack("!BBHI", VERSION, kind, 8 + len(body), xid) + body)


def _port(number: int, up: bool) -> bytes:
    state = 0 if up else _LINK_DOWN
    return struct.pack(
        "!I4x6s2x16sIIIIIIII", number, bytes(6), f"p{number}".encode(), 0, state, 0, 0, 0, 0, 0, 0
    )


def _flow_stats(table: int, priority: int, match: bytes, cookie: bytes, instructions: bytes) -> bytes:
    rest = match + instructions
    return (
        struct.pack("!HBxIIHHHH4x8sQQ", 48 + len(rest), table, 1, 0, priority, 0, 0, 0, cookie, 0, 0) + rest
    )
