"""Links against what they declare: distributions, losses, rates, queues, order, each direction on its own;
TCP against theory; independent clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from experiments.fidelity.clocks import compare_clocks
from experiments.fidelity.judging import Check, Skipped
from experiments.fidelity.measuring import measure
from experiments.fidelity.transfers import measure_transfers
from topology.emulation.cell import private_network
from topology.emulation.links import Pipe
from topology.emulation.links.choose import pipe_for, probe_netem

_PARTS: tuple[Callable[[Pipe], Sequence[Check | Skipped]], ...] = (measure, measure_transfers, compare_clocks)


def bench_fidelity() -> list[dict[str, Any]]:
    """Every check of every pipe that this machine can run; inside a cell. Some three minutes a pipe."""
    rows = []
    for name in ["userspace"] + (["netem"] if probe_netem()[0] else []):
        for part in _PARTS:
            with private_network():
                rows += [_row(check) for check in part(pipe_for(name))]
    return rows


def _row(check: Check | Skipped) -> dict[str, Any]:
    if isinstance(check, Skipped):
        row = dict.fromkeys(("ours", "other", "unit"), "")
        return {"what": check.what, **row, "ratio": "skipped", "against": check.reason}
    return {
        "what": check.what,
        "ours": check.measured,
        "other": check.limit,
        "unit": check.unit,
        "ratio": "holds" if check.holds else "FAILS",
        "against": check.rule,
    }
