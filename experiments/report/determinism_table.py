"""The table of promises for the terminal: a row per flow."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from experiments.report.style import Language
from experiments.report.table import print_verdict
from experiments.report.text import NOTHING, fill, number, percent
from experiments.results.determinism import DeterminismSummary, PromisedFlow


def print_determinism(summary: DeterminismSummary, *, console: Console, language: str = "en") -> None:
    """Print the table, what misbehaved, then the verdict."""
    chosen: Language = "zh" if language == "zh" else "en"

    def word(key: str, **fields: object) -> str:
        return fill(f"determinism.{key}", **fields).in_language(chosen)

    console.print(flow_table(summary, chosen))
    processing = max((flow.processing.max_ms for flow in summary.flows), default=0.0)
    typical = max((flow.processing.p50_ms for flow in summary.flows), default=0.0)
    note = word("terminal.note", worst=number(processing, 2), median=number(typical, 2))
    console.print(Styled(note, style="dim"), soft_wrap=True)
    if summary.liar is not None:
        liar = summary.liar
        text = word(
            "terminal.liar",
            sent=number(liar.sent_mbps, 2),
            due=number(liar.due_mbps, 2),
            received=number(liar.received_mbps, 2),
        )
        console.print(Styled(text, style="dim"), soft_wrap=True)
    for name, reason in summary.refused.items():
        console.print(Styled(word("terminal.refused", name=name, reason=reason), style="dim"), soft_wrap=True)
    console.print()
    print_verdict(summary.verdict, console=console, language=chosen)


def flow_table(summary: DeterminismSummary, language: Language) -> Table:
    """Bounds, worst and percentiles under load, then the same flow without its reservation."""

    def word(key: str, **fields: object) -> str:
        return fill(f"determinism.{key}", **fields).in_language(language)

    table = Table(
        title=Styled(word("terminal.title", scale=f"{summary.rate_scale:g}"), style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
        pad_edge=False,
    )
    table.add_column(word("flow"), min_width=12)
    for key in ("packets", "lost", "p50", "p999", "worst", "bound", "ratio", "violations"):
        table.add_column(word(key), justify="right")
    for key in ("plain.lost", "plain.worst"):
        table.add_column(word(key), justify="right", style="dim")
    for flow in summary.flows:
        table.add_row(flow.id, *_cells(flow))
    return table


def _cells(flow: PromisedFlow) -> tuple[str, ...]:
    loaded, plain = flow.loaded, flow.best_effort
    return (
        f"{loaded.sent:,}",
        str(loaded.lost),
        number(loaded.p50_ms, 2),
        number(loaded.p999_ms, 2),
        number(loaded.max_ms, 2),
        number(flow.guaranteed_ms, 2),
        percent(flow.ratio),
        str(flow.violations),
        percent(plain.lost / plain.sent) if plain.sent else NOTHING,
        number(plain.max_ms, 1),
    )
