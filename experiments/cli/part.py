"""``onehop part``: one machine's part of a network on several; what the leading machine runs elsewhere."""

from __future__ import annotations

import subprocess
import sys

import click

from topology.emulation import registry
from topology.errors import InputError


@click.group()
def command() -> None:
    """One machine's part of a network on several machines.

    The leading machine runs these on the others by way of ssh; by hand they are only of use to look into it.

    \b
    Examples:
      ssh lab@192.0.2.12 sudo onehop part up - < part.json
      onehop part exec --pid 4711 --site beijing ping -c 3 10.0.1.2
    """


@command.command()
@click.argument("file", default="-")
@click.option("--datapath", type=click.Choice(["auto", "kernel", "userspace"]), default="auto")
@click.option("--pipe", type=click.Choice(["auto", "netem", "userspace"]), default="auto")
@click.option("--seed", type=int, default=1)
def up(file: str, datapath: str, pipe: str, seed: int) -> int:
    """Build the part that FILE describes, and keep it until stdin ends.

    FILE is the part's JSON; - takes it from the first line of stdin, and requests from the lines after it.
    """
    from experiments.cli.labs import in_cell
    from experiments.cli.options import realisation
    from experiments.machines.requests import Requests
    from experiments.machines.serving import read_part, serve
    from topology.emulation.parts.reach import OutsideNetwork

    options = realisation(datapath, pipe, seed, None)
    requests = Requests(sys.stdin.fileno(), led=file == "-")
    if file == "-":
        part = read_part(requests.first_line(), "stdin")
    else:
        try:
            with open(file, encoding="utf-8") as opened:
                part = read_part(opened.read(), file)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=file) from None
    outside = OutsideNetwork()

    def work(record: registry.LabRecord) -> int:
        serve(
            part,
            options,
            outside,
            requests,
            pid=record.pid,
            built=lambda hosts: registry.update(record, hosts=hosts, state="up"),
        )
        return 0

    return in_cell("part", f"{part.layout.scenario} ({part.machine.name})", work)


@command.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--pid", type=int, required=True, help="Which part (onehop status).")
@click.option("--site", default="", help="On the host of this site; else beside the switches.")
@click.option("--worker", metavar="MODULE", help="Run this worker of a measurement.")
@click.option("--stdin", "keep_stdin", is_flag=True, help="Give the command our stdin.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def execute(pid: int, site: str, worker: str | None, keep_stdin: bool, words: tuple[str, ...]) -> int:
    """Run a command in a part until it ends or stdin does."""
    from experiments.machines.tether import inside, run_tethered, run_worker

    found = [record for record in registry.running() if record.pid == pid]
    if not found:
        raise InputError(f"no part runs as process {pid}", hint="see onehop status")
    (record,) = found
    if site and site not in record.hosts:
        raise InputError(f"{site!r} is not a site of this part", hint=", ".join(sorted(record.hosts)))
    if worker is not None:
        return run_worker(record, worker)
    if not words:
        raise InputError("no command given", where="part exec")
    if keep_stdin:
        return subprocess.run(inside(record, words, site), check=False).returncode
    return run_tethered(inside(record, words, site))
