"""A cell takes everything with it, whatever way it ends. Runs a process of its own, so it needs root only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, wait_until
from topology.emulation.cell import inside_cell

pytestmark = pytest.mark.emulated

SCRIPT = """
import subprocess, sys, time
from topology.emulation.cell import run_in_cell
MARK = sys.argv[1]
def work():
    subprocess.run("ip link add onehop-test type veth peer name onehop-peer", shell=True, check=True)
    # A grandchild that has left its session: only the PID namespace can hold it.
    subprocess.Popen(["setsid", "sleep", MARK])
    print("ready", flush=True)
    time.sleep(60)
    return 0
sys.exit(run_in_cell(work))
"""


@pytest.fixture
def mark() -> str:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return f"600.{os.getpid()}{time.monotonic_ns() % 10**6}"


def start(mark: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, mark], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    wait_until(lambda: bool(sleepers(mark)))
    return process


def sleepers(mark: str) -> list[Path]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", mark.encode()]:
                found.append(path)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_a_cell(mark: str, number: signal.Signals) -> None:
    with start(mark) as process:
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) != 0
        wait_until(lambda: not sleepers(mark))
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert "onehop-test" not in links


def test_the_machine_sees_nothing_of_a_cell(mark: str) -> None:
    with start(mark) as process:
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        assert "onehop-test" not in links
        process.kill()


def test_the_exit_code_is_that_of_the_work() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    script = "import sys; from topology.emulation.cell import run_in_cell; sys.exit(run_in_cell(lambda: 7))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7


ORPHAN = """
import os, sys, time
from topology.emulation.cell import _Lifeline
lifeline = _Lifeline()
parent = os.getpid()
if os.fork():
    os._exit(0)  # before the child has asked to die with us
while os.getppid() == parent:
    time.sleep(0.01)
lifeline.hold()
open(sys.argv[1], "w").write("lives on")
"""


def test_a_child_whose_parent_died_first_ends_all_the_same(tmp_path: Path) -> None:
    written = tmp_path / "written"
    with subprocess.Popen([sys.executable, "-c", ORPHAN, str(written)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # until the child has ended, too
    assert not written.exists()


def test_a_failure_to_note_the_cell_is_told_in_a_line(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    script = (
        "import errno, sys; from topology.emulation.cell import run_in_cell\n"
        "def note(_pid): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "sys.exit(run_in_cell(lambda: __import__('time').sleep(600), note))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert done.stderr == "error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize(("interrupts", "code"), [(1, 7), (2, 130)])
def test_the_second_interrupt_does_not_wait_for_the_work(interrupts: int, code: int) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    script = """
import sys, time
from topology.emulation.cell import run_in_cell
def work():
    try:
        print("ready", flush=True)
        while True:  # not one long sleep: a signal just before it would not end it
            time.sleep(0.01)
    except KeyboardInterrupt:
        print("tidying", flush=True)
        while sys.argv[1] == "2":
            time.sleep(0.01)
        return 7
sys.exit(run_in_cell(work))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(interrupts)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for words in ("ready\n", "tidying\n")[:interrupts]:
            assert process.stdout.readline() == words
            os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=PATIENCE_S) == code


def test_a_cell_can_be_inside_a_cell(mark: str) -> None:
    if not inside_cell():
        pytest.skip("runs inside a cell: use ./onehop test")
    with start(mark) as process:
        process.kill()
        process.wait()
        wait_until(lambda: not sleepers(mark))
