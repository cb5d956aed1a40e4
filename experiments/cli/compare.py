"""``onehop compare``: two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path

import click

from experiments.cli.console import out
from experiments.report.compare import compare, comparison_table
from experiments.results import ResultFolder


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def command(a: Path, b: Path, as_json: bool) -> int:
    """Set two runs side by side: medians, differences, and whether they differ by more than chance.

    \b
    Example:
      onehop compare results/monday results/tuesday
    """
    comparison = compare(ResultFolder.open(a), ResultFolder.open(b))
    if as_json:
        print(json.dumps(comparison, ensure_ascii=False, indent=1))
    else:
        out.print(comparison_table(comparison))
    return 0
