"""Which connection speaks for which switch.

A datapath id is only a claim. The first connection that makes it is believed as long as it lives; one that
makes it later waits while the first is asked for a sign of life (an echo). If that comes, the newcomer is
refused: it harms nobody but itself. If it does not, the first is a connection that died without a word, as
when a switch lost power, and the newcomer is the switch.

Certificates that name datapath ids (``controller.tls``) settle the question before it comes up.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

PROBE_SECONDS = 2.0
_LOOK_SECONDS = 0.02


class Claimant(Protocol):
    """What ``Claims`` needs of a connection."""

    last_heard: float

    @property
    def peer(self) -> str:
        """The other end as ``host:port``."""

    def probe(self) -> None:
        """Ask for a sign of life. Never blocks."""

    def disconnect(self, reason: str) -> None:
        """End the connection."""


class DuplicateDatapathError(Exception):
    """Another live connection speaks for this datapath id."""

    def __init__(self, dpid: int, held_by: str) -> None:
        super().__init__(f"datapath id {dpid:#018x} is that of the switch at {held_by}, which is alive")
        self.dpid = dpid
        self.held_by = held_by


class Claims:
    """The living connections by datapath id. Safe to use from several threads."""

    def __init__(self) -> None:
        self._holders: dict[int, Claimant] = {}
        self._changed = threading.Condition()

    def claim(self, dpid: int, claimant: Claimant) -> None:
        """Let ``claimant`` speak for ``dpid``; may take ``PROBE_SECONDS``.

        Raises ``DuplicateDatapathError`` if another does and is alive.
        """
        with self._changed:
            holder = self._holders.setdefault(dpid, claimant)
            if holder is claimant:
                return
            asked = time.monotonic()
            holder.probe()
            while time.monotonic() < asked + PROBE_SECONDS:
                self._changed.wait(_LOOK_SECONDS)
                if dpid not in self._holders:
                    self._holders[dpid] = claimant
                    return
                if self._holders[dpid] is not holder or holder.last_heard > asked:
                    raise DuplicateDatapathError(dpid, self._holders[dpid].peer)
            holder.disconnect("the switch connected anew")
            # Its reading thread reports the end and gives the claim back.
            if self._changed.wait_for(lambda: dpid not in self._holders, PROBE_SECONDS):
                self._holders[dpid] = claimant
                return
            raise DuplicateDatapathError(dpid, holder.peer)

    def release(self, claimant: Claimant) -> None:
        """Give back whatever ``claimant`` has claimed."""
        with self._changed:
            for dpid in [dpid for dpid, holder in self._holders.items() if holder is claimant]:
                del self._holders[dpid]
            self._changed.notify_all()
