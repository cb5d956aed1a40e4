"""A clock that is set: noticed whatever the moment, and what it spoils is forgotten and sent again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measurement.latency import _Plan
from experiments.measurement.session import Session
from experiments.measurement.stamp import Reflected
from experiments.measurement.timestamps import ClockWatch, ntp_from_ns
from topology.errors import MeasurementError

T0 = 1_700_000_000_000_000_000


class Clocks:
    """A machine whose two clocks are read at a rate of one reading a microsecond."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now_ns, self.ahead_ns = 10**12, T0
        patch.setattr(time, "monotonic_ns", self.monotonic_ns)
        patch.setattr(time, "time_ns", lambda: self.monotonic_ns() + self.ahead_ns)

    def monotonic_ns(self) -> int:
        self.now_ns += 1_000
        return self.now_ns


@pytest.mark.parametrize("step_ns", [150_000, -150_000, 10**9, -(10**15)])
def test_a_step_is_noticed_once(monkeypatch: pytest.MonkeyPatch, step_ns: int) -> None:
    clocks = Clocks(monkeypatch)
    watch = ClockWatch()
    assert watch.step_ns() == 0
    clocks.ahead_ns += step_ns
    assert watch.step_ns() == pytest.approx(step_ns, abs=2_000)
    assert watch.step_ns() == 0
    assert watch.offset_ns == pytest.approx(T0 + step_ns, abs=2_000)


def test_many_small_steps_are_noticed_when_they_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    watch = ClockWatch()
    noticed = []
    for _ in range(10):
        clocks.ahead_ns += 40_000
        noticed.append(watch.step_ns())
    assert [round(step_ns / 40_000) for step_ns in noticed if step_ns] == [3, 3, 3]


def test_a_reading_that_lost_the_processor_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    watch = ClockWatch()
    pauses = iter([0, 5_000_000, 0] + [0] * 1000)

    def slow() -> int:
        clocks.now_ns += next(pauses)
        return clocks.monotonic_ns() + clocks.ahead_ns

    monkeypatch.setattr(time, "time_ns", slow)
    assert [watch.step_ns() for _ in range(3)] == [0, 0, 0]


def test_a_forgotten_packet_is_no_sample_and_its_answer_no_stray() -> None:
    session = Session(0)
    for sequence in range(3):
        session.sent(sequence, T0 + sequence, T0 + sequence)
    assert session.forget_waiting() == [0, 1, 2]
    assert session.complete()
    session.sent(3, T0 + 3, T0 + 3)
    stamped = ntp_from_ns(T0)
    session.answered(Reflected(0, stamped, 1, stamped, 1, 0, 252), T0 + 100, 251)  # to number 1
    assert session.stray == 0
    session.answered(Reflected(1, stamped, 1, stamped, 9, 0, 252), T0 + 100, 251)
    assert session.stray == 1, "number 9 was never sent"
    assert [sample.seq for sample in session.take_finished(T0 + 10**12)] == [3]


@given(st.integers(1, 5), st.integers(1, 20), st.lists(st.integers(0, 9), min_size=1, max_size=10))
def test_as_many_are_sent_again_as_were_spoiled(pairs: int, samples: int, spoiled: list[int]) -> None:
    asked = [(float(n), n % pairs, n // pairs) for n in range(pairs * samples)]
    plan = _Plan(list(asked))
    sent: list[tuple[int, int, int]] = []
    kept = 0
    for count in [*spoiled, 0]:
        waiting: list[int] = []
        while plan.left():
            sent.append(plan.next())
            waiting.append(sent[-1][1])
            kept += 1
            if len(waiting) == 10 and count:
                break
        again = waiting[len(waiting) - min(count, len(waiting)) :]
        kept -= len(again)
        plan.repeat(1 if again else 0, again)
    while plan.left():
        sent.append(plan.next())
        kept += 1
    assert kept == len(asked) == plan.asked
    assert len({(pair, sequence) for _, pair, sequence in sent}) == len(sent), "no number twice"
    assert [due for due, _, _ in sent] == sorted(due for due, _, _ in sent)
    assert plan.sent == plan.asked


def test_a_clock_that_never_rests_is_an_error() -> None:
    plan = _Plan([(0.0, 0, 0)])
    for _ in range(10):
        plan.repeat(1, [0])
    with pytest.raises(MeasurementError, match="set 11 times"):
        plan.repeat(1, [0])
