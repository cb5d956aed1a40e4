"""A result, made readable: one self-contained page, maps, tables for the terminal, two runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from experiments.failover.summary import FailoverSummary
from experiments.report import (
    determinism_page,
    determinism_table,
    failover_page,
    failover_table,
    page,
    proposal_page,
    table,
)
from experiments.results import Conclusion, ResultFolder, Summary
from experiments.results.determinism import DeterminismSummary
from topology.errors import InputError

_PAGES: Mapping[str, Callable[[ResultFolder], str]] = {
    "determinism": determinism_page.render,
    "failover": failover_page.render,
    "propose": proposal_page.render,
}
"""What makes the page, by experiment; a comparison of two networks otherwise."""

__all__ = ["print_summary", "write_report"]


def write_report(folder: ResultFolder) -> Path:
    """Make ``report.html`` from the folder's files alone; the same files give the same bytes.

    Raises ``InputError`` if the folder has no summary, or a file in it is damaged.
    """
    return folder.write_report(_PAGES.get(folder.manifest.experiment, page.render)(folder))


def print_summary(summary: Conclusion, *, console: Console, language: str = "en") -> None:
    """Print the tables of a summary, then its verdict."""
    match summary:
        case Summary():
            table.print_summary(summary, console=console, language=language)
        case DeterminismSummary():
            determinism_table.print_determinism(summary, console=console, language=language)
        case FailoverSummary():
            failover_table.print_failover(summary, console=console, language=language)
        case _:
            raise InputError(f"no table is known for the experiment {summary.experiment!r}")
