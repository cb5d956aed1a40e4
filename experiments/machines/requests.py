"""What the leading machine asks of a part: one JSON object a line, on the part's stdin.

The first line is the part itself (``Part.to_json``). The end of the stream ends the part, and so does its
silence: an empty line comes every ``BEAT_S`` seconds, since a network that fails between the machines closes
nothing.
"""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator
from typing import Any

from topology.errors import EmulationError, InputError

BEAT_S = 2.0
_SILENCE_S = 20.0

Request = dict[str, Any]


class Requests:
    """The requests that come in on a descriptor. What has been read survives a fork.

    ``led``: whether another machine leads, and is missed when it is silent.
    """

    def __init__(self, descriptor: int, *, led: bool = True) -> None:
        self._descriptor = descriptor
        self._silence_s = _SILENCE_S if led else None
        self._received = b""

    def first_line(self) -> str:
        """The part that is to be built. Raises ``InputError`` if the stream ends before."""
        while (line := self._next_line()) is not None:
            if line.strip():
                return line
        raise InputError("nothing came on stdin; a part is expected there", where="part up -")

    def __iter__(self) -> Iterator[Request]:
        """Every request until the stream ends. Raises ``EmulationError`` when nothing is heard any more."""
        while (line := self._next_line()) is not None:
            if line.strip():
                yield json.loads(line)

    def _next_line(self) -> str | None:
        while b"\n" not in self._received:
            if not select.select([self._descriptor], [], [], self._silence_s)[0]:
                raise EmulationError(
                    f"the leading machine has been silent for {self._silence_s:g} s",
                    hint="has the network between the machines failed?",
                )
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                return None
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return line.decode(errors="replace")
