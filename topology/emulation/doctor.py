"""What this machine can do, what it lacks, and the exact command that brings it. Needs no root.

Each check looks; none changes anything. The lab asks the same functions when it chooses how to realise a
network, so that what ``onehop doctor`` promises is what a run does.
"""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from topology.emulation.links import compiledcore
from topology.emulation.room import LARGEST_TRIED, free_memory_mib, sites_that_fit
from topology.errors import InputError, MachineError

# Program -> Debian package; the same list as in scripts/setup.sh.
PROGRAMS = {
    "ovs-vswitchd": "openvswitch-switch",
    "ovsdb-server": "openvswitch-switch",
    "ovs-vsctl": "openvswitch-common",
    "ovs-ofctl": "openvswitch-common",
    "mnexec": "mininet",
    "iperf3": "iperf3",
    "ip": "iproute2",
    "tc": "iproute2",
    "ping": "iputils-ping",
    "ethtool": "ethtool",
}
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis. ``required`` findings that are not ``ok`` stop an emulation."""

    name: str
    ok: bool
    detail: str
    required: bool = True
    cure: str = ""


def examine() -> list[Finding]:
    """Everything worth knowing about this machine, in the order a reader wants it."""
    return [
        _python(),
        _system(),
        _root(),
        _namespaces(),
        *_programs(),
        _datapath(),
        _pipe(),
        _size(),
    ]


def find_program(name: str) -> str | None:
    """Path of a program, looking in the system's ``sbin`` folders too (users' PATH often lacks them)."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")


def require_emulation() -> None:
    """Raise ``MachineError`` naming everything that keeps this machine from emulating, with the cures."""
    lacking = [finding for finding in examine() if finding.required and not finding.ok]
    if lacking:
        raise MachineError(
            "this machine cannot emulate a network: "
            + "; ".join(f"{finding.name}: {finding.detail}" for finding in lacking),
            hint=" && ".join(dict.fromkeys(finding.cure for finding in lacking if finding.cure))
            or "onehop plan and onehop scenario work here; for the rest use Vagrant (README)",
        )


def choose_datapath(preference: str) -> str:
    """The OVS datapath type for a run: ``system`` or ``netdev``.

    Args:
        preference: ``auto``, ``kernel`` or ``userspace``.

    Raises:
        MachineError: the kernel datapath is asked for and this machine has none.
        InputError: an unknown word.
    """
    if preference == "userspace":
        return "netdev"
    if preference not in ("auto", "kernel"):
        raise InputError(f"unknown datapath {preference!r}", hint="auto, kernel or userspace")
    if load_module("openvswitch"):
        return "system"
    if preference == "kernel":
        raise MachineError(
            "this kernel has no Open vSwitch datapath (module openvswitch)",
            hint="use --datapath userspace, or a stock Debian or Ubuntu kernel",
        )
    return "netdev"


def load_module(name: str) -> bool:
    """Load a kernel module if need be; whether it is there afterwards."""
    if _module_loaded(name):
        return True
    modprobe = find_program("modprobe")
    if modprobe is not None and os.geteuid() == 0:
        subprocess.run([modprobe, "-q", name], check=False, capture_output=True)
    return _module_loaded(name)


@cache
def version_of(program: str) -> str:
    """The version a program reports of itself, or an empty string. Each is asked once."""
    path = find_program(program)
    if path is None:
        return ""
    option = {"ip": "-V", "tc": "-V", "ping": "-V"}.get(program, "--version")
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return found.group() if found else ""


def _python() -> Finding:
    version = platform.python_version()
    return Finding(
        "Python", sys.version_info >= (3, 11), version, cure="apt-get install python3 python3-venv"
    )


def _system() -> Finding:
    linux = sys.platform == "linux"
    name = f"{platform.system()} {platform.release()}"
    return Finding("Linux", linux, name, cure="" if linux else "vagrant up (see the README)")


def _root() -> Finding:
    ok = os.geteuid() == 0
    return Finding(
        "root",
        ok,
        "yes" if ok else "no: needed for network namespaces",
        cure="" if ok else "sudo ./onehop run",
    )


def _namespaces() -> Finding:
    kinds = ("net", "pid", "mnt")
    missing = [kind for kind in kinds if not Path(f"/proc/self/ns/{kind}").exists()]
    detail = f"missing: {', '.join(missing)}" if missing else "network, PID and mount namespaces"
    if not missing and os.geteuid() == 0 and not _may_administer():
        return Finding("namespaces", False, "root without CAP_SYS_ADMIN", cure="run the container privileged")
    return Finding("namespaces", not missing, detail)


def _may_administer() -> bool:
    """Whether CAP_SYS_ADMIN (bit 21, capability.h) is effective."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return True
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    return found is None or bool(int(found.group(1), 16) & (1 << 21))


def _programs() -> list[Finding]:
    findings = []
    for program, package in PROGRAMS.items():
        path = find_program(program)
        detail = version_of(program) or "present" if path else "missing"
        cure = "" if path else f"apt-get install --no-install-recommends {package}"
        findings.append(Finding(program, path is not None, detail, cure=cure))
    return findings


def _datapath() -> Finding:
    kernel = kernel_has("openvswitch", "CONFIG_OPENVSWITCH")
    detail = "kernel (module openvswitch)" if kernel else "userspace (netdev): no openvswitch kernel module"
    return Finding("OVS datapath", kernel, detail, required=False)


def _pipe() -> Finding:
    netem = kernel_has("sch_netem", "CONFIG_NET_SCH_NETEM")
    if netem:
        return Finding("link delay", True, "netem (module sch_netem)", required=False)
    lacking = compiledcore.missing()
    core = f"in Python (its compiled core {lacking})" if lacking else "compiled"
    detail = f"own delay line, {core}: this kernel has no netem"
    return Finding("link delay", False, detail, required=False, cure=compiledcore.CURE if lacking else "")


def _size() -> Finding:
    cores = os.cpu_count() or 1
    memory_gib = _memory_gib()
    in_userspace = not kernel_has("openvswitch", "CONFIG_OPENVSWITCH")
    fits = sites_that_fit(free_memory_mib(), LARGEST_TRIED, in_userspace=in_userspace)
    sites = f"{fits} sites or more" if fits == LARGEST_TRIED else f"about {fits} sites"
    detail = f"{cores} CPUs, {memory_gib:.1f} GiB memory, free for {sites}"
    enough = cores >= 2 and memory_gib >= 1.5
    return Finding(
        "size", enough, detail if enough else f"{detail}: 2 CPUs and 2 GiB are wanted", required=False
    )


def _memory_gib() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return 0.0


def _module_loaded(name: str) -> bool:
    return Path(f"/sys/module/{name}").exists()


@cache
def kernel_has(module: str, option: str) -> bool:
    """Whether the running kernel has a feature: loaded, loadable, or built in. Changes nothing."""
    if _module_loaded(module):
        return True
    readers: list[Callable[[], str]] = [
        lambda: (Path("/lib/modules") / platform.release() / "modules.dep").read_text(),
        lambda: (Path("/lib/modules") / platform.release() / "modules.builtin").read_text(),
        lambda: f"/{module}.ko" if f"{option}=y" in _kernel_config() else "",
    ]
    for read in readers:
        try:
            if re.search(rf"/{module}\.ko", read().replace("-", "_")):
                return True
        except OSError:
            continue
    return False


def _kernel_config() -> str:
    packed = Path("/proc/config.gz")
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    return Path(f"/boot/config-{platform.release()}").read_text()
