"""Sockets of another process: options that its program has no setting for are set from outside.

On copies of its descriptors, which are the same sockets: pidfd_getfd(2), Linux 5.6.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator

_PIDFD_GETFD = 438  # the same number on every architecture
_libc = ctypes.CDLL(None, use_errno=True)


def sockets_of(pid: int, family: int) -> Iterator[socket.socket]:
    """The sockets of one address ``family`` that a process has open now; each is closed here after its turn.

    None where the kernel does not permit this or the process is gone.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            copy = _libc.syscall(_PIDFD_GETFD, pidfd, int(name), 0)
            if copy < 0:
                continue
            try:
                theirs = socket.socket(fileno=copy)
            except OSError:  # not a socket
                os.close(copy)
                continue
            with theirs:
                if theirs.family == family:
                    yield theirs
    except OSError:  # it has gone meanwhile
        return
    finally:
        os.close(pidfd)
