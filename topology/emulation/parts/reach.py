"""How a command gets to another machine: by words in front of it, mostly those of ``ssh``.

A cell has no way out of its network namespace, so whoever is in one keeps that of the machine open
(``OutsideNetwork``) and starts such commands there.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from topology.placement.model import Machine


class OutsideNetwork:
    """The machine's own network namespace, held open; to be made before the cell is entered.

    Args:
        namespace: path of another namespace to hold, where several stand for machines.
    """

    def __init__(self, namespace: str = "/proc/thread-self/ns/net") -> None:
        self._descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)

    def command(self, words: Sequence[str]) -> list[str]:
        """``words`` as a command that runs in this namespace, whichever its caller is in."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._descriptor}", "--", *words]

    def close(self) -> None:
        """Hold it no longer."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Reach:
    """How to run a command elsewhere.

    Attributes:
        prefix: what stands before the command.
        shell: whether a shell reads the words there. That is so with ssh, which joins them by blanks: so they
            are quoted.
    """

    prefix: tuple[str, ...] = ()
    shell: bool = False

    @classmethod
    def to(cls, machine: Machine, outside: OutsideNetwork) -> Reach:
        """How to run a command on ``machine``."""
        shell = any(PurePath(word).name == "ssh" for word in machine.reach)
        return cls(tuple(outside.command(machine.reach)), shell)

    def command(self, words: Sequence[str]) -> list[str]:
        """``words`` as a command that runs there."""
        return [*self.prefix, *(map(shlex.quote, words) if self.shell else words)]

    def then(self, words: Sequence[str]) -> Reach:
        """How to run a command by way of ``words`` that themselves run there."""
        return Reach(tuple(self.command(words)), self.shell)
