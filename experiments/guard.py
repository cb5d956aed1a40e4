"""A lab that loses a part does not go on measuring: the work ends at once, and the reason is what is told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from topology.emulation import outofmemory
from topology.emulation.vigil import Vigil
from topology.errors import EmulationError

_SIGNAL = signal.SIGUSR1  # wakes the main thread from whatever call it waits in
_AGAIN_S = 0.5
Tell = Callable[[EmulationError], None]


class Guard:
    """Watches over the processes of a lab. A context manager, entered last and left first.

    When one of them dies by itself, the work inside is interrupted by the ``EmulationError`` that ``check``
    raises; an error that the work ran into because of that gives way to it. A switch that a fault experiment
    has killed and revived is looked after only at the end.

    Args:
        pids: the processes.
        check: raises ``EmulationError`` if a part has died that was not ended on purpose.
        tell: called, in another thread, instead of interrupting: for a network that people look at.
    """

    def __init__(self, pids: Sequence[int], check: Callable[[], None], tell: Tell | None = None) -> None:
        self._pids = pids
        self._look = check
        self._killed_before = outofmemory.kills_so_far()
        self._tell = tell
        self._fault: EmulationError | None = None
        self._heard = threading.Event()
        self._worker: int | None = None

    def __enter__(self) -> Guard:
        if threading.current_thread() is threading.main_thread():
            self._worker = threading.get_ident()
            self._former = signal.signal(_SIGNAL, self._interrupt)
        self._vigil = Vigil(self._pids, self._died)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heard.set()
        self._vigil.close()
        if self._worker is not None:
            signal.signal(_SIGNAL, self._former)
        followed = isinstance(error, Exception) and error is not self._fault
        if self._tell is None and (error is None or followed):
            self._check()

    def _check(self) -> None:
        """Raise what is wrong, with the kernel's reason if it had one."""
        try:
            self._look()
        except EmulationError as fault:
            if outofmemory.kills_so_far() == self._killed_before:
                raise
            raise EmulationError(fault.problems[0].what, hint=outofmemory.HINT) from fault

    def _died(self) -> None:
        """In the thread of the vigil."""
        if self._fault is not None:
            return
        try:
            self._check()
        except EmulationError as fault:
            self._fault = fault
            if self._tell is not None:
                self._tell(fault)
            elif self._worker is not None:
                # Again and again: a signal just before a call that waits does not end the wait.
                while not self._heard.is_set():
                    signal.pthread_kill(self._worker, _SIGNAL)
                    self._heard.wait(_AGAIN_S)

    def _interrupt(self, _number: int, _frame: object) -> None:
        if self._fault is not None and not self._heard.is_set():
            self._heard.set()
            raise self._fault
