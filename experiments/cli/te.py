"""``onehop te``: the best routing of a traffic matrix beside the usual ones, without root or emulation."""

from __future__ import annotations

import json
from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import click
from rich.table import Table

from controller.te import Analysis, Instance, Method, Outcome, Weights, analyse, load
from controller.te.program import size
from experiments.cli.console import err, out, steps
from topology.errors import InputError

LONG = 20_000  # columns of the linear programme; from here on it takes seconds, so progress is shown
NAMED = 4  # bottlenecks in the table; --json has all
LONGEST_FRACTION = 18  # characters; longer ones tell a reader nothing, and --json has them

HEADINGS = {
    "en": ("routing", "weights", "max utilisation", "concurrent flow", "of the best", "bottleneck"),
    "zh": ("路由", "权重", "最大利用率", "并发流倍数", "与最优之比", "瓶颈"),
}
METHODS = {
    "zh": {
        Method.SHORTEST_PATH: "最短路径",
        Method.ECMP: "等价多路径（ECMP）",
        Method.LEAST_UTILISATION: "最小化最大利用率",
        Method.CONCURRENT_FLOW: "最大并发流",
    }
}


@click.command()
@click.argument("scenario")
@click.option("--demands", metavar="FILE", help="REPETITA demands instead of those that come with SCENARIO.")
@click.option("--unit-capacity", is_flag=True, help="As if each direction of each link had capacity 1.")
@click.option(
    "--weights",
    "named",
    multiple=True,
    type=click.Choice([str(kind) for kind in Weights]),
    help="What short means for shortest paths and ECMP; may be repeated. Default: those that a REPETITA "
    "file states, else hops.",
)
@click.option("--paths", is_flag=True, help="With --json: every demand's paths and shares at the optimum.")
@click.option("--json", "as_json", is_flag=True, help="As JSON: every arc, exact values, the proof.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(
    scenario: str,
    demands: str | None,
    unit_capacity: bool,
    named: tuple[str, ...],
    paths: bool,
    as_json: bool,
    language: str,
) -> int:
    """How well can the links of SCENARIO carry its demands? The routing of least maximum utilisation and the
    largest factor by which all demands fit (both optimal, both proven), beside shortest paths and ECMP.

    SCENARIO is a shipped name, a scenario or demands file, topohub:NAME (those of sndlib/ bring demands), or
    a REPETITA .graph file. Needs no root and emulates nothing. Formulas and formats: docs/te.md.

    \b
    Examples:
      onehop te qingyang-baseline
      onehop te qingyang-baseline --weights hops --weights latency
      onehop te topohub:sndlib/germany50 --unit-capacity
      onehop te Abilene.graph --demands Abilene.0000.demands --json
    """
    if paths and not as_json:
        raise InputError("--paths goes with --json", hint="add --json")
    instance = load(scenario, demands, unit_capacity=unit_capacity)
    weights = tuple(Weights(name) for name in dict.fromkeys(named)) or (_usual(instance),)
    with steps() if size(instance) >= LONG else nullcontext() as progress:
        analysis = analyse(instance, weights, progress.say if progress else lambda sentence: None)
    if as_json:
        print(json.dumps(_as_data(analysis, with_paths=paths), ensure_ascii=False, indent=1))
        return 0
    _print(analysis, language, in_percent=not unit_capacity)
    return 0


def _usual(instance: Instance) -> Weights:
    stated = all(arc.weight is not None for arc in instance.arcs)
    return Weights.STATED if stated else Weights.HOPS


def _print(analysis: Analysis, language: str, *, in_percent: bool) -> None:
    instance = analysis.instance
    unit = f" {instance.unit}" if instance.unit else ""
    out.print(
        f"{instance.name}: {len(instance.nodes)} nodes, {len(instance.arcs)} arcs, "
        f"{len(instance.demands)} demands of {_number(instance.total_rate)}{unit} in all",
        markup=False,
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, heading in enumerate(HEADINGS[language]):
        table.add_column(heading, justify="right" if column in (2, 3, 4) else "left")
    best = analysis.optimum.max_utilisation
    for outcome in analysis.outcomes:
        most = outcome.max_utilisation
        table.add_row(
            METHODS.get(language, {}).get(outcome.method, str(outcome.method)),
            str(outcome.weights or "-"),
            f"{float(most):.2%}" if in_percent else _number(most),
            f"× {float(outcome.concurrent_flow):.4g}",
            _ratio(most / best),
            _bottlenecks(instance, outcome),
        )
    out.print(table)
    for sentence in _verdict(analysis, language, in_percent=in_percent):
        out.print(sentence, markup=False, soft_wrap=True)
    for note in instance.notes:
        err.print(f"note: {note}", markup=False, style="dim", soft_wrap=True)


def _bottlenecks(instance: Instance, outcome: Outcome) -> str:
    shown = ", ".join(instance.describe(arc) for arc in outcome.bottlenecks[:NAMED])
    more = len(outcome.bottlenecks) - NAMED
    return f"{shown}, … ({more} more)" if more > 0 else shown


def _verdict(analysis: Analysis, language: str, *, in_percent: bool) -> list[str]:
    proof = analysis.optimum.proof
    assert proof is not None
    if proof.exact:
        least = f"{float(proof.upper):.6%}" if in_percent else _exactly(proof.upper)
        proven = {
            "en": f"Proven: no routing has a lower maximum utilisation than {least}. The bottlenecks of the "
            "optima are full in every routing that reaches it.",
            "zh": f"已证明：任何路由的最大利用率都不低于 {least}。最优行所列瓶颈在每个达到它的路由中都满载。",
        }
    else:
        gap = f"{float(proof.gap):.1e}"
        proven = {
            "en": f"Proven: no routing has a maximum utilisation lower by more than {gap} of it.",
            "zh": f"已证明：任何路由的最大利用率至多再低 {gap}（相对值）。",
        }
    sentences = [proven[language]]
    if analysis.instance.unit and analysis.optimum.max_utilisation > 1:
        over = {
            "en": "The demands do not fit, however they are routed.",
            "zh": "无论怎样选路，需求都超出容量。",
        }
        sentences.append(over[language])
    return sentences


def _as_data(analysis: Analysis, *, with_paths: bool) -> dict[str, Any]:
    instance = analysis.instance
    return {
        "name": instance.name,
        "unit": instance.unit,
        "nodes": list(instance.nodes),
        "demands": len(instance.demands),
        "total_rate": _value(instance.total_rate),
        "notes": list(instance.notes),
        "outcomes": [_outcome_data(instance, outcome, with_paths) for outcome in analysis.outcomes],
    }


def _outcome_data(instance: Instance, outcome: Outcome, with_paths: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "method": str(outcome.method),
        "weights": None if outcome.weights is None else str(outcome.weights),
        "max_utilisation": _value(outcome.max_utilisation),
        "concurrent_flow": _value(outcome.concurrent_flow),
        "bottlenecks": [_arc_data(instance, arc) for arc in outcome.bottlenecks],
        "arcs": [
            {
                **_arc_data(instance, number),
                "capacity": _value(arc.capacity),
                "load": _value(load),
                "utilisation": float(load / arc.capacity),
            }
            for number, (arc, load) in enumerate(zip(instance.arcs, outcome.loads, strict=True))
        ],
    }
    proof = outcome.proof
    if proof is None:
        return data
    data["proof"] = {
        "exact": proof.exact,
        "lower_bound": _value(proof.lower),
        "gap": float(proof.gap),
        "prices": [
            {**_arc_data(instance, arc), "price": _value(price)}
            for arc, price in enumerate(proof.prices)
            if price
        ],
    }
    if with_paths:
        data["paths"] = [
            {
                "from": instance.nodes[source],
                "to": instance.nodes[destination],
                "rate": _value(part.rate),
                "arcs": [_arc_data(instance, arc) for arc in part.path],
            }
            for (source, destination), parts in proof.splits.items()
            for part in parts
        ]
    return data


def _arc_data(instance: Instance, number: int) -> dict[str, str]:
    arc = instance.arcs[number]
    return {"arc": arc.name, "from": instance.nodes[arc.tail], "to": instance.nodes[arc.head]}


def _value(value: Fraction) -> dict[str, float | str]:
    return {"value": float(value), "exact": str(value)}


def _number(value: Fraction) -> str:
    """Nine digits: enough to tell SNDlib's optima apart."""
    return f"{float(value):.9g}"


def _exactly(value: Fraction) -> str:
    """With the fraction, where the decimal number is rounded and the fraction is short."""
    decimal, fraction = _number(value), str(value)
    if Fraction(decimal) == value or len(fraction) > LONGEST_FRACTION:
        return decimal
    return f"{fraction} = {decimal}"


def _ratio(value: Fraction) -> str:
    return f"{float(value):.3f}"
