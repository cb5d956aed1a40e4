"""Packets of one interface on one CPU: veth keeps order only as long as its receiver stays where it is.

veth hands a packet to the backlog of whichever CPU happens to run, so two packets of a flow can overtake each
other when the sender moves from one CPU to another: TCP then sees reordering on a link that never reorders.
Receive packet steering (Linux Documentation/networking/scaling.rst) pins each interface to a CPU instead.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topology.emulation.cell import CELL_RUNTIME
from topology.emulation.layout import Layout

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def cpu_mask(number: int) -> str:
    """The mask that ``rps_cpus`` takes for one CPU; ``number`` spreads interfaces over the CPUs we have."""
    cpus = sorted(os.sched_getaffinity(0))
    return format(1 << cpus[number % len(cpus)], "x")


def keep_order(layout: Layout) -> None:
    """Pin the receiving side of every interface in the lab's own network namespace.

    A kernel without receive packet steering is left as it is.
    """
    with _interfaces() as folder:
        for site in layout.sites.values():
            _pin(folder, site.switch_interface, site.number)
        for link in layout.links.values():
            for end in (link.a, link.b):
                _pin(folder, end.interface, link.number)
                _pin(folder, end.wire, link.number)


@contextmanager
def _interfaces() -> Iterator[Path]:
    """The network devices of the current namespace: a sysfs shows those of where it was mounted."""
    place = CELL_RUNTIME / "sys"
    place.mkdir(exist_ok=True)
    if _libc.mount(b"sysfs", str(place).encode(), b"sysfs", 0, None) != 0:
        yield place  # nothing there, nothing pinned
        return
    try:
        yield place / "class/net"
    finally:
        _libc.umount2(str(place).encode(), _MNT_DETACH)


def _pin(folder: Path, interface: str, number: int) -> None:
    try:
        (folder / interface / "queues/rx-0/rps_cpus").write_text(cpu_mask(number))
    except OSError:
        return
