"""``onehop report``: build a run's page again, from its files alone."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.console import out
from experiments.report import write_report
from experiments.results import ResultFolder


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Build the report of a run again. The same folder gives the same bytes.

    \b
    Example:
      onehop report results/20260101T080000Z-one-hop
    """
    out.print(f"report: {write_report(ResultFolder.open(folder))}", markup=False, soft_wrap=True)
    return 0
