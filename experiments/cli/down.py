"""``onehop down``: take running networks down."""

from __future__ import annotations

import contextlib
import os
import signal
import time

import click

from experiments.cli.console import out
from experiments.cli.labs import choose_lab
from topology.emulation.registry import LabRecord, running
from topology.errors import MachineError

PATIENCE_S = 15.0


@click.command()
@click.argument("pid", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Take every running network down.")
def command(pid: int | None, everything: bool) -> int:
    """Take a running network down; with several running, name its PID (onehop status) or say --all.

    \b
    Examples:
      onehop down
      onehop down --all
    """
    if pid is None and not running():
        out.print("no network is running")
        return 0
    for lab in running() if everything else [choose_lab(pid)]:
        take_down(lab)
        out.print(f"down: {lab.verb} {lab.scenario} (pid {lab.pid})")
    return 0


def take_down(lab: LabRecord) -> None:
    """Ask a lab to end, insist after a while; its cell takes everything with it either way."""
    for number, patience_s in ((signal.SIGTERM, PATIENCE_S), (signal.SIGKILL, 5.0)):
        try:
            os.kill(lab.pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise MachineError(
                f"process {lab.pid} belongs to another user", hint="sudo onehop down"
            ) from error
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if lab not in [entry for entry in _alive() if entry.pid == lab.pid]:
                return
            time.sleep(0.05)
    raise MachineError(f"process {lab.pid} does not end")


def _alive() -> list[LabRecord]:
    with contextlib.suppress(OSError):
        return running()
    return []
