"""Records of running labs: two writers, a writer that was killed, a namespace that is not ours."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from topology.emulation import registry


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "LABS", tmp_path / "labs")
    return tmp_path / "labs"


def test_a_lab_is_listed_until_it_is_forgotten() -> None:
    record = registry.announce("up", "tiny")
    assert registry.running() == [record]
    changed = registry.update(record, results="/somewhere", broken="a part")
    assert registry.running() == [changed]
    assert registry.read(record) == changed
    registry.forget(record)
    assert registry.running() == []
    assert registry.read(record) is None


def test_what_several_writers_change_at_once_is_all_kept() -> None:
    record = registry.announce("up", "tiny")
    changes: list[dict[str, object]] = [{"state": "up"}, {"init_pid": 7}, {"results": "r"}, {"broken": "b"}]

    def often(change: dict[str, object]) -> None:
        for _ in range(50):
            registry.update(record, **change)

    threads = [threading.Thread(target=often, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.running() == [replace(record, state="up", init_pid=7, results="r", broken="b")]


def test_what_a_killed_process_left_is_swept(labs: Path) -> None:
    record = registry.announce("up", "tiny")
    registry.write(replace(record, pid=2**22 + 1))
    registry.write(replace(record, started_ticks=1, pid=os.getppid()))
    (labs / "4711-1x.new").write_text("{")
    (labs / "0-0.json").write_text("{")  # damaged: not ours to judge
    assert registry.running() == [record]
    assert sorted(entry.name for entry in labs.iterdir()) == ["0-0.json", record.path.name]


def test_a_lab_of_another_pid_namespace_is_neither_shown_nor_removed(
    labs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_FIRST_PID_NAMESPACE", 1)  # as in a container
    record = registry.announce("up", "tiny")
    foreign = replace(record, pid_namespace=4711)
    registry.write(foreign)
    assert registry.running() == [record]
    assert foreign.path.exists()


def test_the_machine_itself_knows_which_namespaces_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    record = registry.announce("up", "tiny")
    gone = replace(record, pid_namespace=4711)
    registry.write(gone)
    monkeypatch.setattr(registry, "_FIRST_PID_NAMESPACE", record.pid_namespace)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert registry.running() == [record]
    assert not gone.path.exists()
