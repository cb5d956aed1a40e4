"""``onehop bench``: the lab's own speed, as ratios within one run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click
from rich.table import Table

from experiments.cli.console import out, steps
from experiments.cli.labs import in_cell
from topology.emulation import registry

Row = dict[str, Any]
Tell = Callable[[str], None]
_FAILED = 5  # as of a run without a verdict


def _bring_up(sites: Sequence[int] = (), plain_up_to: int = 200, tell: Tell = lambda _: None) -> list[Row]:
    from experiments.benchmarks.bringup import SITES, bench_bring_up

    return bench_bring_up(sites or SITES, plain_up_to, tell)


def _links() -> list[Row]:
    from experiments.benchmarks.links import bench_links

    return bench_links()


def _fidelity() -> list[Row]:
    from experiments.benchmarks.fidelity import bench_fidelity

    return bench_fidelity()


def _flow_mods() -> list[Row]:
    from experiments.benchmarks.flowmods import bench_flow_mods

    return bench_flow_mods()


def _admissions() -> list[Row]:
    from experiments.benchmarks.admissions import bench_admissions

    return bench_admissions()


def _failures() -> list[Row]:
    from experiments.benchmarks.failures import bench_failures

    return bench_failures()


def _placement() -> list[Row]:
    from experiments.benchmarks.placement import bench_placement

    return bench_placement()


def _machines(tell: Tell = lambda _: None) -> list[Row]:
    from experiments.benchmarks.machines import bench_machines

    return bench_machines(say=tell)


BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "bring-up": _bring_up,
    "links": _links,
    "fidelity": _fidelity,
    "flow-mods": _flow_mods,
    "admissions": _admissions,
    "failures": _failures,
    "placement": _placement,
    "machines": _machines,
}
PURE = {"admissions", "failures", "placement"}  # need neither root nor a cell


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option(
    "--sites",
    multiple=True,
    metavar="N",
    type=click.IntRange(3, 4000),
    help="bring-up: build networks of N sites; may be repeated. Default: 10, 50 and 100.",
)
@click.option(
    "--plain-up-to",
    metavar="N",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="bring-up: leave plain Mininet out beyond N sites, where it takes minutes.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
def command(names: Sequence[str], sites: Sequence[int], plain_up_to: int, as_json: bool) -> int:
    """Measure the lab itself: bring-up against plain Mininet, links against bare veth, links against what
    they declare and TCP over them against theory (fidelity), flow-mods, admissions, failures, placement on
    several machines, and a national network on three of them against one (machines).

    Both sides of a ratio are measured in the same run; ratios above 1 mean the lab is better. Takes about
    fifteen minutes; admissions, failures and placement alone need no root. Exit code 5 if a row
    that is judged FAILS.

    \b
    Examples:
      onehop bench
      onehop bench bring-up --json
      onehop bench bring-up --sites 100 --sites 200 --sites 500 --plain-up-to 500
      onehop bench fidelity
      onehop bench admissions
      onehop bench failures
      onehop bench placement
      onehop bench machines
    """

    def work(_record: registry.LabRecord | None) -> int:
        rows: list[Row] = []
        with steps() as progress:
            for name in names or BENCHMARKS:
                progress.say(f"benchmark {name}")
                benchmark = BENCHMARKS[name]
                if name == "bring-up":
                    benchmark = partial(benchmark, sites, plain_up_to, progress.say)
                elif name == "machines":
                    benchmark = partial(benchmark, progress.say)
                rows += benchmark()
        machine = {"kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version()}
        code = _FAILED if any(row.get("ratio") == "FAILS" for row in rows) else 0
        if as_json:
            print(json.dumps({"machine": machine, "rows": rows}, indent=1))
            return code
        _print(rows)
        out.print(
            f"Linux {machine['kernel']}, {machine['cpus']} CPUs, Python {machine['python']}", style="dim"
        )
        return code

    if names and PURE.issuperset(names):
        return work(None)
    return in_cell("bench", "benchmarks", work)


def _print(rows: list[Row]) -> None:
    table = Table("what", "lab", "other", "unit", "ratio", "against", box=None, header_style="bold")
    for row in rows:
        table.add_row(
            *(str(row.get(key, "")) for key in ("what", "ours", "other", "unit", "ratio", "against"))
        )
    out.print(table)
    for row in rows:
        if "limit" in row:
            out.print(f"{row['what']}: limited by {row['limit']}", style="dim", markup=False)
