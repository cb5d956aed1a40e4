"""The delay line's timer, and what it learns about its own lateness."""

from __future__ import annotations

import os
import select
import sys
import time

import pytest

if sys.platform != "linux":
    pytest.skip("timerfd is Linux's", allow_module_level=True)

from topology.emulation.links.timer import Allowance, Timer, WakeUps


def test_the_timer_is_never_early_and_can_be_set_again() -> None:
    timer = Timer()
    epoll = select.epoll()
    epoll.register(timer.fd, select.EPOLLIN | select.EPOLLET)
    try:
        for wait_ns in (2_000_000, 500_000, 1):
            due_ns = time.monotonic_ns() + wait_ns
            timer.set(due_ns)
            assert epoll.poll(10) == [(timer.fd, select.EPOLLIN)]
            assert time.monotonic_ns() >= due_ns
            assert epoll.poll(0) == []
        timer.set(time.monotonic_ns() + 1_000_000)
        timer.set(0)
        assert epoll.poll(0.01) == []
    finally:
        epoll.close()
        os.close(timer.fd)


def test_the_lead_follows_the_lateness_of_wake_ups() -> None:
    wake_ups = WakeUps()
    for late_ns in [60_000] * 200:
        wake_ups.learn(late_ns)
    assert wake_ups.lead_ns == pytest.approx(60_000, rel=0.05)
    for late_ns in [60_000, 100_000] * 100:
        wake_ups.learn(late_ns)
    assert 100_000 <= wake_ups.lead_ns <= 130_000


def test_the_lead_is_bounded_whatever_happens() -> None:
    wake_ups = WakeUps()
    for late_ns in [50_000_000] * 100:
        wake_ups.learn(late_ns)
    assert wake_ups.lead_ns == WakeUps.MOST_NS
    for late_ns in [-5, 0] * 200:
        wake_ups.learn(late_ns)
    assert wake_ups.lead_ns == WakeUps.LEAST_NS


def test_an_allowance_is_spent_and_earned_back() -> None:
    allowance = Allowance(share=0.25, most_ns=1000)
    assert allowance.left(0)
    allowance.spend(1500)
    assert not allowance.left(1000)
    assert allowance.left(3000)
    allowance.left(10**9)
    allowance.spend(1000)
    assert not allowance.left(10**9)
