"""Which running lab a verb means, and running a verb inside a cell that ``status`` can see."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from experiments.cli import guarded
from experiments.cli.console import err
from experiments.results import ResultFolder
from experiments.results.model import utc_now
from topology.emulation import outofmemory, registry
from topology.emulation.cell import run_in_cell
from topology.emulation.doctor import load_module, require_emulation
from topology.errors import InputError, OneHopError


def choose_lab(pid: int | None) -> registry.LabRecord:
    """The lab with this process id, or the only one. Raises ``InputError`` if that is not one lab."""
    labs = registry.running()
    if pid is not None:
        labs = [lab for lab in labs if lab.pid == pid]
    if not labs:
        what = "no network is running" if pid is None else f"no network runs as process {pid}"
        raise InputError(what, hint="onehop up tiny")
    if len(labs) > 1:
        raise InputError(
            f"{len(labs)} networks are running: " + ", ".join(f"{lab.pid} ({lab.scenario})" for lab in labs),
            hint="name the pid of the one you mean",
        )
    return labs[0]


def in_cell(verb: str, scenario: str, function: Callable[[registry.LabRecord], int]) -> int:
    """Run ``function`` in a cell of its own and return its exit code; the lab is listed while it runs."""
    require_emulation()
    # Modules are the machine's, not the cell's: asked for here, where modprobe sees the whole system.
    for module in ("openvswitch", "sch_netem"):
        load_module(module)
    record = registry.announce(verb, scenario)
    killed_before = outofmemory.kills_so_far()
    try:
        code = run_in_cell(
            lambda: guarded(lambda: function(record)),
            started=lambda pid: registry.write_init(record, pid),
        )
        results = (registry.read(record) or record).results
    finally:
        registry.forget(record)
    if code == 128 + signal.SIGKILL:
        err.print("error: the network was killed from outside (SIGKILL); nothing of it is left")
        if outofmemory.kills_so_far() > killed_before:
            err.print(f"    hint: {outofmemory.HINT}")
    if results:
        _close(Path(results))
    return code


def _close(path: Path) -> None:
    """Say in the manifest that a run is over which could not say so itself: killed, or by a second Ctrl-C."""
    with contextlib.suppress(OneHopError, OSError):
        folder = ResultFolder.open(path)
        if folder.manifest.status == "running":
            folder.update_manifest(status="interrupted", finished=utc_now())
            err.print(f"what was measured so far is kept in {path}", markup=False)
