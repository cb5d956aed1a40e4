"""Being in another network namespace for a moment.

``setns(2)`` moves only the calling thread, and a socket keeps the namespace it was opened in. So a process
can hold sockets in many namespaces at once, and no other thread notices.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside_network(path: str) -> Iterator[None]:
    """Move the calling thread into a network namespace (``/proc/1234/ns/net``), and back again.

    Raises ``OSError`` when the namespace is gone or this process may not enter it.
    """
    target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # thread-self, not self: the latter is the main thread's, which may live in another namespace.
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(target)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)
    finally:
        os.close(target)


def _enter(descriptor: int) -> None:
    # os.setns exists only from Python 3.12 on.
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
