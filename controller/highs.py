"""HiGHS as we use it: silent, on one thread, with a fixed seed, so that the same input gives the same answer.

Its threads are those of the whole process: once any solver runs on more than one, all of ours fail until
``Highs.resetGlobalScheduler``. So whoever uses HiGHS beside us, tests included, takes ``solver``.

Huangfu and Hall, "Parallelizing the dual revised simplex method", Math. Prog. Comp. 10, 2018.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from topology.errors import MachineError

_FIXED = {"output_flag": False, "threads": 1, "random_seed": 1}


def library(purpose: str) -> Any:
    """The module ``highspy``. Raises ``MachineError`` if it is not installed: ``purpose`` needs it."""
    try:
        import highspy
    except ImportError as error:
        raise MachineError(f"{purpose} needs HiGHS ({error})", hint="pip install highspy") from None
    return highspy


def solver(purpose: str, **settings: bool | int | float | str) -> Any:
    """A solver without a model; ``settings`` are further options of HiGHS."""
    made = _silent(library(purpose).Highs)()
    for name, value in {**_FIXED, **settings}.items():
        made.setOptionValue(name, value)
    return made


@cache
def _silent(solver_class: Any) -> Any:
    """The class, made to say nothing.

    Its constructor enables callbacks, and HiGHS 1.16 then prints a banner on standard output, into the midst
    of our JSON, unless it has been silenced before.
    """

    def enable_callbacks(made: Any) -> Any:
        made.setOptionValue("output_flag", False)
        return solver_class.enableCallbacks(made)

    return type("SilentHighs", (solver_class,), {"enableCallbacks": enable_callbacks})
