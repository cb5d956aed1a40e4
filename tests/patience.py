"""How long a test waits for what must come: long, for a machine may be busy, or emulated in software."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.01


def wait_until(condition: Callable[[], object], what: Callable[[], object] = str) -> None:
    """Return as soon as ``condition`` holds; fails the test if it never does, with what ``what`` says."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(_LOOK_EVERY_S)
