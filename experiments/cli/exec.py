"""``onehop exec``: a command on a host of a running network, from any terminal."""

from __future__ import annotations

import os

import click

from experiments.cli.labs import choose_lab
from topology.emulation.doctor import find_program
from topology.errors import InputError, MachineError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--pid", type=int, help="Which network, if several are running (onehop status).")
@click.argument("site")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def command(pid: int | None, site: str, words: tuple[str, ...]) -> int:
    """Run a command on the host of SITE in a running network.

    \b
    Examples:
      onehop exec qingyang ping -c 3 10.0.4.2
      onehop exec beijing bash
    """
    lab = choose_lab(pid)
    if not lab.hosts:
        raise InputError(f"{lab.scenario} is still starting", hint="see onehop status; try again in a moment")
    if site not in lab.hosts:
        raise InputError(
            f"{site!r} is not a site of {lab.scenario}", hint="its sites: " + ", ".join(sorted(lab.hosts))
        )
    if os.geteuid() != 0:
        raise MachineError("entering a namespace needs root", hint="sudo onehop exec ...")
    nsenter = find_program("nsenter")
    if nsenter is None:
        raise MachineError("nsenter is missing", hint="apt-get install util-linux")
    enter = [nsenter, f"--target={lab.init_pid}", "--mount", "--pid", "--net", "--"]
    os.execv(nsenter, [*enter, "mnexec", "-a", str(lab.hosts[site]), *words])
