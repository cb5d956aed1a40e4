"""One task as a worker performs it, the same in this process, in another and on another machine."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from experiments.proposals.sweep.fingerprint import program
from experiments.proposals.sweep.packing import pack, unpack
from topology.errors import MachineError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: its result, or the error it raised (with where, for the developers)."""

    result: Any = None
    error: Exception | None = None


@lru_cache(maxsize=8)
def _function(packed: bytes) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = unpack(packed)
    return function


def perform(function: bytes, item: bytes) -> bytes:
    """Apply a packed function to a packed item; the ``Outcome``, packed. An error is an outcome, too."""
    try:
        return pack(Outcome(result=_function(function)(unpack(item))))
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        return _pack_error(error)


def perform_far_away(function: bytes, item: bytes, expected_program: str) -> bytes:
    """``perform``, on a machine where another program may be installed."""
    if program() == expected_program:
        return perform(function, item)
    error = MachineError(
        "a worker runs another version of OneHop, of Python or of a library that computes",
        where="--scheduler",
        hint="install the same versions on every machine of the cluster",
    )
    return _pack_error(error)


def _pack_error(error: Exception) -> bytes:
    try:
        packed = pack(Outcome(error=error))
        unpack(packed)  # some errors can be packed, but not unpacked
    except Exception:
        return pack(Outcome(error=RuntimeError("".join(traceback.format_exception(error)))))
    return packed
