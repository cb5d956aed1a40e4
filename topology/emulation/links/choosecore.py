"""Which core carries the frames of the delay line: the compiled one where it is built, else Python's."""

from __future__ import annotations

import os
from typing import Literal

from topology.emulation.links import compiledcore
from topology.errors import InputError, MachineError

CoreName = Literal["compiled", "python"]
CORES = ("auto", "compiled", "python")
VARIABLE = "ONEHOP_LINK_CORE"  # of the environment: one of CORES


def core_named(preference: str = "") -> CoreName:
    """``compiled`` or ``python``: by ``preference``, else by the environment, else by what is there.

    Raises ``InputError`` for a word that is none of ``CORES`` and ``MachineError`` where the compiled core is
    asked for and missing.
    """
    wish = preference or os.environ.get(VARIABLE) or "auto"
    if wish not in CORES:
        raise InputError(
            f"no core of links is called {wish}", where=VARIABLE, hint=f"one of {', '.join(CORES)}"
        )
    if wish == "python":
        return "python"
    reason = compiledcore.missing()
    if not reason:
        return "compiled"
    if wish == "compiled":
        raise MachineError(f"the compiled core of links {reason}", hint=compiledcore.CURE)
    return "python"
