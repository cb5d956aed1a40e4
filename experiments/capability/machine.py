"""Which machine this is, as far as it changes what links can do."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from experiments.results.calibration import Machine
from experiments.results.manifest import Host
from topology.emulation import links
from topology.emulation.doctor import kernel_has, version_of
from topology.emulation.links.choosecore import core_named


def host_of(versions: dict[str, str]) -> Host:
    """This machine; ``versions`` by program."""
    return Host(
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        versions=versions,
    )


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The version of each of these Python packages that is installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine_now(pipe: str, datapath: str) -> Machine:
    """This machine, with links by ``pipe`` and switches by ``datapath``, as a lab names them. No root."""
    host = host_of({})
    return Machine(
        kernel=host.kernel,
        cpu_model=host.cpu_model,
        cpu_count=host.cpu_count,
        pipe=realised_by(pipe),
        datapath=switched_by(datapath),
        links=links_digest(),
        onehop=version("onehop"),
        python=host.python,
        iproute2=version_of("tc"),
        ovs=version_of("ovs-vswitchd"),
    )


def realised_by(pipe: str) -> Literal["netem", "userspace"]:
    """What a lab takes for this preference, as ``onehop doctor`` says it."""
    has_netem = pipe == "auto" and kernel_has("sch_netem", "CONFIG_NET_SCH_NETEM")
    return "netem" if pipe == "netem" or has_netem else "userspace"


def switched_by(datapath: str) -> Literal["kernel", "userspace"]:
    """What Open vSwitch forwards with, for this preference."""
    has_kernel = datapath == "auto" and kernel_has("openvswitch", "CONFIG_OPENVSWITCH")
    return "kernel" if datapath == "kernel" or has_kernel else "userspace"


@cache
def links_digest() -> str:
    """Of every file that realises links, and of which core does: another program may be faster or slower."""
    digest = hashlib.sha256(core_named().encode())
    folder = Path(links.__file__).parent
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".py", ".c", ".so"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware", "cpu model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
