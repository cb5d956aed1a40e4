"""The running controller as the interface sees it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from controller.admission import Usage
from controller.counters import CounterReading
from controller.reservations import Answer, Reservation
from controller.service import ControllerService
from controller.snapshot import Snapshot
from topology.emulation.layout import Layout
from topology.network import Demand, Network


class ServiceBackend:
    """A ``Backend`` over a ``ControllerService``."""

    def __init__(self, service: ControllerService) -> None:
        self._service = service
        self._usage_lock = threading.Lock()
        self._usage: tuple[int, Mapping[tuple[str, str], Usage]] = (-1, {})

    @property
    def network(self) -> Network:
        """What is routed."""
        return self._service.network

    @property
    def layout(self) -> Layout:
        """Its numbers and names."""
        return self._service.layout

    @property
    def snapshot(self) -> Snapshot:
        """What the controller knows."""
        return self._service.snapshot

    def usage(self) -> Mapping[tuple[str, str], Usage]:
        """What is reserved on each link direction. The programmer's thread computes it, so only when
        something has changed."""
        if self.network.routing.reserved is None:
            return {}
        with self._usage_lock:
            number = self.snapshot.number
            if self._usage[0] != number:
                self._usage = number, self._service.usage()
            return self._usage[1]

    def ask(self, demand: Demand) -> Answer:
        """Reserve, or say why not."""
        return self._service.ask(demand)

    def withdraw(self, demand_id: str) -> Reservation:
        """Give a reservation back."""
        return self._service.withdraw(demand_id)

    def counters(self) -> CounterReading:
        """Port counters of all connected switches."""
        return self._service.counters()
