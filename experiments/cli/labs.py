"""Which running lab a verb means, and running a verb inside a cell that ``status`` can see."""

from __future__ import annotations

from collections.abc import Callable

from experiments.cli import guarded
from topology.emulation import registry
from topology.emulation.cell import run_in_cell
from topology.emulation.doctor import load_module, require_emulation
from topology.errors import InputError


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
    try:
        return run_in_cell(
            lambda: guarded(lambda: function(record)),
            started=lambda pid: registry.write_init(record, pid),
        )
    finally:
        registry.forget(record)
