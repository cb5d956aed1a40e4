"""Who asks is answered: a path with a promise, or what stood against it.

Demands are answered in the order they come, each from what those before it have left. The promises are kept
by ``link_service``'s rule: on every direction the rates of all flows stay within the reserved rate and their
bursts, grown as they are there, within the limit. So what was promised needs no second look, and withdrawing
gives back exactly what was taken: it is computed again from the reservation, in whole numbers.

The largest delay a demand states holds for every packet within its contract: on the primary, on the backup,
and for a packet that meets a cut and turns back to the backup.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.admission.question import Asker, Found
from controller.admission.refusals import explained, no_port, taken_id
from controller.charges import Charges, charges, failover_bound_ns, fits
from controller.constrained import Room
from controller.mesh import Directions
from controller.reservations import FIRST_PORT, LAST_PORT, Answer, Reservation, ReservedPath
from topology.errors import InputError
from topology.hints import did_you_mean
from topology.network import Demand, Network, Transport

FAILED = -1  # room on a failed link: less than what any question needs, even one for no rate at all

PairOfSites = tuple[str, str, Transport]


@dataclass(frozen=True, slots=True)
class Usage:
    """What is reserved on one direction of a link, and the most that may be."""

    link: str
    from_site: str
    to_site: str
    rate_bps: int
    rate_limit_bps: int
    burst_bits: int
    burst_limit_bits: int


class Admission:
    """The reservations of a network. Not thread-safe: one caller at a time."""

    def __init__(
        self, network: Network, *, rate_scale: float = 1.0, without_links: Collection[str] = ()
    ) -> None:
        """``without_links`` have failed: nothing is put on them. At ``rate_scale`` 1 the real network.

        Raises ``InputError`` if the scenario sets nothing aside for reserved traffic, or for unknown links.
        """
        self.network = network
        self.rate_scale = rate_scale
        self._asker = Asker(network, rate_scale)
        self._mesh = mesh = self._asker.mesh
        self._room = Room.whole(mesh)
        self._failed = frozenset(self._directions_of(without_links))
        for direction in self._failed:
            self._room.rate_bps[direction] = FAILED
        self._reservations: dict[str, Reservation] = {}
        self._ports: dict[PairOfSites, _Ports] = {}
        self._paths: dict[Directions, ReservedPath] = {}

    def _directions_of(self, links: Collection[str]) -> Iterator[int]:
        for link in links:
            if link not in self._mesh.link_number:
                raise InputError(f"unknown link {link!r}", hint=did_you_mean(link, self._mesh.links))
            number = self._mesh.link_number[link]
            yield from (2 * number, 2 * number + 1)

    @property
    def reservations(self) -> Mapping[str, Reservation]:
        """What is reserved, by the demand's id, in the order of admission."""
        return MappingProxyType(self._reservations)

    @property
    def usage(self) -> Mapping[tuple[str, str], Usage]:
        """What is reserved on each link direction, by ``(from site, to site)``, in the scenario's order."""
        mesh, room = self._mesh, self._room
        return {
            (mesh.sites[tail], mesh.sites[head]): Usage(
                mesh.links[direction >> 1],
                mesh.sites[tail],
                mesh.sites[head],
                (FAILED if direction in self._failed else mesh.rate_bps[direction])
                - room.rate_bps[direction],
                mesh.rate_bps[direction],
                mesh.burst_limit_bits[direction] - room.burst_bits[direction],
                mesh.burst_limit_bits[direction],
            )
            for direction, (tail, head) in enumerate(zip(mesh.tail, mesh.head, strict=True))
        }

    def ask(self, demand: Demand) -> Answer:
        """Reserve what ``demand`` needs, or say why that cannot be; a refusal reserves nothing.

        Raises ``InputError`` if the demand makes no sense here: unknown sites, or not of class *reserved*.
        """
        query = self._asker.query(demand)
        if demand.id in self._reservations:
            return taken_id(demand)
        pair = (demand.source, demand.destination, demand.transport)
        ports = self._ports.get(pair)
        if ports is not None and ports.lowest() > LAST_PORT:
            return no_port(demand)
        found = self._asker.find(query, self._room, demand.protection)
        if found is None:
            return explained(self._asker, demand, query, self._room)
        port = FIRST_PORT if ports is None else ports.lowest()
        reservation = self._promise(demand, port, query.rate_bps, query.burst_bits, found)
        self._enter(reservation, charges(self._mesh, query.rate_bps, query.burst_bits, *found))
        return reservation

    def withdraw(self, demand_id: str) -> Reservation:
        """Give back all that was reserved. Raises ``InputError`` if nothing is reserved under this id."""
        reservation = self._reservations.pop(demand_id, None)
        if reservation is None:
            hint = did_you_mean(demand_id, self._reservations)
            raise InputError(f"no demand {demand_id!r} is admitted", where="demand", hint=hint)
        self._take(reservation.rate_bps, self._taken(reservation), -1)
        demand = reservation.demand
        pair = (demand.source, demand.destination, demand.transport)
        ports = self._ports[pair]
        ports.give_back(reservation.port)
        if not ports.taken:
            del self._ports[pair]
        return reservation

    def restore(self, reservation: Reservation) -> None:
        """Enter a reservation made before, as it was: after a restart, or beside links that have failed.

        Raises ``InputError`` if it does not fit: another network, another scale, or more than there is room.
        """
        demand = reservation.demand
        where = f"demand {reservation.id}"
        query = self._asker.query(demand)
        try:
            taken = self._taken(reservation)
        except KeyError:
            raise InputError("its path is none of this network", where=where) from None
        if (reservation.rate_bps, reservation.burst_bits) != (query.rate_bps, query.burst_bits):
            raise InputError("it was reserved at another rate scale", where=where)
        if demand.id in self._reservations:
            raise InputError("it is reserved already", where=where)
        ports = self._ports.get((demand.source, demand.destination, demand.transport))
        if ports is not None and reservation.port in ports.taken:
            raise InputError(f"its port {reservation.port} is taken", where=where)
        if not fits(self._room, reservation.rate_bps, taken):
            raise InputError("there is no room for it", where=where)
        self._enter(reservation, taken)

    def _promise(
        self, demand: Demand, port: int, rate_bps: int, burst_bits: int, found: Found
    ) -> Reservation:
        primary, backup = found
        return Reservation(
            demand=demand,
            port=port,
            rate_bps=rate_bps,
            burst_bits=burst_bits,
            primary=self._path(primary),
            backup=self._path(backup) if backup else None,
            failover_bound_ns=failover_bound_ns(self._mesh, primary, backup) if backup else None,
        )

    def _path(self, path: Directions) -> ReservedPath:
        """The path as a value; equal paths are one, since 100,000 reservations share few of them."""
        if path not in self._paths:
            propagation_ns = sum(self._mesh.propagation_ns[direction] for direction in path)
            bound_ns = self._mesh.path_bound_ns(path)
            self._paths[path] = ReservedPath(self._mesh.site_ids(path), propagation_ns, bound_ns)
        return self._paths[path]

    def _taken(self, reservation: Reservation) -> Charges:
        primary = self._mesh.directions(reservation.primary.sites)
        backup = self._mesh.directions(reservation.backup.sites) if reservation.backup else ()
        return charges(self._mesh, reservation.rate_bps, reservation.burst_bits, primary, backup)

    def _enter(self, reservation: Reservation, taken: Charges) -> None:
        demand = reservation.demand
        self._take(reservation.rate_bps, taken, 1)
        pair = (demand.source, demand.destination, demand.transport)
        self._ports.setdefault(pair, _Ports()).take(reservation.port)
        self._reservations[demand.id] = reservation

    def _take(self, rate_bps: int, taken: Charges, sign: int) -> None:
        room_rate, room_burst = self._room.rate_bps, self._room.burst_bits
        rate_bps *= sign
        for direction, burst_bits in taken:
            room_rate[direction] -= rate_bps
            room_burst[direction] -= burst_bits * sign


class _Ports:
    """The destination ports of one pair of sites: the lowest free one is next."""

    __slots__ = ("_free", "_next", "taken")

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self._free: list[int] = []  # a heap, below ``_next``; may hold ports taken again
        self._next = FIRST_PORT

    def lowest(self) -> int:
        while self._free and self._free[0] in self.taken:
            heapq.heappop(self._free)
        return self._free[0] if self._free else self._next

    def take(self, port: int) -> None:
        """Take a port; those left out below it stay free."""
        while self._next <= port:
            heapq.heappush(self._free, self._next)
            self._next += 1
        self.taken.add(port)

    def give_back(self, port: int) -> None:
        self.taken.remove(port)
        heapq.heappush(self._free, port)
