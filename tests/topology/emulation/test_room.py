"""Whether a machine has room, asked before anything is started. No root."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from topology.emulation import room
from topology.errors import MachineError


def test_too_little_memory_is_told_with_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory_mib", lambda: 1024.0)
    room.require_room(30, 30)
    with pytest.raises(
        MachineError, match=r"^500 sites take about 2\.\d GiB of memory, and 1\.0 GiB are free"
    ):
        room.require_room(500, 125)
    assert room.free_memory_mib() > 0


@pytest.mark.parametrize("in_userspace", [True, False])
def test_as_many_sites_fit_as_memory_is_counted_for(in_userspace: bool) -> None:
    def mib(sites: int) -> float:
        return room.memory_mib(sites, room.switch_processes(sites, in_userspace=in_userspace))

    fits = room.sites_that_fit(1000.0, 4000, in_userspace=in_userspace)
    assert mib(fits) <= 1000.0 < mib(fits + 1)
    assert room.sites_that_fit(0.0, 4000, in_userspace=in_userspace) == 0
    assert room.sites_that_fit(1e9, 300, in_userspace=in_userspace) == 300
    shared = {sites: room.switch_processes(sites, in_userspace=True) for sites in (0, 1, 128, 129, 500)}
    assert shared == {0: 0, 1: 1, 128: 128, 129: 65, 500: 125}


def test_a_container_has_less_than_its_machine(tmp_path: Path) -> None:
    inner = tmp_path / "slice" / "container"
    inner.mkdir(parents=True)
    (tmp_path / "slice" / "memory.max").write_text("max\n")
    (inner / "memory.max").write_text(f"{512 << 20}\n")
    (inner / "memory.current").write_text(f"{300 << 20}\n")
    (inner / "memory.stat").write_text(f"anon 1\ninactive_file {100 << 20}\n")
    assert list(room.of_control_groups(tmp_path, "slice/container")) == [312.0]
    assert list(room.of_control_groups(tmp_path, "slice")) == []
    assert room.free_memory_mib() < float("inf")


def test_the_descriptors_a_large_network_needs_are_allowed_or_asked_for() -> None:
    program = """
import resource
from topology.emulation.room import require_room
resource.setrlimit(resource.RLIMIT_NOFILE, (256, {hard}))
require_room(100, 1)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = subprocess.run([sys.executable, "-c", program.format(hard=hard)], capture_output=True, text=True)
    assert int(enough.stdout) == 1800
    little = subprocess.run([sys.executable, "-c", program.format(hard=512)], capture_output=True, text=True)
    assert "needs 1800 open files, and 512 are allowed" in little.stderr
