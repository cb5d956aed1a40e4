"""AF_PACKET sockets as the delay line and the read-back use them: whole frames with kernel timestamps.

Options and structures: packet(7), socket(7), and ``linux/virtio_net.h`` for the header that carries a frame's
segmentation and checksum state across user space. A VLAN tag would not survive (the kernel keeps it beside
the frame); emulated links carry none.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence

ETH_P_ALL = 0x0003
ETH_P_EXPERIMENTAL = 0x88B5  # IEEE 802 local experimental ethertype 1
VNET_HEADER_BYTES = 10  # struct virtio_net_hdr
LARGEST_FRAME_BYTES = 65536 + 64  # a full GSO frame with its headers
OUTGOING = socket.PACKET_OUTGOING

_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
ANCILLARY_BYTES = socket.CMSG_SPACE(16)  # one struct timespec

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
    pass whole. Frames sent by this machine through ``interface`` are not seen.

    Raises ``OSError`` where the interface is missing or CAP_NET_RAW is.
    """
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        for option in (_PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING):
            packet.setsockopt(_SOL_PACKET, option, 1)
        packet.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _enlarge(packet, receive_buffer_bytes)
        # Bound last: a socket opened with a protocol sees every interface until it is bound.
        packet.bind((interface, ETH_P_ALL))
    except OSError:
        packet.close()
        raise
    return packet


def open_tap(interface: str, ethertype: int, receive_buffer_bytes: int) -> socket.socket:
    """A non-blocking socket that sees frames of ``ethertype``, arriving and leaving, each with its time.

    Leaving frames (their address says ``OUTGOING``) are seen after the queueing discipline let them go,
    except those sent on this same socket.
    """
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        packet.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        _accept_only(packet, ethertype)
        _enlarge(packet, receive_buffer_bytes)
        packet.bind((interface, ETH_P_ALL))
    except OSError:
        packet.close()
        raise
    return packet


def open_sender(interface: str) -> socket.socket:
    """A non-blocking socket that only sends; frames pass the interface's queueing discipline."""
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        packet.bind((interface, 0))
    except OSError:
        packet.close()
        raise
    return packet


def kernel_drops(packet: socket.socket) -> int:
    """Frames the kernel could not store for ``packet`` since the last call (packet(7): reading resets)."""
    _received, dropped = struct.unpack("@II", packet.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    return int(dropped)


def _enlarge(packet: socket.socket, size_bytes: int) -> None:
    # The kernel doubles the figure and charges each frame's whole memory (about 2.3 KB for a small one).
    try:
        packet.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)
    except PermissionError:  # only CAP_NET_RAW: as much as net.core.rmem_max allows
        packet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)


def _accept_only(packet: socket.socket, ethertype: int) -> None:
    """Attach a classic BPF program: keep frames of ``ethertype``, at most 256 bytes of each."""
    program = struct.pack(
        "=HBBIHBBIHBBIHBBI",
        *(0x28, 0, 0, 12),  # load the half-word at offset 12: the ethertype
        *(0x15, 0, 1, ethertype),  # equal? else skip one
        *(0x06, 0, 0, 256),  # return: keep 256 bytes
        *(0x06, 0, 0, 0),  # return: drop
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    packet.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
