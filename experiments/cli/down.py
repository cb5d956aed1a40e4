"""``onehop down``: take running networks down."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import click
from rich.table import Table

from experiments.cli.console import out
from experiments.cli.contents import contents_of
from experiments.cli.labs import choose_lab
from topology.emulation.registry import LabRecord, running
from topology.errors import InputError, MachineError

PATIENCE_S = 15.0


@click.command()
@click.argument("pid", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Take every running network down, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(pid: int | None, everything: bool, yes: bool) -> int:
    """Take a running network down; with several running, name its PID (onehop status) or say --all.

    \b
    Examples:
      onehop down
      onehop down --all
      onehop down --all --yes
    """
    if everything and pid is not None:
        raise InputError(f"--all and the process {pid} are two different wishes", hint="say one of them")
    if pid is None and not running():
        out.print("no network is running")
        return 0
    labs = running() if everything else [choose_lab(pid)]
    if everything:
        show(labs)
        if not yes and not _agreed(len(labs)):
            out.print("nothing has been taken down")
            return 0
    for lab in labs:
        take_down(lab)
        out.print(f"down: {lab.verb} {lab.scenario} (pid {lab.pid})", markup=False)
    return 0


def show(labs: list[LabRecord]) -> None:
    """What will be removed, lab by lab, and what will stay."""
    out.print("Will be taken down, with everything in it:")
    table = Table(
        *("pid", "verb", "scenario", "state", "processes", "network namespaces", "interfaces"),
        box=None,
        header_style="bold",
    )
    for lab in labs:
        there = contents_of(lab)
        counts = (
            ("?", "?", "?")
            if there is None
            else (str(there.processes), str(there.network_namespaces), str(there.interfaces))
        )
        table.add_row(str(lab.pid), lab.verb, lab.scenario, lab.state, *counts)
    out.print(table)
    for lab in labs:
        if lab.results:
            out.print(f"Stays: what process {lab.pid} has measured so far, in {lab.results}", markup=False)
    out.print("Nothing else on this machine is touched.")


def _agreed(count: int) -> bool:
    if not is_asked():
        raise InputError("nobody is there to be asked", where="--all", hint="onehop down --all --yes")
    return click.confirm(f"Take {count} network{'' if count == 1 else 's'} down?")


def is_asked() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty()


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
            # Not the record as a whole: what it says may change while it ends.
            if (lab.pid, lab.started_ticks) not in {(each.pid, each.started_ticks) for each in _alive()}:
                return
            time.sleep(0.05)
    raise MachineError(f"process {lab.pid} does not end")


def _alive() -> list[LabRecord]:
    with contextlib.suppress(OSError):
        return running()
    return []
