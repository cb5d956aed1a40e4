"""What remains of the promises when links have failed: who goes where, and which promise cannot be kept.

A pure function of the reservations as they were admitted, in their order, and of what has failed: the same
failures lead to the same standing, whatever came between, and no failure at all to the original routes.

1. A reservation whose primary is whole stays on it. If its backup has failed it has lost its protection.
2. One whose primary has failed goes to its backup, if that is whole, directly from the source's switch.
3. All others give back what they held, and are asked again in order, with what 1 and 2 have left on the links
   that work: with their protection, or without it where there is no room for both.
4. Whoever then finds no path is broken: its promise cannot be kept, and the refusal says why.

Bounds hold before a move and after it. While traffic is moved, packets sent before and after it may meet: for
at most the difference in delay of the two paths a flow may show more than its contract on links they share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from controller.admission.admission import Admission
from controller.admission.refusals import explained
from controller.charges import charges
from controller.reservations import Answer, Refusal, Reservation, ReservedPath
from topology.errors import InputError
from topology.hints import did_you_mean
from topology.network import Network, Protection


class State(StrEnum):
    """How a reservation stands."""

    ON_PRIMARY = "on-primary"  # as admitted
    ON_BACKUP = "on-backup"  # its primary has failed; the promise holds, a second failure would break it
    REROUTED = "rerouted"  # on a new path with the same promise; protected if it has a backup
    UNPROTECTED = "unprotected"  # on its primary, but its backup has failed
    BROKEN = "broken"  # no path keeps the promise


@dataclass(frozen=True, slots=True)
class Held:
    """One reservation as it stands.

    Attributes:
        reservation: as it was admitted.
        active: with the paths it has now, same port and contract; ``None`` if the promise is broken.
        refusal: why the promise is broken, or ``None``.
    """

    reservation: Reservation
    state: State
    active: Reservation | None
    refusal: Refusal | None = None

    @property
    def primary(self) -> ReservedPath | None:
        """Where its packets go now; ``None`` if the promise is broken."""
        return None if self.active is None else self.active.primary

    @property
    def backup(self) -> ReservedPath | None:
        """What protects it now, or ``None``."""
        return None if self.active is None else self.active.backup

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return {
            "state": str(self.state),
            "primary": None if self.primary is None else asdict(self.primary),
            "backup": None if self.backup is None else asdict(self.backup),
            "failover_bound_ns": None if self.active is None else self.active.failover_bound_ns,
            "refusal": None if self.refusal is None else self.refusal.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """All reservations as they stand.

    Attributes:
        failed_links: in the order of the scenario, those of failed sites included.
        held: by the demand's id, in the order of admission.
    """

    failed_links: tuple[str, ...]
    held: Mapping[str, Held]

    @property
    def broken(self) -> tuple[Refusal, ...]:
        """The promises that cannot be kept, and why."""
        return tuple(held.refusal for held in self.held.values() if held.refusal is not None)

    def in_state(self, state: State) -> tuple[str, ...]:
        """The ids of all reservations in a state."""
        return tuple(name for name, held in self.held.items() if held.state is state)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return {
            "failed_links": list(self.failed_links),
            "reservations": {name: held.to_dict() for name, held in self.held.items()},
        }


def standing(
    network: Network,
    reservations: Mapping[str, Reservation] | Iterable[Reservation],
    failed_links: Collection[str] = (),
    *,
    failed_sites: Collection[str] = (),
    rate_scale: float = 1.0,
) -> Standing:
    """How ``reservations``, admitted at ``rate_scale`` and in this order, stand without what has failed.

    Raises ``InputError`` for unknown links or sites, or reservations of another network.
    """
    admitted = list(reservations.values() if isinstance(reservations, Mapping) else reservations)
    failed = _failed(network, failed_links, failed_sites)
    left = _Left(network, rate_scale=rate_scale, without_links=failed)
    held: dict[str, Held] = {reservation.id: left.kept(reservation) for reservation in admitted}
    for reservation in admitted:
        if held[reservation.id].state is State.BROKEN:
            held[reservation.id] = left.rerouted(reservation)
    return Standing(failed, held)


def _failed(network: Network, links: Collection[str], sites: Collection[str]) -> tuple[str, ...]:
    for what, names, known in (("link", links, network.links), ("site", sites, network.sites)):
        for name in names:
            if name not in known:
                raise InputError(f"unknown {what} {name!r}", hint=did_you_mean(name, known))
    return tuple(
        link.id for link in network.links.values() if link.id in links or link.a in sites or link.b in sites
    )


class _Left(Admission):
    """What is left for those that must move."""

    def kept(self, reservation: Reservation) -> Held:
        """Stay, or go to the backup, and hold on to the room for it; else *broken*, for the time being."""
        backup = reservation.backup
        if self._whole(reservation.primary):
            if backup is None or self._whole(backup):
                self._hold(reservation)
                return Held(reservation, State.ON_PRIMARY, reservation)
            bare = replace(reservation, backup=None, failover_bound_ns=None)
            self._hold(bare)
            return Held(reservation, State.UNPROTECTED, bare)
        if backup is not None and self._whole(backup):
            self._hold(reservation, only=frozenset(self._mesh.directions(backup.sites)))
            moved = replace(reservation, primary=backup, backup=None, failover_bound_ns=None)
            return Held(reservation, State.ON_BACKUP, moved)
        return Held(reservation, State.BROKEN, None)

    def rerouted(self, reservation: Reservation) -> Held:
        """A new path, or why there is none."""
        answer = self._asked_again(reservation)
        if isinstance(answer, Refusal):
            return Held(reservation, State.BROKEN, None, answer)
        return Held(reservation, State.REROUTED, answer)

    def _asked_again(self, reservation: Reservation) -> Answer:
        demand = reservation.demand
        query = self._asker.query(demand)
        found = self._asker.find(query, self._room, demand.protection)
        if found is None and demand.protection is not Protection.NONE:
            found = self._asker.find(query, self._room, Protection.NONE)
        if found is None:
            return explained(self._asker, replace(demand, protection=Protection.NONE), query, self._room)
        taken = charges(self._mesh, query.rate_bps, query.burst_bits, *found)
        self._take(reservation.rate_bps, taken, 1)
        return self._promise(demand, reservation.port, query.rate_bps, query.burst_bits, found)

    def _whole(self, path: ReservedPath) -> bool:
        try:
            directions = self._mesh.directions(path.sites)
        except KeyError:
            raise InputError("a reservation's path is none of this network") from None
        return self._failed.isdisjoint(directions)

    def _hold(self, reservation: Reservation, only: frozenset[int] | None = None) -> None:
        taken = [charge for charge in self._taken(reservation) if only is None or charge[0] in only]
        self._take(reservation.rate_bps, taken, 1)
