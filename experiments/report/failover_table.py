"""The table of faults for the terminal: a row per kind, and what was aimed at."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from experiments.failover.summary import FailoverSummary, KindResult, Spread
from experiments.report.style import Language
from experiments.report.table import print_verdict
from experiments.report.text import NOTHING, fill, number


def print_failover(summary: FailoverSummary, *, console: Console, language: str = "en") -> None:
    """Print the table, then the verdict."""
    chosen: Language = "zh" if language == "zh" else "en"
    if summary.kinds:
        console.print(fault_table(summary, chosen))
        note = fill("failover.terminal.note", packets=f"{summary.packets_per_s:,}").in_language(chosen)
        console.print(Styled(note, style="dim"), soft_wrap=True)
        console.print()
    print_verdict(summary.verdict, console=console, language=chosen)


def fault_table(summary: FailoverSummary, language: Language) -> Table:
    """One row per kind of fault."""

    def word(key: str) -> str:
        return fill(f"failover.{key}").in_language(language)

    table = Table(
        title=Styled(word("terminal.title"), style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="bold",
        pad_edge=False,
    )
    table.add_column(word("fault"), min_width=18)
    for key in ("repetitions", "interruption", "goal", "lost", "twice", "loops"):
        table.add_column(word(key), justify="right")
    for key in ("detected", "switched", "repaired"):
        table.add_column(word(key), justify="right", style="dim")
    for each in summary.kinds:
        table.add_row(
            each.name.in_language(language),
            str(each.repetitions),
            spread(each.interruption_ms),
            goal(each),
            str(each.lost_total),
            str(each.duplicated),
            str(each.expired),
            median(each.detected_ms),
            median(each.switched_ms),
            median(each.barrier_ms),
        )
    return table


def spread(values: Spread) -> str:
    """Median, 95th percentile and maximum in whole milliseconds."""
    return " / ".join(number(value, 0) for value in (values.median, values.p95, values.max))


def goal(each: KindResult) -> str:
    """``< 10: 49/50``, or a dash where none is set."""
    if each.goal_ms is None:
        return NOTHING
    return f"< {each.goal_ms:g}: {each.within_goal}/{each.repetitions}"


def median(values: Spread | None) -> str:
    """The median with one decimal, a dash without values."""
    return NOTHING if values is None else number(values.median)
