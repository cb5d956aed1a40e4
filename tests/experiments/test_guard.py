"""Work on a lab that has lost a part ends with the reason, whatever it was doing."""

from __future__ import annotations

import queue
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from experiments.guard import Guard
from topology.emulation import outofmemory
from topology.errors import EmulationError, MeasurementError


class Part:
    """A process that somebody needs."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["sleep", "600"])
        self.needed = True

    def check(self) -> None:
        if self.needed and self.process.poll() is not None:
            raise EmulationError("the part has died")


@pytest.fixture
def part() -> Iterator[Part]:
    made = Part()
    yield made
    made.process.kill()
    made.process.wait()


def guarded(part: Part, work: Callable[[], object], *, heard: bool = True) -> None:
    """Do the work while the part dies; not ``heard``: as where the kernel has no pidfd."""
    with Guard([part.process.pid] if heard else [], part.check):
        part.process.kill()
        if not heard:
            part.process.wait()
        work()


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_a_death_interrupts_the_work(part: Part) -> None:
    with pytest.raises(EmulationError, match="the part has died"):
        guarded(part, lambda: time.sleep(100))


def test_it_interrupts_the_wait_for_another_process(part: Part) -> None:
    with pytest.raises(EmulationError, match="the part has died"):
        guarded(part, lambda: subprocess.run(["sleep", "100"], check=True))


def test_an_end_on_purpose_is_no_fault(part: Part) -> None:
    with Guard([part.process.pid], part.check):
        part.needed = False
        part.process.kill()
        part.process.wait()
    with Guard([part.process.pid], part.check):
        pass


def test_what_followed_from_it_gives_way_to_the_reason(part: Part) -> None:
    with pytest.raises(EmulationError, match="the part has died"):
        guarded(part, raising(MeasurementError("nothing answers")), heard=False)


def test_an_interrupt_by_the_user_stays_one(part: Part) -> None:
    with pytest.raises(KeyboardInterrupt):
        guarded(part, raising(KeyboardInterrupt()), heard=False)


def test_whoever_wants_to_be_told_is_not_interrupted(part: Part) -> None:
    told: queue.Queue[EmulationError] = queue.Queue()
    with Guard([part.process.pid], part.check, told.put):
        part.process.kill()
        assert "died" in str(told.get(timeout=60))


def test_the_kernels_reason_is_told_too(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([3, 4, 4])
    monkeypatch.setattr(outofmemory, "kills_so_far", lambda: next(kills))
    with pytest.raises(EmulationError) as raised:
        guarded(part, lambda: None, heard=False)
    assert raised.value.problems[0].hint == outofmemory.HINT


def test_the_counter_of_this_kernel_can_be_read() -> None:
    assert outofmemory.kills_so_far() >= 0
