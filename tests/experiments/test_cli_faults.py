"""What the machine has run out of is no defect; and ``down --all`` shows before it asks before it acts."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from experiments.cli import contents, down, guarded, onehop
from topology.emulation import registry
from topology.emulation.registry import LabRecord


def failing(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "", "results/base-idle.jsonl"), "results/base-idle.jsonl: the disk is full"),
        (OSError(errno.EDQUOT, ""), "the disk quota is used up"),
        (OSError(errno.ENOMEM, ""), "there is not enough memory"),
        (MemoryError(), "there is not enough memory"),
        (BlockingIOError(errno.EAGAIN, ""), "no further process can be started"),
        (RuntimeError("can't start new thread"), "no further process can be started"),
        (OSError(errno.EMFILE, ""), "no further file can be opened"),
    ],
)
def test_want_is_told_as_want(
    error: Exception,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert guarded(failing(error)) == 3
    told = capfd.readouterr().err
    assert told.startswith(f"error: {words}\n    hint: ")
    assert list(tmp_path.iterdir()) == []


def test_any_other_failure_of_the_system_is_still_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert guarded(failing(OSError(errno.ENXIO, "no such device"))) == 70
    assert "a defect in OneHop" in capfd.readouterr().err


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LabRecord]]:
    """Two that run: this process, and another."""
    monkeypatch.setattr(registry, "LABS", tmp_path / "labs")
    first = registry.update(registry.announce("up", "tiny"), state="up")
    with subprocess.Popen(["sleep", "60"]) as other:
        second = LabRecord(other.pid, registry._start_ticks(other.pid) or 0, "run", "qingyang", 0.0)
        second = registry.update(second, pid_namespace=first.pid_namespace, results="/kept/here")
        yield [second, first]
        other.kill()


@pytest.fixture
def taken_down(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(down, "take_down", lambda lab: found.append(lab.pid))
    return found


def say(*words: str, terminal: bool, answer: str = "") -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(down, "is_asked", lambda: terminal)
        return CliRunner().invoke(onehop, ["down", *words], input=answer, standalone_mode=False)


def test_down_all_shows_what_goes_and_what_stays_and_asks(
    labs: list[LabRecord], taken_down: list[int]
) -> None:
    shown = say("--all", terminal=True, answer="n\n")
    for lab in labs:
        (row,) = [
            line
            for line in shown.output.splitlines()
            if line.split()[:3] == [str(lab.pid), lab.verb, lab.scenario]
        ]
        assert lab.state in row
    assert "/kept/here" in shown.output
    assert "Nothing else on this machine is touched" in shown.output
    assert "Take 2 networks down? [y/N]" in shown.output
    assert "nothing has been taken down" in shown.output
    assert taken_down == []


def test_down_all_acts_when_told_to(labs: list[LabRecord], taken_down: list[int]) -> None:
    say("--all", terminal=True, answer="y\n")
    assert taken_down == [lab.pid for lab in labs]
    taken_down.clear()
    say("--all", "--yes", terminal=False)
    assert taken_down == [lab.pid for lab in labs]


def test_where_nobody_can_be_asked_nothing_goes(labs: list[LabRecord], taken_down: list[int]) -> None:
    refused = say("--all", terminal=False)
    assert "nobody is there to be asked" in str(refused.exception)
    assert taken_down == []


def test_one_of_several_must_be_named(labs: list[LabRecord], taken_down: list[int]) -> None:
    assert "2 networks are running" in str(say(terminal=True).exception)
    assert say(str(labs[0].pid), terminal=True).exception is None
    assert taken_down == [labs[0].pid]
    assert "two different wishes" in str(say("--all", str(labs[0].pid), terminal=True).exception)


def test_contents_are_counted_from_the_kernels_own_account() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to look into processes")
    record = LabRecord(os.getpid(), 0, "up", "tiny", 0.0)
    assert contents.contents_of(record) is None, "no cell yet"
    with subprocess.Popen(["unshare", "--pid", "--net", "--fork", "sleep", "600"]) as outer:
        try:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
            while not children.read_text().split():
                time.sleep(0.01)
            init = int(children.read_text().split()[0])
            found = contents.contents_of(LabRecord(outer.pid, 0, "up", "tiny", 0.0, init_pid=init))
            assert found is not None
            assert (found.processes, found.network_namespaces) == (1, 1)
        finally:
            os.kill(init, 9)
