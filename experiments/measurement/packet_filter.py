"""Packet filters run by the kernel on a socket (classic BPF), so that we wake only for what concerns us.

Source: Linux Documentation/networking/filter.rst; the instruction set is that of McCanne and Jacobson, "The
BSD Packet Filter", USENIX Winter 1993.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

Instruction = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, operand: linux/filter.h ``struct sock_filter``."""

_SO_ATTACH_FILTER = 26
_LOAD_HALF_AT = 0x28  # A = half word at the operand
_LOAD_BYTE_AT = 0x30
_LOAD_HALF_AT_X = 0x48  # A = half word at X + operand
_LOAD_IP_HEADER_LENGTH = 0xB1  # X = 4 * (byte at the operand & 15)
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06

_ETHERTYPE_IPV4 = 0x0800
_PROTOCOL_UDP = 17
_FRAGMENT_OFFSET_BITS = 0x1FFF
_WHOLE_PACKET = 0x40000


def udp_destination_port(port: int) -> tuple[Instruction, ...]:
    """Pass Ethernet frames with IPv4 and UDP to ``port``, whole; drop everything else."""
    return (
        (_LOAD_HALF_AT, 0, 0, 12),
        (_JUMP_IF_EQUAL, 0, 8, _ETHERTYPE_IPV4),
        (_LOAD_BYTE_AT, 0, 0, 23),
        (_JUMP_IF_EQUAL, 0, 6, _PROTOCOL_UDP),
        (_LOAD_HALF_AT, 0, 0, 20),
        (_JUMP_IF_ANY_BIT, 4, 0, _FRAGMENT_OFFSET_BITS),  # only a first fragment has the ports
        (_LOAD_IP_HEADER_LENGTH, 0, 0, 14),
        (_LOAD_HALF_AT_X, 0, 0, 16),
        (_JUMP_IF_EQUAL, 0, 1, port),
        (_RETURN, 0, 0, _WHOLE_PACKET),
        (_RETURN, 0, 0, 0),
    )


def assemble(program: Sequence[Instruction]) -> bytes:
    """The program as the kernel reads it: 8 bytes an instruction, in this machine's byte order."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def attach(opened: socket.socket, program: Sequence[Instruction]) -> None:
    """Have the kernel run ``program`` on everything that reaches the socket. Raises ``OSError``."""
    code = ctypes.create_string_buffer(assemble(program), len(program) * 8)
    # struct sock_fprog: the number of instructions, and where they are; the kernel copies them.
    opened.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
    )
