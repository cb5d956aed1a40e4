"""AF_PACKET sockets as the delay line and the read-back use them: whole frames with kernel timestamps.

Options and structures: packet(7), socket(7), and ``linux/virtio_net.h`` for the header that carries a frame's
segmentation and checksum state across user space. A VLAN tag would not survive (the kernel keeps it beside
the frame); emulated links carry none.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
from collections.abc import Sequence

ETH_P_ALL = 0x0003
ETH_P_EXPERIMENTAL = 0x88B5  # IEEE 802 local experimental ethertype 1
ETH_P_LOAD = 0x88B6  # local experimental ethertype 2: frames that only load a link's queue
ETH_P_IP = 0x0800
IP_EXPERIMENTAL = 253  # IP protocol for experiments (RFC 3692)
VNET_HEADER_BYTES = 10  # struct virtio_net_hdr
LARGEST_FRAME_BYTES = 65536 + 64  # a full GSO frame with its headers
SNAPSHOT_BYTES = 64
SEND_BUFFER_BYTES = 8 << 20  # a hundred full GSO frames on their way through the kernel
OUTGOING = socket.PACKET_OUTGOING

_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_SO_ATTACH_FILTER = 26
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
ANCILLARY_BYTES = socket.CMSG_SPACE(16)  # one struct timespec

# Classic BPF (linux/filter.h): operation, jump if true, jump if false, operand. A filter gives bytes to keep.
LOAD_BYTE, LOAD_HALF, LOAD_WORD, JUMP_IF_EQUAL, GIVE = 0x30, 0x28, 0x20, 0x15, 0x06
_ETHERTYPE_AT, _IP_PROTOCOL_AT = 12, 23
_INTERFACE_INDEX = 0xFFFFF000 + 8  # an ancillary load, SKF_AD_IFINDEX
_ALL_BUT_LOAD = (
    (LOAD_HALF, 0, 0, _ETHERTYPE_AT),
    (JUMP_IF_EQUAL, 0, 1, ETH_P_LOAD),
    (GIVE, 0, 0, 0),
    (GIVE, 0, 0, LARGEST_FRAME_BYTES),
)

_timespec = struct.Struct("@ll")


def stamp_ns(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    """The kernel's receive time in ``ancillary``, ns of CLOCK_REALTIME; 0 where there is none."""
    for _level, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _timespec.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return 0


def open_wire(interface: str, receive_buffer_bytes: int) -> socket.socket:
    """A non-blocking socket that reads what arrives at ``interface`` and writes what shall leave it.

    Each frame starts with a ``virtio_net_hdr``, so GSO frames and frames whose checksum is not yet computed
    pass whole. Frames sent by this machine through ``interface`` are not seen, and those that only load a
    link's queue (``ETH_P_LOAD``) are dropped by the kernel before they wake anybody.

    Raises ``OSError`` where the interface is missing or CAP_NET_RAW is.
    """
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        for option in (_PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING):
            packet.setsockopt(_SOL_PACKET, option, 1)
        packet.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        attach_filter(packet, _ALL_BUT_LOAD)
        enlarge(packet, receive_buffer_bytes)
        enlarge(packet, SEND_BUFFER_BYTES, sending=True)
        # Bound last: a socket opened with a protocol sees every interface until it is bound.
        packet.bind((interface, ETH_P_ALL))
    except OSError:
        packet.close()
        raise
    return packet


def open_tap(interfaces: Sequence[str], receive_buffer_bytes: int) -> socket.socket:
    """A non-blocking socket that sees experimental frames at ``interfaces``, with times and directions.

    Experimental: of ethertype ``ETH_P_EXPERIMENTAL``, or IPv4 with protocol ``IP_EXPERIMENTAL``.
    One socket for all of them, because closing one costs an RCU grace period. An arriving frame is seen as it
    arrives; a leaving one (its address says ``OUTGOING``) after the queueing discipline let it go, except
    when it was sent on this same socket. At most the first ``SNAPSHOT_BYTES`` of a frame are kept.
    """
    indices = [socket.if_nametoindex(interface) for interface in interfaces]
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL))
    try:
        packet.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _accept_experimental(packet, indices)
        enlarge(packet, receive_buffer_bytes)
        with contextlib.suppress(BlockingIOError):  # what came before the filter stood
            while True:
                packet.recv(1)
        kernel_drops(packet)
    except OSError:
        packet.close()
        raise
    return packet


def open_sender(send_buffer_bytes: int) -> socket.socket:
    """A non-blocking socket for ``sendto(frame, (interface, ethertype))``; it receives nothing.

    Frames pass the interface's queueing discipline like any other, and count against the buffer until they
    have left it.
    """
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    enlarge(packet, send_buffer_bytes, sending=True)
    return packet


def enlarge(packet: socket.socket, size_bytes: int, *, sending: bool = False) -> None:
    """Give ``packet`` a larger buffer for receiving, or for sending, as far as this process may.

    The kernel doubles the figure and charges each frame's whole memory (about 2.3 KB for a full one).
    """
    forced, bounded = (_SO_SNDBUFFORCE, socket.SO_SNDBUF) if sending else (_SO_RCVBUFFORCE, socket.SO_RCVBUF)
    try:
        packet.setsockopt(socket.SOL_SOCKET, forced, size_bytes)
    except PermissionError:  # only CAP_NET_RAW: as much as net.core.rmem_max or wmem_max allows
        packet.setsockopt(socket.SOL_SOCKET, bounded, size_bytes)


def kernel_drops(packet: socket.socket) -> int:
    """Frames the kernel could not store for ``packet`` since the last call (packet(7): reading resets)."""
    _received, dropped = struct.unpack("@II", packet.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    return int(dropped)


def _accept_experimental(packet: socket.socket, interface_indices: Sequence[int]) -> None:
    """Let only experimental frames at some interfaces pass."""
    program = [
        (LOAD_HALF, 0, 0, _ETHERTYPE_AT),
        (JUMP_IF_EQUAL, 4, 0, ETH_P_EXPERIMENTAL),
        (JUMP_IF_EQUAL, 0, 2, ETH_P_IP),
        (LOAD_BYTE, 0, 0, _IP_PROTOCOL_AT),
        (JUMP_IF_EQUAL, 1, 0, IP_EXPERIMENTAL),
        (GIVE, 0, 0, 0),
        (LOAD_WORD, 0, 0, _INTERFACE_INDEX),
    ]
    for index in interface_indices:
        program += [(JUMP_IF_EQUAL, 0, 1, index), (GIVE, 0, 0, SNAPSHOT_BYTES)]
    program.append((GIVE, 0, 0, 0))
    attach_filter(packet, program)


def attach_filter(to: socket.socket, program: Sequence[tuple[int, int, int, int]]) -> None:
    """Have the kernel run a classic BPF program on every message before ``to`` sees it.

    Each instruction: operation, jump if true, jump if false, operand (linux/filter.h).
    """
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
