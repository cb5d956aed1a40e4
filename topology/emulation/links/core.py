"""What the delay line asks of that which carries its frames: a core, compiled or in Python."""

from __future__ import annotations

import socket
from enum import Enum
from typing import Protocol

from topology.emulation.links import LinkProperties
from topology.emulation.links.schedule import Counters

PRIORITY_NS = 100_000_000


class Wanted(Enum):
    """Why a core came back."""

    REQUEST = 1  # the control socket is readable
    PRIORITY = 2  # it was busy, and for PRIORITY_NS nobody has looked after its priority


class Core(Protocol):
    """Carries frames between sockets by what it is told of each direction; knows nothing of links.

    A direction is a lane; lanes are numbered from 0 in the order in which they are added. Nothing may be
    called while ``carry`` runs, so all is done by one thread.
    """

    def add(self, source: socket.socket, sink: socket.socket, properties: LinkProperties, seed: str) -> None:
        """Carry what arrives at ``source`` to ``sink``; ``seed`` fixes every loss and every variation.

        Raises ``OSError``.
        """

    def change(self, lane: int, properties: LinkProperties) -> None:
        """Give the frames that arrive from now on other properties; those waiting keep their times."""

    def silence(self, lane: int, silent: bool) -> None:
        """Lose every frame, those under way too; or no more."""

    def set_nap(self, nap_ns: int) -> None:
        """Arrivals may be left unread for so long in dense traffic."""

    def set_joins(self, joins: bool) -> None:
        """Whether packets of a flow may be handed over joined: the kernel splits them before they leave."""

    def gives_way(self) -> bool:
        """Whether more is carried when it gives way to those it serves on a machine with no time left.

        One that hands packets over joined has time to spare. One that sends each by itself (the core in
        Python, any core on Linux before 6.2) is the narrowest place, and all would wait for it.
        """

    def counters(self, lane: int) -> Counters:
        """The counters so far, without what the kernel could not store."""

    def lead_ns(self) -> int:
        """How long before a frame is due it asks to be woken, by what it has learnt."""

    def carry(self) -> Wanted:
        """Carry frames until something else is wanted."""
