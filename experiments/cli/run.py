"""``onehop run``: an experiment from nothing to a report."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path

import click
from pydantic import BaseModel

from experiments import catalog
from experiments.cli import fitness, want_of
from experiments.cli.console import Steps, err, out, steps
from experiments.cli.labs import in_cell
from experiments.cli.options import lab_options, realisation
from experiments.cli.spread import spread
from experiments.machines.spreading import Spread
from experiments.manifests import begin, finish
from experiments.report import print_summary, write_report
from experiments.results import RESULTS_DIRECTORY, Conclusion, ResultFolder, Variant
from experiments.run import FULL, QUICK, Depth, Run, choose_destinations, load_network, load_networks
from topology.emulation import registry
from topology.errors import InputError
from topology.files import write_whole
from topology.network import Network

PROPOSAL = "qingyang-direct"


@click.command()
@click.argument("experiment", default="one-hop")
@click.option("--list", "only_list", is_flag=True, help="Name the experiments and what they ask.")
@click.option("--base", help="The network as it is.  [default: what the proposal is an overlay of]")
@click.option("--proposal", help=f"The network as proposed.  [default: {PROPOSAL}]")
@click.option("--scenario", help="The network, for experiments on one.  [default: the experiment's own]")
@click.option("--sites", help="Measure only to these sites, comma-separated.")
@click.option("--quick", is_flag=True, help="Fewer samples, throughput to three sites: under a minute.")
@click.option("--samples", type=int, help="STAMP probes per pair and state.  [default: 1000, quick 100]")
@click.option("--packets", type=int, help="Packets of admitted flows.  [default: 110000, quick 12000]")
@click.option("--repetitions", type=int, help="How often each fault is tried.  [default: 50, quick 1]")
@click.option(
    "--watch", "watch_s", type=float, help="Seconds to look for false alarms.  [default: 600, quick 5]"
)
@click.option(
    "--utilisation",
    type=float,
    help="Background load on the measured paths, 0 to 0.95; 0: none.  [default: 0.16, the national mean]",
)
@click.option(
    "--machines",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Spread the networks over these machines (docs/machines.md).",
)
@lab_options
@click.option("--output", type=click.Path(path_type=Path), help="The result folder.  [default: results/...]")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json instead of the table.")
@click.option("--language", type=click.Choice(["en", "zh"]), default="en", show_default=True)
def command(
    experiment: str,
    only_list: bool,
    base: str | None,
    proposal: str | None,
    scenario: str | None,
    sites: str | None,
    quick: bool,
    samples: int | None,
    packets: int | None,
    repetitions: int | None,
    watch_s: float | None,
    utilisation: float | None,
    machines: Path | None,
    datapath: str,
    pipe: str,
    seed: int,
    rate_scale: float | None,
    output: Path | None,
    as_json: bool,
    language: str,
) -> int:
    """Run an experiment: build its networks, measure them on real packets, write the report.

    EXPERIMENT is a name (--list) or a Python file of your own; one-hop if not given. Exit code 0: measured,
    and a verdict given. 5: measured, but no verdict (the report says why). 2: bad input. 3: not on this
    machine. 4: the network could not be built.

    \b
    Examples:
      onehop run --quick
      onehop run one-hop --sites beijing,shanghai --samples 5000
      onehop run --proposal qingyang-xian --utilisation 0.6
      onehop run --proposal my-overlay.yaml --json > result.json
      onehop run determinism --quick
      onehop run determinism --scenario tiny-deterministic --packets 20000
      onehop run failover --repetitions 10 --watch 60
      onehop run --quick --machines machines.yaml
    """
    if only_list:
        return _list()
    chosen = catalog.find(experiment)
    depth = _depth(quick, samples, utilisation, packets)
    depth = _faults(depth, repetitions, watch_s)
    options = realisation(datapath, pipe, seed, rate_scale)
    destinations: tuple[str, ...] = ()
    if chosen.scenario:
        _refuse(chosen, "compares no networks", base=base, proposal=proposal, sites=sites)
        networks = load_network(scenario or chosen.scenario, rate_scale)
    else:
        _refuse(chosen, "compares a base and a proposal", scenario=scenario)
        networks = load_networks(base, proposal or PROPOSAL, rate_scale)
        destinations = choose_destinations(networks, _split(sites))
    chosen.check(networks)
    fitness.warn(networks.values(), options, destinations)
    spreads = _spreads(chosen, machines, networks)

    def work(record: registry.LabRecord) -> int:
        with steps() as progress:
            return _measure(record, progress)

    def _measure(record: registry.LabRecord, progress: Steps) -> int:
        manifest = begin(chosen.name, networks, options, depth, destinations, spreads)
        folder = ResultFolder.create(manifest, parent=RESULTS_DIRECTORY, path=output)
        registry.update(record, state="measuring", results=str(folder.path.absolute()))
        run = Run(networks, destinations, depth, options, folder, progress.say, progress.expect, spreads)
        try:
            outcome = chosen().run(run)
        except BaseException as error:
            err.print(f"what was measured so far is kept in {folder.path}", markup=False)
            with contextlib.suppress(OSError):  # on a full disk the manifest stays as it is
                finish(
                    folder, "interrupted" if isinstance(error, KeyboardInterrupt | SystemExit) else "refused"
                )
            if catalog.is_users_own(chosen) and isinstance(error, Exception) and not want_of(error):
                raise catalog.failure_of(chosen, error, folder.path) from error
            raise
        return _conclude(folder, outcome, progress, as_json=as_json, language=language)

    try:
        return in_cell("run", " / ".join(network.id for network in networks.values()), work)
    finally:
        _give_back(output or RESULTS_DIRECTORY)


def _spreads(
    chosen: type[catalog.Experiment], machines: Path | None, networks: dict[Variant, Network]
) -> dict[Variant, Spread]:
    """Where the sites of each network shall lie."""
    if machines is None:
        return {}
    if not chosen.spreads:
        raise InputError(
            f"the experiment {chosen.name} runs on one machine only",
            where="--machines",
            hint="one-hop can lie on several, and onehop up",
        )
    return spread(machines, networks)


def _conclude(
    folder: ResultFolder, outcome: catalog.Outcome, progress: Steps, *, as_json: bool, language: str
) -> int:
    if not isinstance(outcome, Conclusion):
        values = outcome.model_dump(mode="json") if isinstance(outcome, BaseModel) else dict(outcome)
        text = json.dumps(values, ensure_ascii=False, indent=1)
        write_whole(folder.path / "summary.json", text + "\n", durable=True)
        finish(folder, "complete")
        print(text)
        return 0
    progress.say("writing the report")
    folder.write_summary(outcome)
    finish(folder, "complete" if outcome.verdict.ok else "refused")
    report = write_report(folder)
    if as_json:
        sys.stdout.write(outcome.to_json())
    else:
        print_summary(outcome, console=out, language=language)
    err.print(f"report: {report}", markup=False)
    return 0 if outcome.verdict.ok else 5


def _list() -> int:
    for name, experiment in catalog.shipped().items():
        out.print(f"[bold]{name}[/]")
        for label, text in (
            ("asks", experiment.asks),
            ("needs", experiment.needs),
            ("concludes", experiment.concludes),
        ):
            out.print(f"  {label + ':':<11}{text}", markup=False)
    out.print("\nYour own: onehop run FILE.py (docs/experiments.md)")
    return 0


def _refuse(chosen: type[catalog.Experiment], why: str, **given: str | None) -> None:
    """Options that mean nothing to an experiment are mistakes, not wishes to pass over."""
    for name, value in given.items():
        if value is not None:
            hint = "its network is named by --scenario" if chosen.scenario else "see --base and --proposal"
            raise InputError(f"the experiment {chosen.name} {why}", where=f"--{name}", hint=hint)


def _depth(quick: bool, samples: int | None, utilisation: float | None, packets: int | None) -> Depth:
    depth = QUICK if quick else FULL
    if packets is not None:
        if not 100 <= packets <= 10_000_000:
            raise InputError(f"--packets must be 100 to 10,000,000, not {packets}")
        depth = dataclasses.replace(depth, packets=packets)
    if samples is not None:
        if not 2 <= samples <= 1_000_000:
            raise InputError(f"--samples must be 2 to 1,000,000, not {samples}")
        depth = dataclasses.replace(depth, samples=samples)
    if utilisation is not None:
        if not 0 <= utilisation <= 0.95:
            raise InputError(f"--utilisation is a share of the link's rate, 0 to 0.95, not {utilisation:g}")
        depth = dataclasses.replace(depth, utilisation=utilisation)
    return depth


def _faults(depth: Depth, repetitions: int | None, watch_s: float | None) -> Depth:
    if repetitions is not None:
        if not 1 <= repetitions <= 1000:
            raise InputError(f"--repetitions must be 1 to 1000, not {repetitions}")
        depth = dataclasses.replace(depth, repetitions=repetitions)
    if watch_s is not None:
        if not 0 <= watch_s <= 86_400:
            raise InputError(f"--watch must be 0 to 86400 seconds, not {watch_s:g}")
        depth = dataclasses.replace(depth, watch_s=watch_s)
    return depth


def _split(sites: str | None) -> tuple[str, ...]:
    return tuple(site.strip() for site in (sites or "").split(",") if site.strip())


def _give_back(path: Path) -> None:
    """Started through sudo, the results still belong to the person who typed it."""
    owner, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or not owner or not group or not path.exists():
        return
    for entry in [path, *path.rglob("*")]:
        os.chown(entry, int(owner), int(group), follow_symlinks=False)
