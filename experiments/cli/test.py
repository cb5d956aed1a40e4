"""``onehop test``: the tests, every tier this machine can run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

from experiments.cli.console import err
from topology.emulation.cell import run_in_cell
from topology.emulation.doctor import examine, load_module
from topology.errors import MachineError

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = "switch or emulated"
ALL_AT_ONCE = ["--numprocesses", "auto", "--dist", "loadfile"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(pytest_arguments: tuple[str, ...]) -> int:
    """Run style checks, type checks and every test this machine can run; arguments go to pytest.

    Without root or Open vSwitch the tiers that need them are skipped, with the reason.

    \b
    Examples:
      onehop test
      onehop test tests/topology -k overlay
    """
    if not (ROOT / "tests").is_dir():
        raise MachineError("the tests come with the source, not with the installed package")
    os.chdir(ROOT)
    failed = [] if pytest_arguments else [name for name, argv in _checks() if subprocess.call(argv) != 0]
    code = _pytest(list(pytest_arguments))
    for name in failed:
        err.print(f"[red]failed:[/] {name}")
    return code or (1 if failed else 0)


def _checks() -> list[tuple[str, list[str]]]:
    tool = [sys.executable, "-m"]
    return [
        ("ruff check", [*tool, "ruff", "check", "--quiet", "."]),
        ("ruff format", [*tool, "ruff", "format", "--check", "--quiet", "."]),
        ("mypy", [*tool, "mypy", "--no-error-summary"]),
        ("import layers", [str(Path(sys.executable).with_name("lint-imports"))]),
    ]


def _pytest(arguments: list[str]) -> int:
    import pytest

    lacking = [finding.name for finding in examine() if finding.required and not finding.ok]
    if lacking:
        err.print(f"tests that build networks are skipped: this machine lacks {', '.join(lacking)}")
        return int(pytest.main(arguments or ALL_AT_ONCE))
    for module in ("openvswitch", "sch_netem"):
        load_module(module)
    if arguments:
        return run_in_cell(lambda: int(pytest.main(arguments)))
    # Tests that measure have the machine to themselves; then the others share it.
    failed = run_in_cell(lambda: int(pytest.main(["-m", NETWORKS])))
    # In another process, for pytest is not made to be called twice; in a cell, whose namespaces some need.
    others = [sys.executable, "-m", "pytest", "-m", f"not ({NETWORKS})", *ALL_AT_ONCE]
    return run_in_cell(lambda: subprocess.call(others)) or failed
