"""Keep packets of a flow in order between processors.

A veth hands each packet to the backlog of whichever processor runs just then. Where HTB and netem send from
timers, that changes from packet to packet, and a later packet may overtake an earlier one: TCP then sees
reordering and retransmits what was not lost. Receive packet steering (Documentation/networking/scaling.rst
in Linux) gives each flow one processor. The setting lives in sysfs, and a cell still sees its parent's; so
one of its own is mounted for the moment.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def steer_all(but: Collection[str] = ()) -> int:
    """Switch on steering for all interfaces of this network namespace ``but`` some; for how many it worked.

    It costs an interrupt of another processor for nearly every packet. The delay line's own interfaces do
    without: it puts what it reads in the order of the kernel's stamps (``schedule``).

    0 on a machine with one processor, which cannot reorder, and where sysfs cannot be mounted.
    """
    processors = os.cpu_count() or 1
    if processors == 1:
        return 0
    place = tempfile.mkdtemp(prefix="onehop-sysfs-")
    try:
        if _libc.mount(b"sysfs", place.encode(), b"sysfs", 0, None) != 0:
            return 0
        try:
            return _write_masks(Path(place, "class/net"), processor_mask(processors), but)
        finally:
            _libc.umount2(place.encode(), _MNT_DETACH)
    finally:
        os.rmdir(place)


def processor_mask(processors: int) -> str:
    """All of so many processors as sysfs writes it: hexadecimal groups of 32 bits. Pure."""
    bits = (1 << processors) - 1
    groups = []
    while bits:
        groups.append(f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join(reversed(groups))


def _write_masks(interfaces: Path, mask: str, but: Collection[str]) -> int:
    steered = 0
    for interface in set(os.listdir(interfaces)).difference(but):
        queues = f"{interfaces}/{interface}/queues"
        try:
            for queue in os.listdir(queues):
                if queue.startswith("rx-"):
                    _write(f"{queues}/{queue}/rps_cpus", mask)
                    steered += 1
        except OSError:  # removed meanwhile, or not for us to change
            continue
    return steered


def _write(path: str, text: str) -> None:
    """Without the layers of a file object, which cost more than the write: there are many of these."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
