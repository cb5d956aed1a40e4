"""Which labs run on this machine: one small file each in ``/run/onehop/labs``, named by the process id.

A record is only a signpost for ``onehop status``, ``exec`` and ``down``; clean-up does not depend on it. A
record whose process is gone (or whose process id now means another process) is stale and is removed on sight.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from topology.emulation.cell import RUNTIME

LABS = RUNTIME / "labs"


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A running lab.

    Attributes:
        pid: the process that a signal takes down.
        started_ticks: its start time as the kernel counts it, so that a reused process id is not mistaken.
        init_pid: the cell's init, through whose namespaces ``exec`` enters; 0 while unknown.
        hosts: process id inside the cell of each site's host, by site.
    """

    pid: int
    started_ticks: int
    verb: str
    scenario: str
    since: float
    init_pid: int = 0
    state: str = "starting"
    hosts: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the record is kept."""
        return LABS / f"{self.pid}.json"


def announce(verb: str, scenario: str) -> LabRecord:
    """Record that this process runs a lab."""
    pid = os.getpid()
    record = LabRecord(pid, _start_ticks(pid) or 0, verb, scenario, time.time())
    write(record)
    return record


def write(record: LabRecord) -> None:
    """Write a record, atomically."""
    LABS.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = record.path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(record)))
    temporary.replace(record.path)


def update(record: LabRecord, **changes: object) -> LabRecord:
    """Write a changed record and return it. What another process has added meanwhile is kept."""
    current = _read(record.path) or record
    changed = replace(current, **changes)  # type: ignore[arg-type]
    write(changed)
    return changed


def forget(record: LabRecord) -> None:
    """Remove a record."""
    with contextlib.suppress(OSError):
        record.path.unlink(missing_ok=True)


def running() -> list[LabRecord]:
    """The labs that run now, oldest first; stale records are removed if we may."""
    found = []
    for record in _records():
        if _start_ticks(record.pid) == record.started_ticks:
            found.append(record)
        else:
            forget(record)
    return sorted(found, key=lambda record: (record.since, record.pid))


def _records() -> Iterator[LabRecord]:
    if not LABS.is_dir():
        return
    for path in sorted(LABS.glob("*.json")):
        record = _read(path)
        if record is not None:
            yield record


def _read(path: Path) -> LabRecord | None:
    try:
        return LabRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); the command name before it may contain anything, even ``)``."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def write_init(record: LabRecord, init_pid: int) -> None:
    """Note the cell's init, known only after the cell exists."""
    update(record, init_pid=init_pid)
