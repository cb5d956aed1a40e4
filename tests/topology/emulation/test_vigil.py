"""A death is heard of, once each, and not after the vigil is over."""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Iterator

import pytest

from topology.emulation.vigil import Vigil


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [subprocess.Popen(["sleep", "600"]) for _ in range(3)]
    yield started
    for each in started:
        each.kill()
        each.wait()


def test_every_death_is_told_once(sleepers: list[subprocess.Popen[bytes]]) -> None:
    deaths: queue.Queue[None] = queue.Queue()
    vigil = Vigil([each.pid for each in sleepers], lambda: deaths.put(None))
    for each in sleepers[:2]:
        each.kill()
        deaths.get(timeout=60)
    vigil.close()
    sleepers[2].kill()
    sleepers[2].wait()
    vigil.close()
    assert deaths.empty()


def test_a_process_that_is_gone_already_is_no_obstacle() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    Vigil([gone.pid], lambda: None).close()
