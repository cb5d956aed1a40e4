"""What a running lab consists of, as seen from outside: what ``onehop down`` is about to remove.

Counted, not remembered: the processes of the cell's PID namespace and those below it, the network
namespaces they are in, and the interfaces of these. All of it is the cell's own, and the kernel removes it
with the cell.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from topology.emulation.registry import LabRecord

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is of a lab: processes, network namespaces, and interfaces other than loopback."""

    processes: int
    network_namespaces: int
    interfaces: int


def contents_of(lab: LabRecord) -> Contents | None:
    """What is there now; ``None`` if that cannot be seen: without root, or before the cell exists."""
    if not lab.init_pid or os.geteuid() != 0:
        return None
    cell = _namespace(str(lab.init_pid), "pid")
    if cell is None:
        return None
    members = [name for name in os.listdir(_PROC) if name.isdigit() and _belongs(name, cell, lab.init_pid)]
    networks: dict[str, str] = {}  # of each namespace, one process that is in it
    for name in members:
        network = _namespace(name, "net")
        if network is not None:
            networks.setdefault(network, name)
    return Contents(len(members), len(networks), sum(map(_interfaces, networks.values())))


def _belongs(name: str, cell: str, init_pid: int) -> bool:
    """Whether a process is in the cell or in a PID namespace below it."""
    if _namespace(name, "pid") == cell:
        return True
    parent = name
    while parent not in ("0", "1", ""):
        if parent == str(init_pid):
            return True
        parent = _parent(parent)
    return False


def _parent(name: str) -> str:
    """Field 4 of /proc/PID/stat (proc(5)); empty if the process has gone."""
    try:
        return (_PROC / name / "stat").read_text().rpartition(")")[2].split()[1]
    except (OSError, IndexError):
        return ""


def _namespace(name: str, kind: str) -> str | None:
    try:
        return os.readlink(_PROC / name / "ns" / kind)
    except OSError:
        return None


def _interfaces(name: str) -> int:
    """Of a process's network namespace: /proc/PID/net/dev has two lines of header."""
    try:
        lines = (_PROC / name / "net" / "dev").read_text().splitlines()[2:]
    except OSError:
        return 0
    return sum(line.split(":")[0].strip() != "lo" for line in lines)
