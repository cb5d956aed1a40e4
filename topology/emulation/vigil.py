"""Hearing at once that a process has died, at no cost while all of them live.

The kernel makes a pidfd readable when its process ends (pidfd_open(2), Linux 5.3), so one thread sleeps on
all of them. What the death means is for others to say: some processes are ended on purpose.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Iterable


class Vigil:
    """Calls ``died``, in a thread of its own, whenever one of some processes has ended.

    Where the kernel has no pidfd it never calls. Use ``close`` before the processes are ended on purpose:
    once it returns, nothing is called any more.
    """

    def __init__(self, pids: Iterable[int], died: Callable[[], None]) -> None:
        self._died = died
        self._poll = select.poll()
        self._descriptors = set()
        self._wake, self._closed = os.pipe()
        self._poll.register(self._wake, select.POLLIN)
        for pid in pids:
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(pid)
                self._descriptors.add(descriptor)
                self._poll.register(descriptor, select.POLLIN)
        self._thread = threading.Thread(target=self._keep, name="vigil", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the vigil. Safe to call twice."""
        if self._closed < 0:
            return
        os.close(self._closed)
        self._closed = -1
        self._thread.join()
        os.close(self._wake)

    def _keep(self) -> None:
        while True:
            ready = [descriptor for descriptor, _events in self._poll.poll()]
            if self._wake in ready:
                break
            for descriptor in ready:
                self._poll.unregister(descriptor)
                self._descriptors.remove(descriptor)
                os.close(descriptor)
            self._died()
        for descriptor in self._descriptors:
            os.close(descriptor)
