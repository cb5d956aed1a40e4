"""The events of the controller, kept for a while and handed on: to the event file, to streams, to metrics.

Every event gets an id, ``RUN-NUMBER``: the number counts from 1, the run tells one start of the controller
from the next. A reader that comes back with the last id it saw misses nothing that is still kept.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from controller.events import Events

KEPT_EVENTS = 1000
_MAX_EVENT_CHARACTERS = 65_536  # an event that names ten thousand pairs is cut for streams, not in the file


@dataclass(frozen=True, slots=True)
class FedEvent:
    """One event as streams have it; ``data`` is the JSON object of the event file."""

    id: str
    number: int
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What has happened so far: events by name, repairs and how long they took."""

    events: dict[str, int]
    repairs: int
    repair_seconds: float


class EventFeed:
    """Takes events and passes them on to ``inner``. Safe to use from several threads; never blocks."""

    def __init__(self, inner: Events, kept: int = KEPT_EVENTS) -> None:
        self.run = f"{time.time_ns() // 1_000_000:x}{os.urandom(2).hex()}"
        self._inner = inner
        self._kept: deque[FedEvent] = deque(maxlen=kept)
        self._last = 0
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], None]] = set()
        self._counts: Counter[str] = Counter()
        self._repair_seconds = 0.0
        self.closed = False

    def emit(self, event: str, **fields: object) -> None:
        """Take one event."""
        self._inner.emit(event, **fields)
        clocks = {"time": round(time.time(), 6), "monotonic": round(time.monotonic(), 6)}
        data = json.dumps({"event": event, **clocks, **fields}, ensure_ascii=False, default=str)
        if len(data) > _MAX_EVENT_CHARACTERS:
            short = {key: value for key, value in fields.items() if not isinstance(value, (list, dict))}
            data = json.dumps({"event": event, **clocks, **short, "cut": True}, default=str)
        with self._lock:
            self._last += 1
            self._kept.append(FedEvent(f"{self.run}-{self._last}", self._last, event, data))
            self._counts[event] += 1
            seconds = fields.get("seconds")
            if event == "repaired" and isinstance(seconds, (int, float)):
                self._repair_seconds += seconds
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def close(self) -> None:
        """Let all readers know that nothing more will come."""
        with self._lock:
            self.closed = True
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def after(self, number: int) -> tuple[list[FedEvent], int]:
        """The kept events after event ``number``, and how many between have been dropped."""
        with self._lock:
            events = [event for event in self._kept if event.number > number]
            first = events[0].number if events else self._last + 1
        return events, first - number - 1

    def number_of(self, event_id: str) -> int | None:
        """The number of an id; ``None`` if it is of another run, or none at all."""
        run, _, number = event_id.rpartition("-")
        if run != self.run or not number.isascii() or not number.isdecimal() or len(number) > 18:
            return None
        return min(int(number), self.last)

    @property
    def last(self) -> int:
        """Number of the last event, 0 if there has been none."""
        return self._last

    def tally(self) -> Tally:
        """Counts since the start."""
        with self._lock:
            return Tally(dict(self._counts), self._counts["repaired"], self._repair_seconds)

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called, from any thread, when something happened; what it returns ends that."""
        with self._lock:
            self._wakers.add(wake)

        def unsubscribe() -> None:
            with self._lock:
                self._wakers.discard(wake)

        return unsubscribe
