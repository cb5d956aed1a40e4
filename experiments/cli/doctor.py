"""``onehop doctor``: what this machine can do, what it lacks, the exact command that brings it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from experiments.cli import fitness
from experiments.cli.console import out
from topology.emulation.doctor import examine
from topology.scenario import load


@click.command()
@click.argument("scenarios", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON, for scripts.")
def command(scenarios: Sequence[str], as_json: bool) -> int:
    """Say what this machine can do and what it lacks. Needs no root and changes nothing.

    With SCENARIOS also whether they ask for more than this machine's links have (see `onehop calibrate`).
    Exit code 0: networks can be emulated here. 3: not yet; the cures are printed.

    \b
    Examples:
      onehop doctor
      onehop doctor qingyang-direct tiny
    """
    fits = fitness.finding([load(scenario) for scenario in scenarios])
    findings = examine()
    lacking = [finding for finding in findings if finding.required and not finding.ok]
    if as_json:
        told = {
            "can_emulate": not lacking,
            "findings": [asdict(f) for f in findings],
            "calibration": fits,
        }
        print(json.dumps(told, indent=1))
        return 3 if lacking else 0
    for finding in findings:
        mark = "[green]ok  [/]" if finding.ok else ("[red]no  [/]" if finding.required else "[cyan]note[/]")
        out.print(f"{mark} {finding.name:<16}", end="")
        out.print(finding.detail, markup=False)
    _print_fitness(fits)
    out.print()
    if not lacking:
        out.print("This machine can emulate networks:  onehop run --quick")
        return 0
    out.print("This machine cannot emulate networks yet. To get there:")
    for cure in dict.fromkeys(finding.cure for finding in lacking if finding.cure):
        out.print(f"  {cure}", markup=False)
    out.print("The model works already:  onehop plan qingyang-direct")
    return 3


def _print_fitness(fits: dict[str, Any]) -> None:
    out.print(f"{'[green]ok  [/]' if fits['calibrated'] else '[cyan]note[/]'} {'calibration':<16}", end="")
    out.print(fits["detail"], markup=False)
    for each in fits["scenarios"]:
        out.print("[green]ok  [/]" if each["fits"] else "[cyan]note[/]", end=" ")
        told = each["warnings"] or [f"{each['scenario']} fits this machine"]
        out.print("; ".join(line.removeprefix("warning: ") for line in told), markup=False)
        if each["rate_scale"]:
            out.print(f"     hint: --rate-scale {each['rate_scale']:.10g} fits", markup=False)
