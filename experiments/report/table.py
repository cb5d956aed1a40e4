"""Tables for the terminal, from a summary. They fit 100 columns; colour only repeats what signs say."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text as Styled

from experiments.report.style import Language
from experiments.report.text import NOTHING, fill, number, rate, signed
from experiments.results import VARIANTS, Pair, PairResult, Summary, Verdict
from topology.network import Text


def print_summary(summary: Summary, *, console: Console, language: str = "en") -> None:
    """Print the tables, then the verdict: the last thing on the screen is the answer."""
    chosen: Language = "zh" if language == "zh" else "en"
    if summary.pairs:
        console.print(delay_table(summary, chosen))
        console.print(Styled(fill("terminal.note").in_language(chosen), style="dim"), soft_wrap=True)
        if again := _measured_again(summary, chosen):
            note = fill("terminal.again", pairs="; ".join(again)).in_language(chosen)
            console.print(Styled(note, style="dim"))
        console.print()
    if any(pair.has_throughput for pair in summary.pairs):
        console.print(throughput_table(summary, chosen))
        console.print()
    print_verdict(summary.verdict, console=console, language=chosen)


def print_verdict(verdict: Verdict, *, console: Console, language: Language) -> None:
    """Print the answer in a sentence, and its reasons."""
    console.print(Styled(verdict.text.in_language(language), style="bold" if verdict.ok else "bold red"))
    for reason in verdict.reasons:
        console.print(Styled(f"  - {reason.in_language(language)}"))


def delay_table(summary: Summary, language: Language) -> Table:
    """One row per destination: hops, medians and the model on both networks, then the change."""

    def word(key: str, **fields: object) -> str:
        return fill(key, **fields).in_language(language)

    source = summary.pairs[0].source_name if summary.pairs else Text("", "")
    table = _table(word("terminal.pairs", source=source, scale=f"{summary.rate_scale:g}"), padding=1)
    table.add_column(f"\n{word('table.destination')}", min_width=8)
    for variant in VARIANTS:
        colour = "dark_orange3" if variant == "base" else "blue"
        head = f"[{colour}]{word(f'variant.{variant}')}[/]"
        table.add_column(f"{head}\n{word('table.hops')}", justify="right", min_width=9)
        for key, dim in (("median", False), ("p99", True), ("loaded", True), ("model", True)):
            table.add_column(f"\n{word(f'terminal.{key}')}", justify="right", style="dim" if dim else None)
    table.add_column(f"\n{word('table.change')}", justify="right", style="bold", min_width=8)
    table.add_column("\n%", justify="right")
    table.add_column(f"\n{word('table.floor')}", justify="right", style="dim")
    for pair in summary.pairs:
        cells = [cell for variant in VARIANTS for cell in _delay_cells(pair.on(variant))]
        saving, before = pair.saving_ms, pair.base.rtt_ms.median
        change = None if saving is None else -saving
        share = None if change is None or not before else 100 * change / before
        table.add_row(
            Styled(pair.destination_name.in_language(language)),
            *cells,
            signed(change),
            signed(share, 0),
            number(pair.floor_rtt_ms),
        )
    return table


def _delay_cells(result: PairResult) -> tuple[str, ...]:
    return (
        f"{result.hops}{'' if result.path_proven else '!'}",
        f"{number(result.rtt_ms.median)}{'' if result.within_tolerance else '*'}",
        number(result.rtt_ms.p99),
        number(result.loaded.rtt_ms.median) if result.loaded else NOTHING,
        number(result.predicted_rtt_ms),
    )


def _measured_again(summary: Summary, language: Language) -> list[str]:
    return [
        f"{pair.destination_name.in_language(language)}, {fill(f'variant.{variant}').in_language(language)}"
        f" ({pair.on(variant).attempts})"
        for pair in summary.pairs
        for variant in VARIANTS
        if pair.on(variant).attempts > 1
    ]


def throughput_table(summary: Summary, language: Language) -> Table:
    """What iperf3 carried, beside the declared rate, for the pairs where it ran."""

    def word(key: str) -> str:
        return fill(key).in_language(language)

    table = _table(word("terminal.throughput"))
    table.add_column(word("table.destination"), min_width=8)
    for variant in VARIANTS:
        table.add_column(word(f"variant.{variant}"), justify="right")
        table.add_column(word("terminal.of"), justify="right", style="dim")
    for pair in summary.pairs:
        if pair.has_throughput:
            cells = [cell for variant in VARIANTS for cell in _rate_cells(pair, variant == "base")]
            table.add_row(Styled(pair.destination_name.in_language(language)), *cells)
    return table


def _rate_cells(pair: Pair, is_base: bool) -> tuple[str, str]:
    result = pair.base if is_base else pair.proposal
    measured = result.throughput_mbps
    return f"{rate(measured.tcp)} / {rate(measured.udp)}", rate(result.declared_mbps)


def _table(title: str, padding: int = 2) -> Table:
    return Table(
        title=Styled(title, style="bold"),
        title_justify="left",
        box=None,
        padding=(0, padding, 0, 0),
        header_style="bold",
        pad_edge=False,
    )
