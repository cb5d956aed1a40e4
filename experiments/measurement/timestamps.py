"""Time: stamps taken by the kernel, the NTP format in which STAMP carries them, and timers without slack.

The kernel stamps a packet when it hands it to the (virtual) network card and when it takes one from it, so
the scheduling of our processes does not enter the measured delay. All stamps are CLOCK_REALTIME in
nanoseconds; as every host of the lab shares this one clock, one-way delays need no synchronisation.

Source: Linux Documentation/networking/timestamping.rst; NTP format: RFC 5905 section 6.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Iterable

# From linux/in.h, linux/net_tstamp.h and asm-generic/socket.h: not in the socket module of every Python.
IP_RECVTTL = 12
SO_TIMESTAMPING_NEW = 65  # 64-bit seconds on every architecture, since Linux 5.1
_TX_SOFTWARE = 1 << 1
_RX_SOFTWARE = 1 << 3
_REPORT_SOFTWARE = 1 << 4
_OPT_ID = 1 << 7  # a transmit stamp bears the number of the packet on its socket
_OPT_TSONLY = 1 << 11  # and comes without a copy of the packet
_OPT_CMSG = 1 << 10  # report receive stamps as control messages together with those of the error queue

_SCM_TIMESTAMPING = struct.Struct("=6q")  # software, (legacy), hardware; seconds and nanoseconds each
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # struct sock_extended_err of linux/errqueue.h
_ORIGIN_TIMESTAMPING = 4
_IP_RECVERR = 11

ANCILLARY_BYTES = 512
NTP_UNIX_OFFSET_S = 2_208_988_800  # 1900-01-01 to 1970-01-01 (RFC 5905)
_SECOND_NS = 1_000_000_000
_ERA_S = 1 << 32
_PR_SET_TIMERSLACK = 29
_CLOCK_READINGS = 20
_LEAST_STEP_NS = 100_000

Ancillary = Iterable[tuple[int, int, bytes]]


def enable_kernel_timestamps(sock: socket.socket, *, transmit: bool, numbered: bool = False) -> None:
    """Have the kernel stamp what ``sock`` receives and, with ``transmit``, what it sends.

    A transmit stamp arrives on the error queue (``MSG_ERRQUEUE``): together with a copy of the packet, or if
    ``numbered`` with its number alone, counted from 0 in the order of sending (``stamped_number``).
    """
    flags = _RX_SOFTWARE | _REPORT_SOFTWARE | _OPT_CMSG
    if transmit:
        flags |= _TX_SOFTWARE
    if numbered:
        flags |= _OPT_ID | _OPT_TSONLY
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING_NEW, flags)


def kernel_stamp_ns(ancillary: Ancillary) -> int:
    """The kernel's time stamp among control messages; 0 if there is none."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING_NEW and len(data) >= _SCM_TIMESTAMPING.size:
            seconds, nanoseconds, *_ = _SCM_TIMESTAMPING.unpack_from(data)
            return int(seconds) * _SECOND_NS + int(nanoseconds)
    return 0


def ttl_and_tos(ancillary: Ancillary) -> tuple[int, int]:
    """TTL and TOS of a packet, 0 where the socket was not told."""
    ttl = tos = 0
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == socket.IP_TTL:
            ttl = int.from_bytes(data, sys.byteorder)
        elif level == socket.IPPROTO_IP and kind == socket.IP_TOS:
            tos = data[0]
    return ttl, tos


def stamped_number(ancillary: Ancillary) -> int | None:
    """The number of the packet that a transmit stamp among control messages is for."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_RECVERR and len(data) >= _EXTENDED_ERROR.size:
            _errno, origin, _type, _code, _pad, _info, number = _EXTENDED_ERROR.unpack_from(data)
            return int(number) if origin == _ORIGIN_TIMESTAMPING else None
    return None


def ntp_from_ns(unix_ns: int) -> int:
    """Unix time in ns as a 64-bit NTP time stamp: 32 bits of seconds of the era, 32 bits of fraction."""
    seconds, nanoseconds = divmod(unix_ns, _SECOND_NS)
    fraction = ((nanoseconds << 32) + _SECOND_NS // 2) // _SECOND_NS
    return ((seconds + NTP_UNIX_OFFSET_S) % _ERA_S) << 32 | fraction


def ns_from_ntp(ntp: int, near_ns: int) -> int:
    """A 64-bit NTP time stamp as Unix time in ns, in the era that brings it closest to ``near_ns``.

    The inverse of ``ntp_from_ns`` to the nanosecond, also across the end of era 0 in February 2036.
    """
    seconds = (ntp >> 32) - NTP_UNIX_OFFSET_S
    nanoseconds = ((ntp & 0xFFFFFFFF) * _SECOND_NS + (1 << 31)) >> 32
    era = round((near_ns // _SECOND_NS - seconds) / _ERA_S)
    return (seconds + era * _ERA_S) * _SECOND_NS + nanoseconds


def realtime_offset_ns() -> int:
    """CLOCK_REALTIME minus CLOCK_MONOTONIC. It changes only when somebody sets or steps the clock.

    Of several readings the quickest counts: in the others we may have lost the processor half-way.
    """
    readings = []
    for _ in range(_CLOCK_READINGS):
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, real - (before + after) // 2))
    return min(readings)[1]


class ClockWatch:
    """Whether CLOCK_REALTIME has been set since it was last asked.

    Kernel stamps are of that clock, so two stamps taken before and after a step have nothing to do with each
    other. ``offset_ns`` is what to add to CLOCK_MONOTONIC to get it, since the last step that was noticed.
    """

    def __init__(self) -> None:
        self.offset_ns = realtime_offset_ns()

    def step_ns(self) -> int:
        """By how much it has been set, 0 if by less than 0.1 ms. One reading, unless that looks strange."""
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        seen_ns = real - (before + after) // 2 - self.offset_ns
        if abs(seen_ns) <= _LEAST_STEP_NS + (after - before):
            return 0
        offset_ns = realtime_offset_ns()
        step_ns = offset_ns - self.offset_ns
        if abs(step_ns) <= _LEAST_STEP_NS:
            return 0
        self.offset_ns = offset_ns
        return step_ns


def sharpen_timer() -> None:
    """Have the calling thread woken without the default slack of 50 us (prctl(2), PR_SET_TIMERSLACK)."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
