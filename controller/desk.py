"""The desk: who asks for a demand or gives one back stands in line here until the switches have it too."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

from controller.events import Events
from controller.members import Asked, Inquiry, Withdrawn
from controller.promises import Failed, Promises, way
from controller.reservations import Refusal, Reservation
from topology.errors import OneHopError

Pending = Mapping[str, tuple[str, ...]]  # switches that have not confirmed, by the demand's id


class Desk:
    """Used by the programmer's thread only."""

    def __init__(self, promises: Promises, events: Events) -> None:
        self._promises = promises
        self._events = events
        self._line: list[Asked | Withdrawn | Inquiry] = []
        self._decided: list[tuple[Asked | Withdrawn, Reservation]] = []

    def report_first(self) -> None:
        """Report what the scenario's own demands were answered."""
        for answer in self._promises.first_answers:
            if isinstance(answer, Refusal):
                self._refused(answer)
            else:
                self._events.emit("admitted", id=answer.id, **_figures(answer))

    def take_in(self, request: Asked | Withdrawn | Inquiry) -> None:
        """Put a request in line."""
        self._line.append(request)

    def answer(self, failed: Failed) -> None:
        """Decide all requests, in order. Refusals are told at once, the rest once the switches have it."""
        line, self._line = self._line, []
        for request in line:
            with _telling_errors(request.answer):
                match request:
                    case Asked(demand, answer, _):
                        decided = self._promises.ask(demand, failed)
                        if isinstance(decided, Refusal):
                            self._refused(decided)
                            tell(answer, decided)
                        else:
                            self._decided.append((request, decided))
                    case Withdrawn(demand_id, _, _):
                        self._decided.append((request, self._promises.withdraw(demand_id)))
                    case Inquiry(question, answer):
                        tell(answer, question(self._promises))

    def confirm(self, pending: Pending) -> None:
        """Tell those whose demands the switches have now got, and name the switches that have not yet."""
        decided, self._decided = self._decided, []
        for request, reservation in decided:
            seconds = round(time.monotonic() - request.at, 6)
            if isinstance(request, Asked):
                waits_for = list(pending.get(reservation.id, ()))
                self._events.emit(
                    "admitted",
                    id=reservation.id,
                    **_figures(reservation),
                    seconds=seconds,
                    pending=waits_for,
                )
            else:
                self._events.emit("withdrawn", id=reservation.id, seconds=seconds)
            tell(request.answer, reservation)

    def _refused(self, refusal: Refusal) -> None:
        self._events.emit(
            "refused",
            id=refusal.demand.id,
            constraint=str(refusal.constraint),
            reason=refusal.reason,
            possible=dict(refusal.possible),
        )


def tell(answer: Future[Any], value: object) -> None:
    """Give an answer to someone who may have left."""
    with contextlib.suppress(InvalidStateError):
        answer.set_result(value)


@contextlib.contextmanager
def _telling_errors(answer: Future[Any]) -> Iterator[None]:
    try:
        yield
    except OneHopError as error:
        with contextlib.suppress(InvalidStateError):
            answer.set_exception(error)


def _figures(reservation: Reservation) -> dict[str, object]:
    demand = reservation.demand
    return {
        "source": demand.source,
        "destination": demand.destination,
        "port": reservation.port,
        "rate_bps": reservation.rate_bps,
        "burst_bits": reservation.burst_bits,
        **way(reservation),
    }
