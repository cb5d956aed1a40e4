"""Clocks that agree, and clocks that do not."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.fidelity import clocks as clocks_module
from experiments.fidelity.clocks import Clocks, compare_clocks, judge
from experiments.fidelity.judging import Check, Skipped
from experiments.measurement.irtt import IrttResult
from experiments.measurement.ping import PingResult
from experiments.measurement.samples import LatencyResult, Sample, summarise

US = 1000


def _stamps(forth_us: int, back_us: int, lost: int = 0) -> LatencyResult:
    samples = []
    for seq in range(20):
        sent = seq * 20_000 * US
        arrived = sent + forth_us * US
        answered = arrived + 30 * US
        came = seq >= lost
        samples.append(
            Sample(
                *(0, seq, sent, sent, arrived, answered, answered + back_us * US if came else None),
                copies_forward=1,
                copies_backward=int(came),
            )
        )
    return summarise(("a", "b"), samples)


AGREED = Clocks(
    _stamps(5020, 5030),
    PingResult(20, 20, 0, 10.08, 10.3, 12.0),
    IrttResult(20, 20, 0, 5.08, 5.11, 10.2),
)


def _failing(clocks: Clocks) -> list[str]:
    return [check.what for check in judge(clocks, "x") if not check.holds]


def test_clocks_that_agree() -> None:
    assert _failing(AGREED) == []
    assert len(judge(AGREED, "x")) == 7
    assert len(judge(replace(AGREED, irtt=None), "x")) == 3


@pytest.mark.parametrize(
    ("clocks", "what"),
    [
        (replace(AGREED, stamp=_stamps(4020, 5030)), "irtt, one way forth"),  # our probes see too little
        (replace(AGREED, stamp=_stamps(5020, 6030)), "irtt, one way back"),
        (replace(AGREED, stamp=_stamps(5420, 4630)), "irtt, one way forth"),  # only the sum agrees
        (replace(AGREED, stamp=_stamps(4520, 4530)), "ping, round trip"),
        (replace(AGREED, stamp=_stamps(5020, 5030, lost=1)), "STAMP: packets lost"),
        (replace(AGREED, ping=PingResult(20, 19, 0, 10.08, 10.3, 12.0)), "ping: packets lost"),
        (replace(AGREED, ping=PingResult(20, 0, 0, None, None, None)), "ping, round trip"),
        (replace(AGREED, irtt=IrttResult(20, 20, 1, 5.08, 5.11, 10.2)), "irtt: packets lost"),
        (replace(AGREED, irtt=IrttResult(20, 20, 0, 5.08, 5.11, 11.2)), "irtt, round trip"),
    ],
)
def test_clocks_that_do_not(clocks: Clocks, what: str) -> None:
    assert any(what in each for each in _failing(clocks))


def test_without_irtt_the_others_are_compared_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks_module, "find_program", lambda _name: None)
    monkeypatch.setattr(clocks_module, "hosts_joined_by", lambda *_: nullcontext({"5 ms": ()}))
    monkeypatch.setattr(clocks_module, "_measure", lambda *_: [replace(AGREED, irtt=None)])
    pipe: Any = SimpleNamespace(name="pipe")
    *checks, skipped = compare_clocks(pipe, [5.0])
    assert len(checks) == 3
    assert all(isinstance(check, Check) and check.holds for check in checks)
    assert isinstance(skipped, Skipped)
    assert "apt-get install irtt" in skipped.reason
