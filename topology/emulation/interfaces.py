"""Taking an interface down and up at once, by the kernel's oldest call for it: netdevice(7), SIOCSIFFLAGS.

A process started for it (``ip link set``) takes some milliseconds, which would count as part of what follows.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable

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
