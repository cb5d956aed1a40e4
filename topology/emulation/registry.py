"""Which labs run on this machine: one small file each in ``/run/onehop/labs``, named by the process.

A record is only a signpost for ``onehop status``, ``exec`` and ``down``; clean-up does not depend on it. A
record whose process is gone (or whose process id now means another process) is stale and is removed on sight.
Process ids mean something only in their PID namespace: records of another one, such as a container that
shares ``/run``, are neither shown nor removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from topology.emulation.cell import RUNTIME
from topology.files import HALF_WRITTEN, write_whole

LABS = RUNTIME / "labs"
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # the machine's own (linux/proc_ns.h); it sees the processes of all others


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A running lab.

    Attributes:
        pid: the process that a signal takes down.
        started_ticks: its start time as the kernel counts it, so that a reused process id is not mistaken.
        init_pid: the cell's init, through whose namespaces ``exec`` enters; 0 while unknown.
        hosts: process id inside the cell of each site's host, by site.
        pid_namespace: number of the PID namespace in which these process ids mean something.
        results: the folder that the run writes to; empty if it writes none.
        broken: what has died of it, one sentence; empty while all is well.
    """

    pid: int
    started_ticks: int
    verb: str
    scenario: str
    since: float
    init_pid: int = 0
    state: str = "starting"
    hosts: dict[str, int] = field(default_factory=dict)
    pid_namespace: int = 0
    results: str = ""
    broken: str = ""

    @property
    def path(self) -> Path:
        """Where the record is kept."""
        return LABS / f"{self.pid}-{self.pid_namespace}.json"


def announce(verb: str, scenario: str) -> LabRecord:
    """Record that this process runs a lab."""
    pid = os.getpid()
    record = LabRecord(
        pid, _start_ticks(pid) or 0, verb, scenario, time.time(), pid_namespace=_pid_namespace()
    )
    write(record)
    return record


def write(record: LabRecord) -> None:
    """Write a record, atomically."""
    with _lock():
        _write(record)


def _write(record: LabRecord) -> None:
    write_whole(record.path, json.dumps(asdict(record)))


def update(record: LabRecord, **changes: object) -> LabRecord:
    """Write a changed record and return it. What another process has added meanwhile is kept."""
    with _lock():
        current = read(record) or record
        changed = replace(current, **changes)  # type: ignore[arg-type]
        _write(changed)
    return changed


def read(record: LabRecord) -> LabRecord | None:
    """The record as it is now; ``None`` if it has been removed."""
    return _read(record.path)


def forget(record: LabRecord) -> None:
    """Remove a record."""
    with contextlib.suppress(OSError):
        record.path.unlink(missing_ok=True)


def running() -> list[LabRecord]:
    """The labs that run now, oldest first; stale records are removed if we may."""
    found = []
    ours = _pid_namespace()
    _sweep()
    for record in _records():
        if record.pid_namespace != ours:
            if ours == _FIRST_PID_NAMESPACE and record.pid_namespace not in _pid_namespaces():
                forget(record)
        elif _start_ticks(record.pid) == record.started_ticks:
            found.append(record)
        else:
            forget(record)
    return sorted(found, key=lambda record: (record.since, record.pid))


def _sweep() -> None:
    """Remove what writers left that were killed half-way; whoever holds the lock is the only writer."""
    if LABS.is_dir():
        with contextlib.suppress(OSError), _lock():
            for half_written in LABS.glob(f"*{HALF_WRITTEN}"):
                half_written.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One change at a time; the kernel lets go of the lock if its holder dies."""
    LABS.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(LABS, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _pid_namespace(pid: int | str = "self") -> int:
    """The number of a process's PID namespace; 0 where it cannot be told."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def _pid_namespaces() -> set[int]:
    """Those of all processes in sight; complete only for root in the machine's own namespace."""
    if os.geteuid() != 0:
        return {record.pid_namespace for record in _records()}
    return {_pid_namespace(name) for name in os.listdir("/proc") if name.isdigit()}


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
