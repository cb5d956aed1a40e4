"""The promises as the programmer keeps them: who is admitted, and where packets go when links have failed.

One thread uses it, the programmer's. Everything follows from the reservations in their order and from the
links that have failed: the same failures lead to the same ways, whatever came between.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from controller.admission import Admission, Held, JournaledAdmission, Standing, State, standing
from controller.reservations import Answer, Constraint, Refusal, Reservation
from controller.reserved_tables import Carried
from topology.errors import InputError
from topology.network import Demand, Network, TrafficClass

Failed = tuple[str, ...]  # links, in the order of the scenario

_REMEMBERED = 16


class Promises:
    """Asks admission, and says how reservations stand."""

    def __init__(self, network: Network, state: Path | None = None) -> None:
        """Takes up what the file ``state`` holds; without one, or a new one, asks for the scenario's demands.

        Raises ``InputError`` if a demand makes no sense or the file is another network's, ``MachineError``
        if it cannot be used.
        """
        self._network = network
        self._admission: Admission | None = None
        self._standings: OrderedDict[Failed, Standing] = OrderedDict()
        self.first_answers: list[Answer] = []
        known = state is not None and state.exists() and state.stat().st_size > 0
        if network.routing.reserved is not None:
            self._admission = (
                Admission(network, rate_scale=network.rate_scale)
                if state is None
                else JournaledAdmission(network, state, rate_scale=network.rate_scale)
            )
        if not known and self._admission is not None:
            reserved = [d for d in network.demands.values() if d.traffic_class is TrafficClass.RESERVED]
            self.first_answers = [self._admission.ask(demand) for demand in reserved]

    @property
    def reservations(self) -> Mapping[str, Reservation]:
        """What is reserved, by the demand's id, in the order of admission."""
        return {} if self._admission is None else self._admission.reservations

    @property
    def admission(self) -> Admission:
        """For those who look closer. Raises ``InputError`` if nothing can be reserved on this network."""
        if self._admission is None:
            raise InputError(
                "the scenario sets nothing aside for reserved traffic",
                where=self._network.id,
                hint="add 'reserved: {}' under routing (docs/scenarios.md)",
            )
        return self._admission

    def ask(self, demand: Demand, failed: Failed) -> Answer:
        """Admit or refuse. While links have failed, also refuse what could not be kept at present, and what
        would break the promise of another that had to move.

        Raises ``InputError`` if the demand makes no sense, ``MachineError`` if the answer cannot be kept.
        """
        before = self.standing(failed).in_state(State.BROKEN) if failed else ()
        answer = self.admission.ask(demand)
        if not isinstance(answer, Reservation):
            return answer
        self._standings.clear()
        if failed:
            now = self.standing(failed)
            refusal = now.held[answer.id].refusal
            harmed = [name for name in now.in_state(State.BROKEN) if name not in (*before, answer.id)]
            if harmed and refusal is None:
                refusal = _harms(demand, harmed[0], failed)
            if refusal is not None:
                self.withdraw(answer.id)
                return refusal
        return answer

    def withdraw(self, demand_id: str) -> Reservation:
        """Give back what was reserved. Raises ``InputError`` if nothing is, ``MachineError`` as ``ask``."""
        reservation = self.admission.withdraw(demand_id)
        self._standings.clear()
        return reservation

    def standing(self, failed: Failed) -> Standing:
        """How the reservations stand without these links; the last few answers are kept."""
        if failed not in self._standings:
            self._standings[failed] = self._computed(failed)
        self._standings.move_to_end(failed)
        while len(self._standings) > _REMEMBERED:
            self._standings.popitem(last=False)
        return self._standings[failed]

    def _computed(self, failed: Failed) -> Standing:
        if not self.reservations or not failed:
            return Standing(
                failed, {name: Held(r, State.ON_PRIMARY, r) for name, r in self.reservations.items()}
            )
        return standing(self._network, self.reservations, failed, rate_scale=self._network.rate_scale)

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._admission, JournaledAdmission):
            self._admission.close()


def carried(now: Standing) -> tuple[Carried, ...]:
    """Where packets go, and what is laid ready for them: only what room is held for. Packets of a broken
    promise go as best effort."""
    return tuple(one for held in now.held.values() if (one := _carried(held)) is not None)


def _carried(held: Held) -> Carried | None:
    if held.active is None:
        return None
    moved = held.state is State.ON_BACKUP  # its path stays laid out, for its return
    route = held.reservation if moved else held.active
    backup = None if route.backup is None else route.backup.sites
    return Carried(held.reservation, route.primary.sites, backup, moved)


def _harms(demand: Demand, other: str, failed: Failed) -> Refusal:
    reason = f"without {', '.join(failed)} it would take the room that keeps the promise of {other}"
    return Refusal(demand, Constraint.RATE, reason)


Report = Callable[..., None]

_EVENTS = {
    State.ON_PRIMARY: "promise-restored",
    State.UNPROTECTED: "promise-unprotected",
    State.ON_BACKUP: "promise-moved",
    State.REROUTED: "promise-moved",
}


def report_changes(report: Report, before: Standing, now: Standing, **fields: object) -> list[str]:
    """Report every reservation of both that stands differently; their ids."""
    changed = []
    for name, held in now.held.items():
        former = before.held.get(name)
        if former is None or _way(former) == _way(held):
            continue
        changed.append(name)
        if held.active is None:
            assert held.refusal is not None
            told = {"constraint": str(held.refusal.constraint), "reason": held.refusal.reason}
            report("promise-broken", id=name, **told, **fields)
        else:
            report(_EVENTS[held.state], id=name, state=str(held.state), **way(held.active), **fields)
    return changed


def way(held: Reservation) -> dict[str, object]:
    """The paths and bounds of a reservation for an event."""
    return {
        "path": list(held.primary.sites),
        "backup": None if held.backup is None else list(held.backup.sites),
        "bound_ns": held.primary.bound_ns,
        "failover_bound_ns": held.failover_bound_ns,
    }


def _way(held: Held) -> tuple[object, ...]:
    active = held.active
    return held.state, active and active.primary, active and active.backup
