"""Whether the kernel has killed processes for want of memory: it tells nobody but its log and a counter."""

from __future__ import annotations

import contextlib
from pathlib import Path

HINT = "the kernel ran out of memory and killed a process; close other programs, or take a smaller scenario"


def kills_so_far() -> int:
    """Processes killed for want of memory on this machine since it started (/proc/vmstat, Linux 4.13)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/vmstat").read_text().partition("\noom_kill ")[2].split()[0])
    return 0
