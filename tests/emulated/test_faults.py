"""Parts that die, a full disk, no memory, Ctrl-C twice, two at once: a clear word, nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.capability.machine import realised_by
from experiments.measurement.samples import read_results
from experiments.results import ResultFolder
from tests.emulated.fault_runs import PATIENCE_S, Running, begin
from topology.emulation import registry

pytestmark = [pytest.mark.emulated, pytest.mark.timeout(900)]

EXPERIMENT = Path(__file__).with_name("fault_experiment.py")
LONG = ("run", EXPERIMENT, "--samples", "100000", "--output", "result")  # two and a half minutes
SHORT = ("run", EXPERIMENT, "--samples", "20", "--output", "result")

PARTS = {
    "ovs-vswitchd": ("ovs-vswitchd", "", "ovs-vswitchd of s"),
    "ovsdb-server": ("ovsdb-server", "", "ovsdb-server of s"),
    "controller": ("python", "controller", "the controller was killed by SIGKILL"),
    "delay-line": ("python", "delayline", "the delay line has died"),
    "host": ("bash", "mininet:", "the shell of host"),
    "reflector": ("python", "reflector", "the reflector"),
    "init": ("", "", "the network was killed from outside (SIGKILL)"),
}
CODES = {"reflector": 5, "init": 128 + signal.SIGKILL}


@pytest.fixture(autouse=True)
def own_records(cell: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Labs that run elsewhere on this machine are none of our business; nor may a record of ours stay."""
    monkeypatch.setattr(registry, "LABS", tmp_path / "labs")
    yield
    assert registry.running() == []
    assert not registry.LABS.is_dir() or list(registry.LABS.iterdir()) == []


def measuring(*folders: Path, step: str = "") -> list[Running]:
    """Long runs, all at once, that have samples already."""
    runs = [begin(LONG, folder, step=step) for folder in folders]
    deadline = time.monotonic() + PATIENCE_S
    for run, folder in zip(runs, folders, strict=True):
        samples = folder / "result" / "base-idle.jsonl"
        while not (samples.exists() and samples.stat().st_size > 5000):
            assert time.monotonic() < deadline, run.told
            time.sleep(0.02)
    return runs


def check_kept(folder: Path, status: str) -> None:
    """The manifest tells how it ended, and what was measured can be read."""
    assert ResultFolder.open(folder).manifest.status == status
    (found,) = read_results(folder / "base-idle.jsonl").values()
    assert found.sent > 5


def test_a_part_that_dies_ends_the_run_at_once_and_is_named(tmp_path: Path) -> None:
    wrong: dict[str, str] = {}
    # The kernel's netem is no process that could die.
    names = [name for name in PARTS if name != "delay-line" or realised_by("auto") == "userspace"]
    for batch in (names[:4], names[4:]):
        for name, run in zip(batch, measuring(*(tmp_path / name for name in batch)), strict=True):
            program, argument, expected = PARTS[name]
            try:
                (record,) = [lab for lab in registry.running() if lab.pid == run.pid]
                os.kill(run.find(program, argument) if program else record.init_pid, signal.SIGKILL)
                assert run.wait() == CODES.get(name, 4), run.told
                assert f"error: {expected}" in run.told.replace("\n", " "), run.told
                assert "Traceback" not in run.told
                assert "what was measured so far is kept in " in run.told
                run.wait_until_gone()
                check_kept(Path(record.results), "interrupted" if name == "init" else "refused")
            except AssertionError as error:
                wrong[name] = str(error)
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_ctrl_c_twice_ends_even_a_take_down_that_hangs(tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    (run,) = measuring(folder, step="topology.emulation.network:EmulatedNetwork._take_down")
    os.killpg(run.pid, signal.SIGINT)
    run.wait_for_step()
    assert run.find("ovs-vswitchd")  # a Ctrl-C is for the run, not for its daemons
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() == 130
    assert "Traceback" not in run.told
    run.wait_until_gone()
    check_kept(folder / "result", "interrupted")


def test_a_full_disk_is_told_and_what_fitted_is_kept(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "onehop-test", str(disk)], check=True)
    try:
        run = begin((*LONG[:-1], disk / "result"), tmp_path / "full")
        assert run.wait() == 3, run.told
        assert "the disk is full" in run.told
        assert "Traceback" not in run.told
        assert f"what was measured so far is kept in {disk / 'result'}" in run.told
        run.wait_until_gone()
        assert ResultFolder.open(disk / "result").manifest.status in ("running", "refused")
        (found,) = read_results(disk / "result" / "base-idle.jsonl").values()
        assert found.sent > 5
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("spare_mb", [8, 48])
def test_without_memory_it_ends_with_a_word_and_nothing_left(tmp_path: Path, spare_mb: int) -> None:
    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + spare_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    run = begin(SHORT, tmp_path / "narrow", prepare=limit)
    code = run.wait()
    assert code in (0, 3, 4, 5), run.told
    assert "Traceback" not in run.told
    assert code == 0 or "error: " in run.told
    run.wait_until_gone()


def test_two_at_once_do_not_meet_and_down_takes_both(tmp_path: Path) -> None:
    runs = measuring(tmp_path / "one", tmp_path / "other")
    labs = sorted(registry.running(), key=lambda lab: [run.pid for run in runs].index(lab.pid))
    down = begin(("down", "--all"), tmp_path / "asked")
    assert down.wait() == 2
    assert "onehop down --all --yes" in down.told
    assert {lab.pid for lab in registry.running()} == {lab.pid for lab in labs}
    down = begin(("down", "--all", "--yes"), tmp_path / "down")
    assert down.wait() == 0, down.told
    table = down.told
    for run, lab in zip(runs, labs, strict=True):
        assert run.wait() == 128 + signal.SIGTERM
        (row,) = [line.split() for line in table.splitlines() if line.split()[:2] == [str(lab.pid), "run"]]
        processes, namespaces, links = map(int, row[-3:])
        assert processes > 6
        assert namespaces == 1 + 4
        assert links >= 4 * 2 + 3 * 4  # the kernel datapath has some more
        assert f"has measured so far, in {lab.results}" in table
        run.wait_until_gone()
        check_kept(Path(lab.results), "interrupted")


def test_a_network_that_people_look_at_says_that_it_is_broken(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _UP, str(registry.LABS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as up:
        assert up.stdin is not None
        assert up.stderr is not None
        deadline = time.monotonic() + PATIENCE_S
        while not any(lab.hosts for lab in registry.running()):
            assert up.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (lab,) = registry.running()
        victims = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and _is_switch(entry, lab.init_pid)
        ]
        os.kill(victims[0], signal.SIGKILL)
        while not registry.running()[0].broken:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        up.stdin.close()  # the end of input is the end of the prompt
        told = up.stderr.read()
        assert up.wait() == 0, told
        assert "was killed by SIGKILL" in told
        assert "take it down" in told


_UP = """
import sys
from pathlib import Path
from topology.emulation import registry
registry.LABS = Path(sys.argv[1])
from experiments.cli import guarded, onehop
sys.exit(guarded(lambda: onehop.main(["up", "tiny", "--no-check"], standalone_mode=False)))
"""


def _is_switch(entry: Path, init_pid: int) -> bool:
    try:
        name = (entry / "comm").read_text().strip()
        return name == "ovs-vswitchd" and os.readlink(entry / "ns/pid") == os.readlink(
            f"/proc/{init_pid}/ns/pid"
        )
    except OSError:
        return False


def test_status_names_what_is_broken(tmp_path: Path) -> None:
    record = registry.announce("up", "tiny")
    registry.update(record, broken="ovs-vswitchd of s1 was killed by SIGKILL")
    shown = begin(("status",), tmp_path / "shown")
    assert shown.wait() == 0
    assert "is broken: ovs-vswitchd of s1 was killed by SIGKILL" in shown.told
    listed = begin(("status", "--json"), tmp_path / "listed")
    assert listed.wait() == 0
    assert json.loads(listed.told)[0]["broken"] != ""
    registry.forget(record)
