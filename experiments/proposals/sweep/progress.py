"""How far a sweep is and how long the rest will take, said seldom enough to be read."""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], None]

EVERY_S = 2.0


def quiet(_sentence: str) -> None:
    """For those who do not want to know."""


class Progress:
    """Says ``LABEL: 40 of 200, about 12 s left``. Tasks that were kept from before count as done at once."""

    def __init__(self, label: str, total: int, kept: int, say: Say) -> None:
        self._label, self._total, self._kept, self._say = label, total, kept, say
        self._done = kept
        self._begun = self._said = time.monotonic()
        known = f", {kept} known from before" if kept else ""
        say(f"{label}: {total}{known}")

    def one_more(self) -> None:
        """A task has finished."""
        self._done += 1
        now = time.monotonic()
        if now - self._said < EVERY_S or self._done == self._total:
            return
        self._said = now
        left_s = (now - self._begun) / (self._done - self._kept) * (self._total - self._done)
        self._say(f"{self._label}: {self._done} of {self._total}, about {duration(left_s)} left")


def duration(seconds: float) -> str:
    """A time a person can plan with."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
