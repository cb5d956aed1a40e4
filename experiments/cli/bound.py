"""``onehop bound``: worst-case delay and backlog of a small system, by network calculus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from controller.bounds import Analysis, Figure, Method, MethodResult, Multiplexing, analyse
from controller.bounds.examples import EXAMPLES
from controller.bounds.file import Question, load
from controller.bounds.quantities import Kind, factor
from experiments.cli.console import err, out
from topology.errors import InputError

LONGEST_FRACTION = 14  # characters; longer ones tell a reader nothing, and --json has them
BEST = {"en": "best delay", "zh": "最小时延"}
HEADINGS = {
    "en": {"flow": "flow", "path": "path", "server": "server", "delay": "delay", "backlog": "backlog"},
    "zh": {"flow": "流", "path": "路径", "server": "服务器", "delay": "时延", "backlog": "积压"},
}


@click.command()
@click.argument("file", required=False)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice([str(m) for m in Method]),
    help="Only this one; may be repeated.",
)
@click.option(
    "--multiplexing",
    "disciplines",
    multiple=True,
    type=click.Choice([str(m) for m in Multiplexing]),
    help="Instead of what the file says; may be repeated.",
)
@click.option("--example", type=click.Choice(list(EXAMPLES)), help="Print a file to start from.")
@click.option("--json", "as_json", is_flag=True, help="As JSON: every figure exact, with its theorem.")
@click.option("--theorems", is_flag=True, help="Say which theorem gave each figure.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(
    file: str | None,
    methods: tuple[str, ...],
    disciplines: tuple[str, ...],
    example: str | None,
    as_json: bool,
    theorems: bool,
    language: str,
) -> int:
    """Bound delay and backlog of servers and flows in FILE (YAML or JSON). Needs no root.

    By total flow analysis (tfa; tfa++ knows the rates of links) and separated flow analysis (sfa), in exact
    fractions. The format and the theorems: docs/bounds.md.

    \b
    Examples:
      onehop bound --example fifo > two.yaml
      onehop bound two.yaml
      onehop bound two.yaml --method sfa --theorems
      onehop bound two.yaml --multiplexing arbitrary --json
    """
    if example is not None:
        print(EXAMPLES[example], end="")
        return 0
    if file is None:
        hint = "onehop bound --example fifo > two.yaml && onehop bound two.yaml"
        raise InputError("no file named", where="FILE", hint=hint)
    question = load(Path(file), file)
    wanted = tuple(Multiplexing(name) for name in dict.fromkeys(disciplines)) or question.multiplexing
    chosen = tuple(Method(name) for name in dict.fromkeys(methods))
    analysis = analyse(question.system.servers.values(), question.system.flows.values(), wanted, chosen)
    if as_json:
        print(json.dumps(_as_dict(question, analysis), ensure_ascii=False, indent=1))
        return 0
    for discipline in wanted:
        _print_discipline(question, analysis, discipline, language, theorems=theorems)
    return 0


def _as_dict(question: Question, analysis: Analysis) -> dict[str, Any]:
    """Bits and seconds, whatever the file was written in; without units, what it was written in."""
    units = {"data": "bit", "time": "s"} if question.time_unit else {"data": "", "time": ""}
    return {"title": question.title, "units": units, **analysis.to_dict()}


def _print_discipline(
    question: Question, analysis: Analysis, discipline: Multiplexing, language: str, *, theorems: bool
) -> None:
    results = [result for result in analysis.results if result.multiplexing is discipline]
    title = question.title or ", ".join(question.system.flows)
    out.print(f"[bold]{discipline}[/]  ", end="")
    out.print(title, markup=False)
    shown = _Units(question)
    answered = [result for result in results if not result.refused]
    out.print(_flow_table(question, analysis, answered, discipline, shown, language))
    if any(result.servers for result in answered):
        out.print()
        out.print(_server_table(answered, shown, language))
    _print_notes(results)
    if theorems:
        _print_theorems(answered)
    out.print()


def _flow_table(
    question: Question,
    analysis: Analysis,
    results: Sequence[MethodResult],
    discipline: Multiplexing,
    shown: _Units,
    language: str,
) -> Table:
    words = HEADINGS[language]
    table = Table(words["flow"], words["path"], box=None, header_style="bold", pad_edge=False)
    for result in results:
        _add_columns(table, result, shown, words, with_backlog=result.method is Method.SFA)
    table.add_column(f"{BEST[language]}{shown.time}", justify="right", no_wrap=True)
    for name, described in question.system.flows.items():
        row = [name, " > ".join(described.path)]
        for result in results:
            bounds = result.flows[name]
            row.append(shown.figure(bounds.delay, Kind.TIME))
            if bounds.backlog is not None:
                row.append(shown.figure(bounds.backlog, Kind.DATA))
        row.append(shown.value(analysis.best_delay(name, discipline), Kind.TIME))
        table.add_row(*row)
    return table


def _server_table(results: Sequence[MethodResult], shown: _Units, language: str) -> Table:
    words = HEADINGS[language]
    table = Table(words["server"], box=None, header_style="bold", pad_edge=False)
    for result in results:
        if result.servers:
            _add_columns(table, result, shown, words, with_backlog=True)
    for row in _server_rows(results, shown):
        table.add_row(*row)
    return table


def _add_columns(
    table: Table, result: MethodResult, shown: _Units, words: Mapping[str, str], *, with_backlog: bool
) -> None:
    table.add_column(f"{result.method} {words['delay']}{shown.time}", justify="right", no_wrap=True)
    if with_backlog:
        table.add_column(f"{words['backlog']}{shown.data}", justify="right", no_wrap=True)


def _server_rows(results: Sequence[MethodResult], shown: _Units) -> Iterator[list[str]]:
    with_servers = [result for result in results if result.servers]
    for name in with_servers[0].servers if with_servers else ():
        row = [name]
        for result in with_servers:
            bounds = result.servers[name]
            row.append(shown.figure(bounds.delay, Kind.TIME))
            row.append(shown.figure(bounds.backlog, Kind.DATA) if bounds.backlog is not None else "")
        yield row


def _print_notes(results: Sequence[MethodResult]) -> None:
    for result in results:
        if result.refused:
            err.print(f"{result.method}: no bound: {result.refused}", markup=False)
        for cycle in result.cycles:
            how = "solved exactly" if result.exact else "bounded from above; the bound is proven in fractions"
            out.print(f"{result.method}: {', '.join(cycle)} feed each other in a circle: {how}", markup=False)


def _print_theorems(results: Sequence[MethodResult]) -> None:
    for result in results:
        used: dict[str, list[str]] = {}
        for kind, parts in (("flow", result.flows), ("server", result.servers)):
            for name, bounds in parts.items():
                used.setdefault(bounds.delay.theorem, []).append(f"delay of {kind} {name}")
                if bounds.backlog is not None:
                    used.setdefault(bounds.backlog.theorem, []).append(f"backlog of {kind} {name}")
        out.print(f"\n[bold]{result.method}[/]")
        for theorem, places in used.items():
            out.print(f"- {', '.join(places)}: {theorem}", markup=False, soft_wrap=True)


class _Units:
    """Values in the units of the file, each as a decimal and, while it is short, as the exact fraction."""

    def __init__(self, question: Question) -> None:
        self._names = {Kind.DATA: question.data_unit, Kind.TIME: question.time_unit}
        self.data, self.time = (f" {name}" if name else "" for name in self._names.values())

    def figure(self, figure: Figure, kind: Kind) -> str:
        return self.value(figure.value, kind)

    def value(self, value: Fraction | None, kind: Kind) -> str:
        if value is None:
            return "∞"
        scale = factor(self._names[kind], kind) if self._names[kind] else None
        value = value / scale if scale else value
        decimal = f"{float(value):.6g}"
        exact = str(value)
        if exact == decimal or len(exact) > LONGEST_FRACTION or Fraction(decimal) == value:
            return decimal
        return f"{exact} = {decimal}"
