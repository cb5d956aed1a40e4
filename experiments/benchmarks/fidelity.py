"""Links against what they declare: distributions, losses, rates, queues, order, each direction on its own."""

from __future__ import annotations

from typing import Any

from experiments.fidelity.judging import Check
from experiments.fidelity.measuring import measure
from topology.emulation.cell import private_network
from topology.emulation.links.choose import pipe_for, probe_netem


def bench_fidelity() -> list[dict[str, Any]]:
    """Every check of every pipe that this machine can run; inside a cell. Some 25 s a pipe."""
    rows = []
    for name in ["userspace"] + (["netem"] if probe_netem()[0] else []):
        with private_network():
            rows += [_row(check) for check in measure(pipe_for(name))]
    return rows


def _row(check: Check) -> dict[str, Any]:
    return {
        "what": check.what,
        "ours": check.measured,
        "other": check.limit,
        "unit": check.unit,
        "ratio": "holds" if check.holds else "FAILS",
        "against": check.rule,
    }
