"""``python -m controller SCENARIO``: the controller as a process of its own."""

from __future__ import annotations

import signal
import sys

# Before anything slow is imported: a signal that comes early waits for us instead of killing us half-way.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)

    from controller.launcher import main

    sys.exit(main(sys.argv[1:]))
