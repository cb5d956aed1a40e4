"""The command line: one file per verb. The only place that prints, and the only one that turns errors
into exit codes.

Verbs are imported when they are asked for, so that ``onehop --help`` and ``onehop plan`` start at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import tempfile
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from topology.errors import MachineError, OneHopError

# Verb -> one line of help, in the order of the help page.
VERBS = {
    "run": "Run an experiment: build the network, measure it, write the report.",
    "plan": "Compute every route and predicted delay. No root, no emulation.",
    "bound": "Bound worst-case delay and backlog of a small system, by network calculus.",
    "admit": "Ask for reserved paths: a path, a rate, a proven bound, a backup, or why not.",
    "te": "Set the best routing of a traffic matrix beside shortest paths and ECMP.",
    "propose": "Rank candidate links and choose the best portfolio under a budget, with proof.",
    "place": "Place a network on several machines: which sites where, what crosses.",
    "scenario": "List, check, show and draw scenarios.",
    "up": "Bring a network up and leave it running with a prompt.",
    "exec": "Run a command on a host of a running network.",
    "part": "One machine's part of a network on several; run by the machine that leads.",
    "status": "Show the networks that are running.",
    "down": "Take a running network down.",
    "report": "Build a run's report again.",
    "compare": "Set two runs side by side.",
    "doctor": "Say what this machine can do and what it lacks.",
    "calibrate": "Measure what this machine's links can do, and keep it.",
    "controller": "Run the controller alone, for any OpenFlow 1.3 switches.",
    "bench": "Measure the lab itself, as ratios in one run.",
    "test": "Run the tests, every tier this machine can run.",
}


_DISK = "free some space, or write elsewhere (run: --output); what was written before is kept"
_PROCESSES = "close other programs, or raise the limit (ulimit -u, ulimit -n)"
_WANTS = {
    errno.ENOSPC: ("the disk is full", _DISK),
    errno.EDQUOT: ("the disk quota is used up", _DISK),
    errno.EROFS: ("the file system is read-only", "write elsewhere (run: --output)"),
    errno.ENOMEM: ("there is not enough memory", "close other programs, or take a smaller scenario"),
    errno.EAGAIN: ("no further process can be started", _PROCESSES),
    errno.EMFILE: ("no further file can be opened", _PROCESSES),
    errno.ENFILE: ("no further file can be opened on this machine", _PROCESSES),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"experiments.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with:  onehop run --quick     (all of it, under a minute)   "
    "or:  onehop plan qingyang-direct     (no root)",
)
@click.version_option(version("onehop"), prog_name="onehop")
def onehop() -> None:
    """OneHop: what one-hop direct links would change for the Qingyang compute hub.

    Mininet emulates the network, a Ryu (os-ken) controller routes it, and the lab measures latency and
    throughput on real packets, next to what the model predicts and the speed of light in fibre.
    """


def main() -> None:
    """Entry point: run a verb; a user sees errors, never tracebacks."""
    # A reader that stops early (`onehop plan | head`) is no error.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(guarded(lambda: onehop.main(standalone_mode=False)))


def guarded(function: Any) -> int:
    """Call ``function`` and return the exit code; every failure is told on stderr in the house's form."""
    try:
        result = function()
        return result if isinstance(result, int) else 0
    except OneHopError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except click.exceptions.Exit as stopped:
        return stopped.exit_code
    except Exception as error:
        return _want(error)


def want_of(error: BaseException) -> tuple[str, str] | None:
    """What the machine has run out of, and a hint; ``None`` if the error says nothing of the kind."""
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError):
        number = errno.ENOMEM
    elif isinstance(error, RuntimeError) and "start new thread" in str(error):  # all that Python says of it
        number = errno.EAGAIN
    return _WANTS.get(number) if isinstance(number, int) else None


def _want(error: Exception) -> int:
    """What the machine has run out of is no defect of ours; anything else is."""
    want = want_of(error)
    if want is None:
        return _defect(error)
    what, hint = want
    place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    click.echo(f"error: {place}{what}\n    hint: {hint}", err=True)
    return MachineError.exit_code


def _defect(error: Exception) -> int:
    """Our mistake, not the user's: keep the traceback in a file and say where it is."""
    try:
        descriptor, kept = tempfile.mkstemp(prefix="onehop-crash-", suffix=".txt", dir=Path.cwd(), text=True)
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(traceback.format_exception(error)))
        place = f"; please report it with {kept}"
    except OSError:
        place = ""
    click.echo(f"error: a defect in OneHop: {type(error).__name__}: {error}{place}", err=True)
    return 70
