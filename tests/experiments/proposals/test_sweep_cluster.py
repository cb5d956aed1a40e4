"""The sweep on a Dask cluster of real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from experiments.proposals.sweep import Sweep
from tests.experiments.proposals import sweep_tasks as work
from tests.experiments.proposals.test_sweep import ROOT, steady_sources, until
from topology.errors import InputError, MachineError

pytest.importorskip("distributed", reason="needs Dask: pip install 'onehop[cluster]'")


@contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """``dask ARGUMENTS`` as a process of its own, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def worker(scheduler: str) -> Iterator[subprocess.Popen[bytes]]:
    with dask("worker", scheduler, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1") as process:
        yield process


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler's address."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    with dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)):
        until(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        address: str = json.loads(file.read_text())["address"]
        yield address


def test_two_workers_one_killed_in_the_middle(scheduler: str, tmp_path: Path) -> None:
    function = partial(work.slow, tmp_path)
    with (
        steady_sources(),
        worker(scheduler) as first,
        worker(scheduler) as second,
        Sweep(scheduler=scheduler) as sweep,
    ):

        def kill_one() -> None:
            """While it is at a task, and after both have done some."""
            until(lambda: len({process for _, process in work.logged(tmp_path)}) == 2)
            until(lambda: len(work.logged(tmp_path)) > 6 and work.logged(tmp_path)[-1][1] == first.pid)
            first.send_signal(signal.SIGKILL)

        killer = Thread(target=kill_one, daemon=True)
        killer.start()
        results = sweep.map(function, range(20), label="tasks")
        killer.join()
        assert first.wait() == -signal.SIGKILL
        begun = work.logged(tmp_path)
        assert {process for _, process in begun} == {first.pid, second.pid}
        with pytest.raises(InputError, match="3 is too many"):
            sweep.map(work.fail_above_two, [3, 2, 5, 1], label="some")
    assert results == Sweep(1).map(function, range(20), label="tasks")
    times = Counter(number for number, _ in begun)
    assert set(times) == set(range(20))
    assert 20 < sum(times.values()) <= 23  # what it was at, and what waited there to be fetched


def test_a_worker_of_another_version_is_refused(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.proposals.sweep.cluster.program", lambda: "another")
    with worker(scheduler), pytest.raises(MachineError, match="another version of OneHop"):
        Sweep(scheduler=scheduler).map(work.square, [1], label="squares")


def test_a_cluster_without_workers(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.proposals.sweep.cluster.WITHOUT_WORKERS_S", 0.5)
    with pytest.raises(MachineError, match="has no workers"):
        Sweep(scheduler=scheduler).map(work.square, [1], label="squares")


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.proposals.sweep.cluster.CONNECT_S", 0.5)
    with pytest.raises(MachineError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        Sweep(scheduler="tcp://127.0.0.1:9").map(work.square, [1], label="squares")


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MachineError) as caught:
        Sweep(scheduler="tcp://127.0.0.1:8786")
    assert "onehop[cluster]" in caught.value.problems[0].hint
