"""``onehop up``: a network that stays up, with a prompt."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from controller.launcher import DEFAULT_HTTP, address
from controller.northbound.settings import listening, token_from
from experiments.cli import fitness
from experiments.cli.console import err, out, steps
from experiments.cli.labs import in_cell
from experiments.cli.options import lab_options, realisation
from experiments.cli.prompt import Prompt
from experiments.cli.readings import print_readings
from experiments.cli.spread import spread
from experiments.lab import Lab
from experiments.machines.lab import PlacedLab
from experiments.run import scaled
from topology.emulation import registry
from topology.emulation.cell import RUNTIME
from topology.errors import EmulationError
from topology.scenario import load


@click.command()
@click.argument("scenario", default="qingyang-direct")
@lab_options
@click.option("--check/--no-check", default=True, help="Measure every link before the prompt.")
@click.option("--detach", is_flag=True, help="Leave it running in the background (exec, status, down).")
@click.option(
    "--machines",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Spread the network over these machines (docs/machines.md).",
)
@click.option("--http", metavar="HOST:PORT", help="Serve the controller's HTTP interface there.")
@click.option(
    "--http-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its token; made if it does not exist. Default: onehop-token in this folder.",
)
def command(
    scenario: str,
    datapath: str,
    pipe: str,
    seed: int,
    rate_scale: float | None,
    check: bool,
    detach: bool,
    machines: Path | None,
    http: str | None,
    http_token_file: Path | None,
) -> int:
    """Bring a network up and leave it running, with a prompt to use its hosts by site name.

    SCENARIO is a shipped name, a file, or topohub:NAME; qingyang-direct if not given.

    \b
    Examples:
      onehop up tiny
      onehop up topohub:topozoo/Cernet --no-check
      onehop up qingyang-direct --detach; onehop exec qingyang bash; onehop down
      onehop up tiny-deterministic --http 127.0.0.1:8653
      onehop up qingyang-direct --machines machines.yaml
    """
    network = scaled(load(scenario), rate_scale)  # mistakes are told before anything is created
    options = realisation(datapath, pipe, seed, rate_scale)
    fitness.note_on_full_links(fitness.warn([network], options))
    placed = None if machines is None else spread(machines, {scenario: network})[scenario]
    interface = None if http is None else _listening(http, http_token_file)
    log = _go_to_background() if detach else None

    def use(record: registry.LabRecord) -> int:
        with ExitStack() as stack:
            with steps() as progress:
                tell = partial(_broken, record)
                if placed is None:
                    lab = Lab(network, options, progress.say, http=interface, tell=tell)
                else:
                    lab = PlacedLab(network, placed, options, progress.say, http=interface, tell=tell)
                progress.expect(2 + 0.05 * len(lab.layout.sites))
                stack.enter_context(lab)
            return _use(lab, record, check=check, prompt=not detach)

    code = in_cell("up", scenario, use)
    if log is not None and code in (0, 128 + signal.SIGTERM):  # taken down; else it says why not
        log.unlink(missing_ok=True)
    return code


def _listening(http: str, token_file: Path | None) -> tuple[int, Path]:
    """A socket of this network namespace, which the controller inherits, and the file of the token."""
    host, port = address(http, "--http", DEFAULT_HTTP)
    listener = listening(host, port, anywhere=False)
    file = (token_file or Path("onehop-token")).absolute()
    told = token_from(file)[1]
    host, port = listener.getsockname()[:2]
    err.print(f"HTTP interface: http://{host}:{port}, {told or f'token in {file}'}", markup=False)
    return listener.detach(), file


def _use(lab: Lab, record: registry.LabRecord, *, check: bool, prompt: bool) -> int:
    registry.update(record, hosts=lab.hosts(), state="up")
    backend = lab.backend
    size = f"{len(lab.layout.sites)} sites, {len(lab.layout.links)} links"
    out.print(
        f"{lab.network.title.en}: {size} up in {lab.bring_up_s:.1f} s "
        f"({backend['datapath']} Open vSwitch, {backend['pipe']} delay, rates 1:{lab.network.rate_scale:g})",
        markup=False,
    )
    if check:
        print_readings(lab.read_back())
    if prompt:
        Prompt(lab).cmdloop()
    else:
        out.print(f"running as process {record.pid}")
        signal.pause()
    return 0


def _broken(record: registry.LabRecord, fault: EmulationError) -> None:
    """A part of a network that people look at has died: they are told, and decide."""
    err.print(f"\nerror: {fault}\nThe network is no longer what it was; take it down.", markup=False)
    registry.update(record, broken=fault.problems[0].what)


def _go_to_background() -> Path:
    """The usual double step of a daemon; returns the log that its words go to from now on."""
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    for log in RUNTIME.glob("up-*.log"):  # of networks that have failed or were killed
        if not Path("/proc", log.stem.removeprefix("up-")).exists():
            log.unlink(missing_ok=True)
    child = os.fork()
    log = RUNTIME / f"up-{child or os.getpid()}.log"
    if child:
        err.print(f"bringing it up in the background; words go to {log}; see onehop status")
        os._exit(0)
    os.setsid()
    sys.stdout.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    return log
