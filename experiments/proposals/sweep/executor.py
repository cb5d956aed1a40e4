"""What performs tasks: this process, several processes, or a cluster, behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from experiments.proposals.sweep.task import perform
from topology.errors import MachineError

STRIKES = 3  # a task that has ended its worker this often is not given to another


@dataclass(frozen=True, slots=True)
class Tasks:
    """Tasks to perform.

    Attributes:
        function: packed.
        items: packed, by number; begun in ascending order.
        name: what to call a task in a message.
        wanted: whether a task is still of interest; it may cease to be when another has failed.
    """

    function: bytes
    items: Mapping[int, bytes]
    name: Callable[[int], str]
    wanted: Callable[[int], bool]


class Executor(Protocol):
    """Performs tasks and yields number and packed outcome of each as it finishes, in any order.

    Ends when nothing that is wanted is left. Closing the iterator gives up what is under way.
    """

    def perform(self, tasks: Tasks) -> Iterator[tuple[int, bytes]]: ...

    def close(self) -> None: ...


class InProcess:
    """One after the other, here."""

    def perform(self, tasks: Tasks) -> Iterator[tuple[int, bytes]]:
        for number in sorted(tasks.items):
            if tasks.wanted(number):
                yield number, perform(tasks.function, tasks.items[number])

    def close(self) -> None:
        """Nothing stands."""


def ended_its_workers(name: str, how: str, times: int) -> MachineError:
    """The error of a task that no worker survives."""
    return MachineError(
        f"{name}: its worker ended {times} times before it was done ({how})",
        hint="if memory ran out, use fewer workers at a time",
    )
