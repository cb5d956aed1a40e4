"""Who takes part in programming: the switches, what is heard of them, and the state of the links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from controller.changes import Change
from controller.promises import Promises
from controller.reservations import Answer, Reservation
from controller.wire import Installed
from topology.emulation.layout import Layout, LinkEnd
from topology.network import Demand


class Confirmation(Protocol):
    """The promise of a barrier reply."""

    def wait(self, timeout: float) -> bool:
        """Whether the switch confirmed within ``timeout`` seconds."""


class Switch(Protocol):
    """What the programmer needs of a connected switch."""

    def apply(self, changes: Sequence[Change], foreign: Sequence[bytes]) -> Confirmation:
        """Send changes, then messages that remove foreign entries, then a barrier."""

    def refused(self) -> set[int]:
        """Cookies of the entries, groups and meters it refused since last asked."""

    def disconnect(self, reason: str) -> None:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A switch shook hands and was read: its entries, and which ports are up."""

    site: str
    switch: Switch
    live_ports: frozenset[int]
    installed: Installed
    at: float


@dataclass(frozen=True, slots=True)
class Left:
    """A connection ended."""

    site: str
    switch: Switch
    reason: str


@dataclass(frozen=True, slots=True)
class PortChanged:
    """A port went up or down."""

    site: str
    switch: Switch
    port: int
    up: bool
    at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Someone asks for a demand; answered when the switches have confirmed what it takes."""

    demand: Demand
    answer: Future[Answer]
    at: float


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Someone gives a reservation back."""

    demand_id: str
    answer: Future[Reservation]
    at: float


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Someone wants to know something of the promises that only the programmer's thread may look up."""

    question: Callable[[Promises], Any]
    answer: Future[Any]


Message = Joined | Left | PortChanged | Asked | Withdrawn | Inquiry | None  # None: stop


@dataclass
class Member:
    """A connected switch as far as the programmer has got with it."""

    switch: Switch
    installed: Installed
    joined_at: float
    confirmed: bool = False
    added: int = 0
    removed: int = 0
    reported: bool = False


@dataclass
class Links:
    """Which links are up, from the ports at both ends. A port no switch has spoken of is up."""

    layout: Layout
    live_ports: dict[str, set[int]] = field(default_factory=dict)

    def failed(self) -> tuple[str, ...]:
        """The links with an end that is down, in the order of the layout."""
        return tuple(link for link in self.layout.links if self.down_end(link) is not None)

    def down_end(self, link: str) -> LinkEnd | None:
        """An end of the link that is down, or ``None``."""
        ends = (self.layout.links[link].a, self.layout.links[link].b)
        down = (end for end in ends if end.port not in self.live_ports.get(end.site, {end.port}))
        return next(down, None)
