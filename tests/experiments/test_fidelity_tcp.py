"""What theory expects of TCP; and that a link which does otherwise than declared is found by it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.fidelity import transfers as transfers_module
from experiments.fidelity.expectation import average_window, line_goodput_mbps, window_goodput_mbps
from experiments.fidelity.judging import Skipped
from experiments.fidelity.transfers import (
    FAST_MBPS,
    LINE_MBPS,
    LOSS_RATIOS,
    Transfer,
    full_grid,
    judge,
    link_of,
    measure_transfers,
)
from topology.emulation.links import LinkProperties

BETA = {"reno": 0.5, "cubic": 0.7}
WARM_UP_S, SECONDS = 6, 20


def _carried_mbps(transfer: Transfer, really: LinkProperties, seed: int = 1) -> float:
    """Goodput of TCP over a link that is ``really`` so: windows from round trip to round trip."""
    if transfer.congestion_control == "bbr":
        return line_goodput_mbps(really)
    source = Random(seed)
    part = replace(really, rate_mbps=really.rate_mbps / transfer.streams)
    return sum(_stream_mbps(transfer.congestion_control, part, source) for _ in range(transfer.streams))


def _stream_mbps(control: str, link: LinkProperties, source: Random) -> float:
    rtt_s = 2 * link.delay_ms / 1e3
    most = (2 * link.rate_mbps * 1e6 / 8 * rtt_s + link.queue_bytes) / 1514  # segments
    window, peak, since_s, now_s, segments = 10.0, 0.0, 0.0, 0.0, 0.0
    friendly, slow_start = window, True
    while now_s < WARM_UP_S + SECONDS:
        if now_s >= WARM_UP_S:
            segments += min(window, link.rate_mbps * 1e6 / 8 * rtt_s / 1514)
        now_s += rtt_s
        if window >= most or source.random() > (1 - link.loss_ratio) ** window:
            peak = window if window >= peak else (1 + BETA[control]) / 2 * window  # fast convergence
            slow_start, since_s = False, now_s
            window = friendly = max(2.0, BETA[control] * window)
        elif slow_start:
            window *= 2
        elif control == "reno":
            window += 1
        else:
            inflection_s = (peak * (1 - BETA["cubic"]) / 0.4) ** (1 / 3)
            friendly += 3 * (1 - BETA["cubic"]) / (1 + BETA["cubic"])
            window = max(friendly, 0.4 * (now_s - since_s - inflection_s) ** 3 + peak)
    return segments * 1448 * 8 / 1e6 / SECONDS


def _transfer(control: str, delay_ms: float, loss_ratio: float, rate_mbps: float = FAST_MBPS) -> Transfer:
    return Transfer(link_of(rate_mbps, delay_ms, loss_ratio), control, WARM_UP_S, SECONDS)


def test_figures_of_the_sources() -> None:
    assert average_window("reno", 40, 0.01) == pytest.approx(12.25, abs=0.01)  # 1.22 / sqrt(p)
    # The tables of RFC 9438 section 5.1 (and of RFC 8312 before), which round and take 1.2 for sqrt(3/2).
    for rtt_ms, windows in ((100, (12, 38, 187, 1054)), (10, (12, 38, 120, 379))):
        for power, window in enumerate(windows, start=2):
            assert average_window("cubic", rtt_ms, 10**-power) == pytest.approx(window, rel=0.04)
    assert line_goodput_mbps(LinkProperties(20, 5)) == pytest.approx(20 * 1448 / 1514)
    assert line_goodput_mbps(LinkProperties(20, 5, loss_ratio=0.01)) == pytest.approx(0.99 * 20 * 1448 / 1514)


@given(st.sampled_from(["reno", "cubic"]), st.floats(1, 200), st.floats(1e-6, 0.05))
def test_cubic_is_never_slower_than_reno_and_losses_never_help(
    control: str, rtt_ms: float, loss_ratio: float
) -> None:
    assert average_window("cubic", rtt_ms, loss_ratio) >= average_window("reno", rtt_ms, loss_ratio)
    assert average_window(control, rtt_ms, 2 * loss_ratio) < average_window(control, rtt_ms, loss_ratio)


def test_the_grid_asks_all_delays_and_losses_and_only_what_has_an_answer() -> None:
    transfers = [each for transfers in full_grid() for each in transfers]
    assert len({(each.congestion_control, each.link) for each in transfers}) == len(transfers)
    asked = {(each.congestion_control, each.link.delay_ms, each.link.loss_ratio) for each in transfers}
    assert {("bbr", delay, loss) for delay in (1, 5, 20, 60) for loss in LOSS_RATIOS} <= asked
    assert {("cubic", delay, loss) for delay in (20, 60) for loss in LOSS_RATIOS} <= asked
    assert {("reno", delay, 0.01) for delay in (1, 5, 20, 60)} <= asked
    assert not {("cubic", 1, 0.01), ("cubic", 5, 0.01)} & asked  # Linux does not grow so often
    for each in transfers:
        governed = each.link.loss_ratio > 0 and each.congestion_control != "bbr"
        assert each.fills_line is not governed
        if governed:
            alone_mbps = window_goodput_mbps(each.congestion_control, each.link)
            assert alone_mbps * each.streams <= 0.5 * each.link.rate_mbps


def test_links_that_do_as_declared_pass_and_the_formulas_are_as_near_as_is_said() -> None:
    """What docs/fidelity.md says of losses at random, over the times that are measured."""
    governed = [each for transfers in full_grid() for each in transfers if not each.fills_line]
    for each in governed:
        carried_mbps = [_carried_mbps(each, each.link, seed) for seed in range(1, 21)]
        assert all(judge(each, mbps).holds for mbps in carried_mbps), each.what
        ratios = [mbps / each.expected_mbps for mbps in carried_mbps]
        both_growths = each.link == link_of(FAST_MBPS, 60.0, 0.001) and each.congestion_control == "cubic"
        assert min(ratios) >= 0.82, each.what
        assert max(ratios) <= (1.4 if both_growths else 1.2), each.what
    bbr = _transfer("bbr", 20.0, 0.01, LINE_MBPS)
    assert judge(bbr, _carried_mbps(bbr, bbr.link)).holds


@pytest.mark.parametrize("control", ["reno", "cubic"])
@pytest.mark.parametrize(
    "change",
    [
        {"delay_ms": 40.0},
        {"delay_ms": 10.0},
        {"delay_ms": 0.0},
        {"loss_ratio": 0.0},
        {"loss_ratio": 0.002},
        {"loss_ratio": 0.04},
        {"rate_mbps": 10.0},
    ],
)
def test_where_losses_govern_other_delays_and_losses_are_found(
    control: str, change: dict[str, float]
) -> None:
    transfer = _transfer(control, 20.0, 0.01)
    really = replace(transfer.link, **{**change, "delay_ms": max(0.1, change.get("delay_ms", 20.0))})
    assert not judge(transfer, _carried_mbps(transfer, really)).holds


@pytest.mark.parametrize("control", ["cubic", "bbr"])
@pytest.mark.parametrize("share", [0.5, 0.93, 1.07])
def test_where_the_line_is_full_another_rate_is_found(control: str, share: float) -> None:
    transfer = _transfer(control, 20.0, 0.0, LINE_MBPS)
    assert transfer.fills_line
    assert transfer.streams == 1
    assert judge(transfer, transfer.expected_mbps).holds
    assert not judge(transfer, share * transfer.expected_mbps).holds


def test_a_congestion_control_that_the_kernel_lacks_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    available = tmp_path / "available"
    available.write_text("reno cubic\n")
    asked: list[str] = []

    def load_module(name: str) -> bool:
        asked.append(name)
        return False

    monkeypatch.setattr(transfers_module, "_AVAILABLE", available)
    monkeypatch.setattr(transfers_module, "load_module", load_module)
    monkeypatch.setattr(transfers_module, "hosts_joined_by", lambda *_: nullcontext({}))
    pipe: Any = SimpleNamespace(name="pipe")
    (row,) = measure_transfers(pipe, [[_transfer("bbr", 20.0, 0.0, LINE_MBPS)]])
    assert row == Skipped("pipe: TCP bbr", "this kernel has no congestion control bbr")
    assert asked == ["tcp_bbr"]
