"""The manifest of a run: filled in before the first measurement, closed after the last."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from controller.flowtables import digest_of_tables, flow_tables
from controller.plan import RoutingPlan
from experiments.lab import LabOptions
from experiments.results import Backend, Host, Manifest, ResultFolder, ScenarioReference, Variant
from experiments.results.manifest import Status
from experiments.results.model import utc_now
from experiments.run import Depth
from topology.emulation.doctor import choose_datapath, kernel_has, version_of
from topology.emulation.layout import Layout
from topology.network import Network

_PACKAGES = ("mininet", "os-ken", "scapy", "networkx")
_PROGRAMS = {"ovs": "ovs-vswitchd", "iperf3": "iperf3", "iproute2": "ip"}


def begin(
    experiment: str,
    networks: Mapping[Variant, Network],
    options: LabOptions,
    depth: Depth,
    destinations: tuple[str, ...],
) -> Manifest:
    """The manifest of a run that begins now."""
    return Manifest(
        experiment=experiment,
        created=utc_now(),
        onehop=version("onehop"),
        seed=options.seed,
        scenarios={variant: _reference(network) for variant, network in networks.items()},
        rate_scale=networks["base"].rate_scale,
        backend=_backend(options),
        host=host_of(_versions()),
        options={**asdict(options), **asdict(depth), "destinations": list(destinations)},
    )


def host_of(versions: dict[str, str]) -> Host:
    """This machine; ``versions`` by program."""
    return Host(
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        versions=versions,
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
    netem = options.pipe == "netem" or (
        options.pipe == "auto" and kernel_has("sch_netem", "CONFIG_NET_SCH_NETEM")
    )
    kernel = choose_datapath(options.datapath) == "system"
    return Backend(datapath="kernel" if kernel else "userspace", pipe="netem" if netem else "userspace")


def _versions() -> dict[str, str]:
    found = {name: version_of(program) for name, program in _PROGRAMS.items()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {name: number for name, number in found.items() if number}


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware", "cpu model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
