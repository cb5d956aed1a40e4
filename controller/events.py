"""What the controller tells the world: one JSON object a line, on a file descriptor.

Every line has ``event``, ``time`` (seconds since 1970) and ``monotonic`` (seconds of this machine's monotonic
clock, comparable between processes). The events, with their further fields:

=================== ====================================================================================
listening           ``host``, ``port``, ``scenario``, ``sites``, ``entries`` (wanted, over all sites),
                    ``plan`` and ``tables`` (digests)
switch              ``site``, ``entries``, ``added``, ``removed``, ``seconds`` (since it joined): one
                    switch holds its table, confirmed
programmed          ``switches``, ``entries``, ``groups``, ``meters``, ``seconds`` (since the first joined),
                    ``without_links``: all switches do
link-down           ``link``, ``site``, ``port``: this port of the link is down
link-up             ``link``: the ports at both ends are up again
repaired            ``seconds`` (since the controller heard of it), ``last_barrier`` (monotonic; the last
                    confirmation), ``rerouted`` (paths that changed), ``promises`` (ids that changed),
                    ``entries`` (changed), ``rounds``, ``without_links``, ``unreachable`` (pairs),
                    ``unconfirmed`` (sites)
admitted            ``id``, ``source``, ``destination``, ``port``, ``rate_bps``, ``burst_bits``, ``path``,
                    ``backup``, ``bound_ns``, ``failover_bound_ns``; of one asked for while the controller
                    runs also ``seconds`` and ``pending`` (sites whose switch has not confirmed it)
refused             ``id``, ``constraint``, ``reason``, ``possible``
withdrawn           ``id``, ``seconds``: its packets are best effort now
promise-moved       ``id``, ``state`` (``on-backup`` or ``rerouted``), ``path``, ``backup``, ``bound_ns``,
                    ``failover_bound_ns``, ``seconds``, ``last_barrier``: the promise is kept elsewhere
promise-unprotected the same fields: it is kept where it was, but its backup has failed
promise-restored    the same fields: it is kept as it was admitted
promise-broken      ``id``, ``constraint``, ``reason``, ``seconds``, ``last_barrier``: it cannot be kept at
                    present; its packets are best effort
switch-lost         ``site``, ``reason``: its control connection ended; it keeps forwarding
switch-error        ``site``, ``type``, ``code``, ``entry`` (cookie): the switch refused a message
unknown-switch      ``dpid``, ``address``: no site of the scenario; turned away
bad-peer            ``address``, ``reason``: no OpenFlow 1.3; turned away
duplicate-dpid      ``dpid``, ``address``, ``held_by`` (address): another connection that speaks for a live
                    switch; turned away. Of many such and bad peers some are withheld, and the next
                    that is told has their number as ``withheld``
http                ``host``, ``port``: the HTTP interface is served there
stopped             nothing further: the controller ends; switches keep their entries
=================== ====================================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import threading
import time
from typing import Protocol


class Events(Protocol):
    """Anything that takes events."""

    def emit(self, event: str, **fields: object) -> None:
        """Take one event; must not block."""


class EventStream:
    """Writes events in order from a thread of its own, so that a slow reader never delays a repair.

    A reader that goes away ends the stream and nothing else.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="events", daemon=True)
        self._writer.start()

    def emit(self, event: str, **fields: object) -> None:
        """Queue one event. Never blocks."""
        clocks = {"time": round(time.time(), 6), "monotonic": round(time.monotonic(), 6)}
        line = {"event": event, **clocks, **fields}
        self._waiting.put(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def close(self, timeout_seconds: float = 0.5) -> None:
        """Write what is queued, for at most ``timeout_seconds``. The descriptor stays open."""
        self._waiting.put(None)
        self._writer.join(timeout_seconds)

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the reader has gone
            while (line := self._waiting.get()) is not None:
                while line:
                    line = line[os.write(self._descriptor, line) :]
