"""Whether this machine has room for a network of so many sites: asked before the first process is started.

The figures are those of ``onehop bench bring-up`` (docs/fidelity.md), a little above what was measured there.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from topology.errors import MachineError

BASE_MIB = 100.0  # the lab itself, its controller and the delay line
PER_SITE_MIB = 1.2  # a host's shell, the namespace and the interfaces in the kernel
PER_SWITCH_PROCESS_MIB = 14.0  # ovs-vswitchd and ovsdb-server
_DESCRIPTORS_PER_SITE = 8  # of ours: a terminal, and what hears of the end of each process
_DESCRIPTORS_BASE = 1000
_CGROUPS = Path("/sys/fs/cgroup")


LARGEST_TRIED = 500  # sites; what is said above is no more than said
MAX_SWITCH_PROCESSES = 128  # where Open vSwitch forwards in user space; more sites share them


def switch_processes(sites: int, *, in_userspace: bool) -> int:
    """How many switch processes serve so many sites: one for all, or one each as far as memory goes. Pure."""
    if not in_userspace:
        return min(sites, 1)
    share = -(-sites // MAX_SWITCH_PROCESSES)
    return -(-sites // share) if sites else 0


def sites_that_fit(free_mib: float, most: int, *, in_userspace: bool) -> int:
    """The largest number of sites, up to ``most``, for which there is memory. Pure."""
    return next(
        (
            sites
            for sites in range(most, 0, -1)
            if memory_mib(sites, switch_processes(sites, in_userspace=in_userspace)) <= free_mib
        ),
        0,
    )


def require_room(sites: int, switch_processes: int) -> None:
    """Raise ``MachineError`` where memory or file descriptors will not do; allow ourselves the latter."""
    needed_mib = memory_mib(sites, switch_processes)
    free_mib = free_memory_mib()
    if needed_mib > free_mib:
        raise MachineError(
            f"{sites} sites take about {_told(needed_mib)} of memory, and {_told(free_mib)} are free",
            hint="close other programs, take a smaller scenario, or a machine with more memory",
        )
    _allow_descriptors(_DESCRIPTORS_BASE + _DESCRIPTORS_PER_SITE * sites)


def memory_mib(sites: int, switch_processes: int) -> float:
    """About how much memory a network takes. Pure."""
    return BASE_MIB + PER_SITE_MIB * sites + PER_SWITCH_PROCESS_MIB * switch_processes


def free_memory_mib() -> float:
    """What programs may still take: of the machine, with its swap, and of the control groups we are in."""
    own = ""
    with suppress(OSError):
        own = Path("/proc/self/cgroup").read_text().strip().rpartition("::/")[2]  # cgroups(7), version 2
    return min([_of_machine(), *of_control_groups(_CGROUPS, own)])


def _of_machine() -> float:
    """MemAvailable and SwapFree, proc_meminfo(5); no bound where they cannot be read."""
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return sum(int(fields[name].split()[0]) for name in ("MemAvailable", "SwapFree")) / 1024
    except (OSError, KeyError, ValueError):
        return float("inf")


def of_control_groups(root: Path, own: str) -> Iterator[float]:
    """What each group that ``own`` lies in leaves, in MiB: its limit less what it must keep."""
    group = root / own
    while group.is_relative_to(root):
        with suppress(OSError, ValueError, KeyError):  # no limit: no such file, or the word "max"
            limit = int((group / "memory.max").read_text())
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            used = int((group / "memory.current").read_text()) - int(stat["inactive_file"])
            yield (limit - used) / 2**20
        group = group.parent


def _allow_descriptors(needed: int) -> None:
    """Raise the soft limit of this process and of those it starts: the usual one, 1024, is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard < needed:
        raise MachineError(
            f"a network of this size needs {needed} open files, and {hard} are allowed",
            hint=f"ulimit -n {needed}",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _told(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
