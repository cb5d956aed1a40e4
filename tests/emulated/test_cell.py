"""A cell takes everything with it, whatever way it ends. Runs a process of its own, so it needs root only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

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
    wait_for(lambda: bool(sleepers(mark)))
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


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_a_cell(mark: str, number: signal.Signals) -> None:
    with start(mark) as process:
        process.send_signal(number)
        assert process.wait(timeout=10) != 0
        wait_for(lambda: not sleepers(mark))
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


def test_a_cell_can_be_inside_a_cell(mark: str) -> None:
    if not inside_cell():
        pytest.skip("runs inside a cell: use ./onehop test")
    with start(mark) as process:
        process.kill()
        process.wait()
        wait_for(lambda: not sleepers(mark))
