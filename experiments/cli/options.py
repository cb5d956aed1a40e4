"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from experiments.lab import LabOptions
from topology.errors import InputError

LARGEST_SEED = 2**32 - 1

datapath_option = click.option(
    "--datapath",
    type=click.Choice(["auto", "kernel", "userspace"]),
    default="auto",
    show_default=True,
    help="Which Open vSwitch datapath forwards.",
)
pipe_option = click.option(
    "--pipe",
    type=click.Choice(["auto", "netem", "userspace"]),
    default="auto",
    show_default=True,
    help="What delays packets on a link: the kernel's netem or our delay line.",
)
seed_option = click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of every random choice."
)


def lab_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How to realise a network: ``--datapath``, ``--pipe``, ``--seed``, ``--rate-scale``."""
    decorators = [
        datapath_option,
        pipe_option,
        seed_option,
        click.option(
            "--rate-scale", type=float, help="Emulate rates 1:N instead of the scenario's own scale."
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def realisation(datapath: str, pipe: str, seed: int, rate_scale: float | None) -> LabOptions:
    """The options as one value. Raises ``InputError`` for values no lab can have."""
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"--seed must be 0 to {LARGEST_SEED}, not {seed}")
    if rate_scale is not None and not 1 <= rate_scale <= 1e9:
        raise InputError(f"--rate-scale must be 1 to 1e9, not {rate_scale:g}")
    return LabOptions(datapath=datapath, pipe=pipe, seed=seed)
