"""A machine whose clock is set in the middle of a measurement, without touching the clock of this one.

A file says when (ns of the true CLOCK_REALTIME) and by how much the clock was set. Both the measuring process
and its reflector, which this module runs with the same change, add that to every reading and every kernel
stamp from that moment on.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from experiments.measurement import reflector, timestamps
from experiments.measurement.worker import run_worker

FILE = "ONEHOP_TEST_CLOCK"
_STEP = struct.Struct("=qq")
_true_time_ns = time.time_ns
_true_stamp_ns = timestamps.kernel_stamp_ns


def set_clock(file: Path, step_ns: int) -> None:
    """Set it now."""
    file.write_bytes(_STEP.pack(_true_time_ns(), step_ns))


def _as_set(true_ns: int) -> int:
    data = Path(os.environ[FILE]).read_bytes()
    since_ns, step_ns = _STEP.unpack(data) if len(data) == _STEP.size else (0, 0)
    return true_ns + step_ns if true_ns >= since_ns else true_ns


def time_ns() -> int:
    """In the place of ``time.time_ns``."""
    return _as_set(_true_time_ns())


def kernel_stamp_ns(ancillary: timestamps.Ancillary) -> int:
    """In the place of ``timestamps.kernel_stamp_ns``."""
    stamp_ns = _true_stamp_ns(ancillary)
    return _as_set(stamp_ns) if stamp_ns else 0


def install(replace: Callable[[object, str, object], None], module: object) -> None:
    """Make a module that reads stamps, and the whole process, live by this clock."""
    replace(time, "time_ns", time_ns)
    replace(module, "kernel_stamp_ns", kernel_stamp_ns)


if __name__ == "__main__":
    install(setattr, reflector)
    sys.exit(run_worker(reflector.reflect_until_parent_leaves))
