"""The manifest of a run: filled in before the first measurement, closed after the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from controller.flowtables import digest_of_tables, flow_tables
from controller.plan import RoutingPlan
from experiments.capability.machine import host_of, realised_by, versions_of
from experiments.capability.store import kept
from experiments.lab import LabOptions
from experiments.machines.spreading import Spread
from experiments.results import Backend, Manifest, ResultFolder, ScenarioReference, Variant
from experiments.results.manifest import Status
from experiments.results.model import utc_now
from experiments.run import Depth
from topology.emulation.doctor import choose_datapath, version_of
from topology.emulation.layout import Layout
from topology.emulation.links.choosecore import core_named
from topology.network import Network

ALL_HERE: Mapping[Variant, Spread] = MappingProxyType({})
_PACKAGES = ("mininet", "os-ken", "scapy", "networkx")
_PROGRAMS = {"ovs": "ovs-vswitchd", "iperf3": "iperf3", "iproute2": "ip"}


def begin(
    experiment: str,
    networks: Mapping[Variant, Network],
    options: LabOptions,
    depth: Depth,
    destinations: tuple[str, ...],
    spreads: Mapping[Variant, Spread] = ALL_HERE,
) -> Manifest:
    """The manifest of a run that begins now; ``spreads`` says of each network on which machines it lies."""
    machines = {"machines": {variant: spread.to_dict() for variant, spread in spreads.items()}}
    return Manifest(
        experiment=experiment,
        created=utc_now(),
        onehop=version("onehop"),
        seed=options.seed,
        scenarios={variant: _reference(network) for variant, network in networks.items()},
        rate_scale=networks["base"].rate_scale,
        backend=_backend(options),
        host=host_of(_versions()),
        calibration=kept(options.pipe, options.datapath).calibration,
        options={
            **asdict(options),
            **asdict(depth),
            "destinations": list(destinations),
            **(machines if spreads else {}),
        },
    )


def finish(folder: ResultFolder, status: Status, **changes: Any) -> None:
    """Close the manifest."""
    folder.update_manifest(status=status, finished=utc_now(), **changes)


def _reference(network: Network) -> ScenarioReference:
    plan = RoutingPlan.of(network)
    tables = flow_tables(plan, network, Layout.of(network))
    return ScenarioReference(
        id=network.id,
        title=network.title,
        digest=network.digest(),
        plan_digest=plan.digest(),
        flow_tables_digest=digest_of_tables(tables),
    )


def _backend(options: LabOptions) -> Backend:
    kernel = choose_datapath(options.datapath) == "system"
    pipe = realised_by(options.pipe)
    core = core_named() if pipe == "userspace" else ""
    return Backend(datapath="kernel" if kernel else "userspace", pipe=pipe, core=core)


def _versions() -> dict[str, str]:
    programs = {name: version_of(program) for name, program in _PROGRAMS.items()}
    return {name: number for name, number in programs.items() if number} | versions_of(_PACKAGES)
