"""Room for the packets of a switch that sends and receives through AF_PACKET sockets.

Open vSwitch's userspace datapath sends on all interfaces through one socket, and a frame counts against that
socket's buffer until the link's queue has let it go. With the kernel's default of 208 KiB, some 90 full
frames, one full queue makes the switch drop frames of every other link, silently, and no queue ever fills as
declared. Each port also receives through a socket of its own, which overflows when the switch is held up for
a few milliseconds. Open vSwitch has no option for either, so the buffers are set from outside, on copies of
its descriptors: pidfd_getfd(2), Linux 5.6.
"""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

from topology.emulation.links.packetsocket import enlarge

SEND_BYTES = 256 << 20  # a bound, not an allocation: what waits is bounded by the links' queues
RECEIVE_BYTES = 1 << 20  # some 450 full frames

_PIDFD_GETFD = 438  # the same number on every architecture
_libc = ctypes.CDLL(None, use_errno=True)


def enlarge_packet_sockets(pid: int) -> int:
    """Enlarge the buffers of all AF_PACKET sockets a process has open now; how many there were.

    The sending socket of a switch exists only once it has sent a frame. Returns 0 where the kernel does not
    permit this or the process is gone.
    """
    try:
        pidfd = os.pidfd_open(pid)
        descriptors = [int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return 0
    try:
        return sum(_enlarge_if_packet(pidfd, descriptor) for descriptor in descriptors)
    finally:
        os.close(pidfd)


def _enlarge_if_packet(pidfd: int, descriptor: int) -> bool:
    copy = _libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
    if copy < 0:
        return False
    try:
        theirs = socket.socket(fileno=copy)
    except OSError:  # not a socket
        os.close(copy)
        return False
    with theirs:
        if theirs.family != socket.AF_PACKET:
            return False
        enlarge(theirs, RECEIVE_BYTES)
        enlarge(theirs, SEND_BYTES, sending=True)
        return True
