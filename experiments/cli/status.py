"""``onehop status``: the networks that are running."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click
from rich.table import Table

from experiments.cli.console import out
from topology.emulation.registry import running


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def command(as_json: bool) -> int:
    """Show the networks that are running on this machine. Needs no root.

    \b
    Example:
      onehop status
    """
    labs = running()
    if as_json:
        print(json.dumps([asdict(lab) for lab in labs], indent=1))
        return 0
    if not labs:
        out.print("no network is running; start one with:  onehop up tiny")
        return 0
    table = Table("pid", "verb", "scenario", "state", "hosts", "since", box=None, header_style="bold")
    for lab in labs:
        minutes = (time.time() - lab.since) / 60
        table.add_row(
            str(lab.pid), lab.verb, lab.scenario, lab.state, str(len(lab.hosts)), f"{minutes:.0f} min ago"
        )
    out.print(table)
    for lab in labs:
        if lab.broken:
            out.print(f"process {lab.pid} is broken: {lab.broken}; onehop down {lab.pid}", markup=False)
    return 0
