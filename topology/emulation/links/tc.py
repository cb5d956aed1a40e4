"""One ``tc`` process for any number of commands, and errors that name the link at fault.

``tc -batch -`` stops at the first command that fails and says ``Command failed -:LINE``, which leads back to
the command and the link it was for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from topology.errors import EmulationError, MachineError

_NONE: Mapping[str, str] = MappingProxyType({})
_FAILED_LINE = re.compile(r"^Command failed -:(\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Command:
    """One ``tc`` command without its first word, and the link it is for."""

    link: str
    text: str


def run(commands: Sequence[Command], *, library: Path | None = None) -> None:
    """Run all ``commands``, in order. Raises ``EmulationError`` naming the link of the first that fails.

    ``library``: where tc looks for the distributions of netem, if any command names one.
    """
    if not commands:
        return
    batch = "".join(f"{command.text}\n" for command in commands)
    done = _tc(["-batch", "-"], batch, {} if library is None else {"TC_LIB_DIR": str(library)})
    if done.returncode == 0 and not done.stderr:
        return
    failed = failed_line(done.stderr)
    message = _FAILED_LINE.sub("", done.stderr).strip().splitlines()
    reason = "; ".join(line.strip() for line in message) or f"exit code {done.returncode}"
    if failed is not None:
        command = commands[failed]
        raise EmulationError(f"tc refused `tc {command.text}`: {reason}", where=command.link)
    if done.returncode != 0:
        raise EmulationError(f"tc failed: {reason}")


def run_regardless(commands: Sequence[str]) -> None:
    """Run all ``commands``; those that fail, fail in silence. For removing what may be gone already."""
    _tc(["-force", "-batch", "-"], "".join(f"{command}\n" for command in commands))


def failed_line(stderr: str) -> int | None:
    """The index, from 0, of the batch line that failed according to ``stderr``. Pure."""
    found = _FAILED_LINE.search(stderr)
    return int(found[1]) - 1 if found else None


def usage(command: str) -> str:
    """What ``tc COMMAND`` prints, wherever it prints it."""
    done = _tc(command.split(), "")
    return done.stdout + done.stderr


def show_qdiscs() -> list[dict[str, Any]]:
    """All queueing disciplines of this network namespace: ``tc -s -j qdisc show``."""
    done = _tc(["-s", "-j", "qdisc", "show"], "")
    if done.returncode != 0:
        raise EmulationError(f"tc qdisc show failed: {done.stderr.strip()}")
    listed: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return listed


def show_text(commands: Sequence[str]) -> str:
    """What ``tc`` prints for several ``show`` commands; those that fail print nothing.

    Text, because ``tc -j class show`` of iproute2 up to 6.1 prints text all the same.
    """
    return _tc(["-force", "-batch", "-"], "".join(f"{command}\n" for command in commands)).stdout


def _tc(
    arguments: Sequence[str], text: str, environment: Mapping[str, str] = _NONE
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["tc", *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
    except FileNotFoundError:
        raise MachineError("the program tc is missing", hint="apt-get install iproute2") from None
