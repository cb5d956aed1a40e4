"""Making interfaces by one process for all, and taking one down or up without any.

The latter by the kernel's oldest call for it: netdevice(7), SIOCSIFFLAGS. A process started for it (``ip link
set``) takes some milliseconds, which would count as part of what follows.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from topology.errors import EmulationError

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCGIFINDEX = 0x8913, 0x8914, 0x8933
_IFF_UP = 1
_ifreq = struct.Struct("16sH22x")
_ifreq_index = struct.Struct("16si20x")


def set_interfaces(names: Iterable[str], *, up: bool) -> None:
    """Take interfaces of the calling thread's namespace up or down, in order. Raises ``EmulationError``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for name in names:
            try:
                request = fcntl.ioctl(handle, _SIOCGIFFLAGS, _ifreq.pack(name.encode(), 0))
                _name, flags = _ifreq.unpack(request)
                flags = flags | _IFF_UP if up else flags & ~_IFF_UP
                fcntl.ioctl(handle, _SIOCSIFFLAGS, _ifreq.pack(name.encode(), flags))
            except OSError as error:
                word = "up" if up else "down"
                raise EmulationError(f"cannot take {name} {word}: {error.strerror}") from None


def interface_index(handle: socket.socket, name: str) -> int:
    """The index of an interface, in the namespace that a socket was opened in. Raises ``OSError``."""
    told = fcntl.ioctl(handle, _SIOCGIFINDEX, _ifreq_index.pack(name.encode(), 0))
    _name, index = _ifreq_index.unpack(told)
    return int(index)


class IpBatch:
    """An ``ip -batch`` that does what it is told as it is told; leaving it waits until all is done.

    Raises ``EmulationError`` then, with what ``ip`` said, if something could not be done; what came after it
    has not been done either.
    """

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._ip = subprocess.Popen(["ip", "-batch", "-"], stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __enter__(self) -> IpBatch:
        return self

    def do(self, command: str) -> None:
        """One command without its first word."""
        assert self._ip.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and leaving will tell why
            self._ip.stdin.write(f"{command}\n")
            self._ip.stdin.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._ip.kill()
        _said, complained = self._ip.communicate()
        if kind is None and self._ip.returncode != 0:
            raise EmulationError(f"ip refused a step of the set-up: {complained.strip()}")
