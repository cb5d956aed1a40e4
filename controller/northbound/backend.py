"""What the interface needs of the controller; ``controller.service`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from controller.admission import Usage
from controller.counters import CounterReading
from controller.reservations import Answer, Reservation
from controller.snapshot import Snapshot
from topology.emulation.layout import Layout
from topology.network import Demand, Network


class Backend(Protocol):
    """All of it may be called from any thread. Rates are those of the emulated network."""

    @property
    def network(self) -> Network:
        """What is routed."""

    @property
    def layout(self) -> Layout:
        """Its numbers and names."""

    @property
    def snapshot(self) -> Snapshot:
        """What the controller knew when it last came to rest."""

    def usage(self) -> Mapping[tuple[str, str], Usage]:
        """What is reserved on each link direction; empty if the scenario sets nothing aside."""

    def ask(self, demand: Demand) -> Answer:
        """Reserve, or say why not; returns once the switches have it. Raises ``InputError`` for a demand that
        makes no sense here."""

    def withdraw(self, demand_id: str) -> Reservation:
        """Give a reservation back. Raises ``InputError`` if there is none of this id."""

    def counters(self) -> CounterReading:
        """Port counters of all connected switches, at most a second old. May take that long."""
