"""``Sweep``: the one door for work that falls into independent tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TypeVar, cast

from experiments.proposals.sweep.executor import Executor, InProcess, Tasks
from experiments.proposals.sweep.packing import pack, unpack
from experiments.proposals.sweep.processes import Processes
from experiments.proposals.sweep.progress import Progress, Say, quiet
from experiments.proposals.sweep.store import Store
from experiments.proposals.sweep.task import Outcome
from topology.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Sweep:
    """Applies a function to many items: in this process, on all cores, or on a Dask cluster.

    The results, and the error if there is one, are the same whichever it is. Used as a context manager, the
    workers stand until its end; without, each ``map`` starts and ends its own.

    Args:
        workers: processes; ``None``: one per core that this process may use. 1: no other process.
        scheduler: address of a Dask scheduler (``tcp://host:8786``) in place of processes here.

    Raises ``InputError`` if both are given or one makes no sense; ``MachineError`` if Dask is not installed.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None) -> None:
        if workers is not None and scheduler is not None:
            raise InputError(
                "the workers of a cluster are started with it, not here",
                where="--workers",
                hint="leave out --workers or --scheduler",
            )
        if workers is not None and workers < 1:
            raise InputError(f"at least 1 worker is needed, not {workers}", where="--workers")
        self._workers = workers or usable_cores()
        self._scheduler = scheduler
        self._standing: Executor | None = None
        if scheduler is not None:
            from experiments.proposals.sweep.cluster import check_address

            check_address(scheduler)

    def __enter__(self) -> Sweep:
        self._standing = self._executor()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._standing is not None:
            self._standing.close()
            self._standing = None

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        label: str,
        say: Say = quiet,
        name: Callable[[Item], str] | None = None,
        store: Path | None = None,
    ) -> list[Result]:
        """``[function(item) for item in items]``.

        Args:
            function: of a module, or a ``functools.partial`` of one; what all tasks share belongs into the
                partial, which travels once per worker.
            label: what the tasks are, for progress and messages.
            say: told how far it is.
            name: what to call one item in a message; else its number.
            store: folder in which finished tasks are kept and looked for.

        Raises the error of the first item (in order of the items) whose task fails; ``MachineError`` if a
        task ended its worker three times, no worker can be started, or the store cannot be written.
        """
        results: dict[int, Result] = {}
        keys: dict[int, str] = {}
        kept = Store(store, function) if store is not None else None
        if kept is not None:
            for number, item in enumerate(items):
                keys[number] = kept.key(item)
                if (found := kept.find(keys[number])) is not None:
                    results[number] = cast(Result, found[0])
        progress = Progress(label, len(items), len(results), say)
        failed: dict[int, Exception] = {}
        tasks = Tasks(
            function=pack(function),
            items={number: pack(item) for number, item in enumerate(items) if number not in results},
            name=lambda number: f"{label}: {name(items[number]) if name else f'number {number + 1}'}",
            wanted=lambda number: not failed or number < min(failed),
        )
        if not tasks.items:
            return [results[number] for number in range(len(items))]
        executor = self._standing or self._executor()
        try:
            with closing(executor.perform(tasks)) as finished:  # type: ignore[type-var]
                for number, packed in finished:
                    outcome: Outcome = unpack(packed)
                    if outcome.error is not None:
                        failed[number] = outcome.error
                        continue
                    results[number] = outcome.result
                    if kept is not None:
                        kept.keep(keys[number], outcome.result)
                    progress.one_more()
        finally:
            if executor is not self._standing:
                executor.close()
        if failed:
            raise failed[min(failed)]
        return [results[number] for number in range(len(items))]

    def _executor(self) -> Executor:
        if self._scheduler is not None:
            from experiments.proposals.sweep.cluster import Cluster

            return Cluster(self._scheduler)
        return InProcess() if self._workers == 1 else Processes(self._workers)


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
