"""``onehop doctor``: what this machine can do, what it lacks, the exact command that brings it."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from experiments.cli.console import out
from topology.emulation.doctor import examine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON, for scripts.")
def command(as_json: bool) -> int:
    """Say what this machine can do and what it lacks. Needs no root and changes nothing.

    Exit code 0: networks can be emulated here. 3: not yet; the cures are printed.

    \b
    Example:
      onehop doctor
    """
    findings = examine()
    lacking = [finding for finding in findings if finding.required and not finding.ok]
    if as_json:
        print(json.dumps({"can_emulate": not lacking, "findings": [asdict(f) for f in findings]}, indent=1))
        return 3 if lacking else 0
    for finding in findings:
        mark = "[green]ok  [/]" if finding.ok else ("[red]no  [/]" if finding.required else "[cyan]note[/]")
        out.print(f"{mark} {finding.name:<16}", end="")
        out.print(finding.detail, markup=False)
    out.print()
    if not lacking:
        out.print("This machine can emulate networks:  onehop run --quick")
        return 0
    out.print("This machine cannot emulate networks yet. To get there:")
    for cure in dict.fromkeys(finding.cure for finding in lacking if finding.cure):
        out.print(f"  {cure}", markup=False)
    out.print("The model works already:  onehop plan qingyang-direct")
    return 3
