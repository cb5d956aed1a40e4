"""``python -m controller SCENARIO``: the controller as a process of its own."""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__":
    # Before anything slow is imported: a signal that comes early waits for us instead of killing us half-way.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    from controller.launcher import main

    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is closed; taking the interpreter apart takes longer than stopping
