"""Memory that the processes of a cell take."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def pss_mib() -> float:
    """Proportional set sizes of all processes in this PID namespace but our own, which is there before.

    A page that several processes share counts for each by its share (smaps_rollup of proc(5), Linux 4.14), so
    the sum is what they take together. Memory of the kernel is not in it.
    """
    total_kib = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):  # it has ended, or is a thread of the kernel
            for line in (entry / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total_kib += int(line.split()[1])
    return total_kib / 1024
