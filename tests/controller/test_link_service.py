"""What links promise: by HTB's own account, at any scale, from what was asked for or read back."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bounds import HtbClass
from controller.link_service import LinkService, link_services, service_of
from controller.reservations import FRAME_BITS
from tests.networks import ring
from topology.emulation.links.classes import ClassName
from topology.errors import InputError
from topology.network import Network, ReservedClass, Routing
from topology.scenario import load


def _reserving(**figures: float) -> Network:
    return replace(ring(4), routing=Routing(reserved=ReservedClass(**figures)))  # type: ignore[arg-type]


def test_the_service_by_hand() -> None:
    """A link of 10 Mbit/s: control takes 0.2, so 9.8 remain; before the class go the frame being sent, one of
    control and one that it may overdraw.
    """
    service = link_services(_reserving(), rate_scale=10_000)["s0", "s1"]
    assert (service.rate_bps, service.drain_bps) == (7_500_000, 9_800_000)
    assert service.latency_ns == -(-3 * FRAME_BITS * 10**9 // 9_800_000)
    assert service.burst_limit_bits == 8 * FRAME_BITS
    assert service.queueing_ns == service.latency_ns + -(-8 * FRAME_BITS * 10**9 // 9_800_000)
    assert service.propagation_ns == 1_100_000


def test_at_full_rate_a_millisecond_of_bursts_is_a_millisecond_of_waiting() -> None:
    service = link_services(_reserving(burst_ms=1.0))["s0", "s1"]
    assert service.burst_limit_bits == 75_000_000
    assert 0.7e6 < service.queueing_ns < 0.8e6


@given(st.floats(0.05, 0.9), st.floats(0.05, 50), st.floats(1, 50_000))
def test_every_share_and_scale_gives_a_service(share: float, burst_ms: float, scale: float) -> None:
    service = link_services(_reserving(share=share, burst_ms=burst_ms), rate_scale=scale)["s1", "s0"]
    assert 0 < service.rate_bps <= service.drain_bps
    assert service.burst_limit_bits >= 8 * FRAME_BITS
    assert service.queueing_ns * service.drain_bps >= service.burst_limit_bits * 10**9


def _read_back(rate: int = 7_500_000, burst: int = 295_000, control: int = 200_000) -> LinkService:
    network = _reserving()
    classes = {
        ClassName.CONTROL: HtbClass(control, FRAME_BITS, 0),
        ClassName.RESERVED: HtbClass(rate, burst, 1),
        ClassName.REST: HtbClass(2_300_000, FRAME_BITS, 2),
    }
    return service_of(network, network.links["s0--s1"], 10_000_000, classes)


def test_what_was_read_back_counts_and_not_what_was_asked_for() -> None:
    asked = link_services(_reserving(), rate_scale=10_000)["s0", "s1"]
    assert _read_back() == asked
    assert _read_back(rate=7_000_000).rate_bps == 7_000_000
    assert _read_back(control=100_000).queueing_ns < asked.queueing_ns


def test_classes_that_cannot_keep_the_promise_are_refused() -> None:
    with pytest.raises(InputError, match="burst"):
        _read_back(burst=8 * FRAME_BITS)  # not enough for what comes while it waits
    with pytest.raises(InputError):
        _read_back(rate=9_000_000)  # with the others more than the link has


def test_a_scenario_without_reserved_traffic_is_told_what_to_add() -> None:
    with pytest.raises(InputError, match="sets nothing aside") as raised:
        link_services(ring(4))
    assert "reserved" in raised.value.problems[0].hint


def test_jitter_is_part_of_the_budget_on_both_sides() -> None:
    network = load("tiny-deterministic")
    link = network.links["qingyang--xian"]
    varying = replace(
        network, links=MappingProxyType({**network.links, link.id: replace(link, jitter_ms=0.25)})
    )
    steady_ns = link_services(network)[link.a, link.b].queueing_ns
    for ends in ((link.a, link.b), (link.b, link.a)):
        assert link_services(varying)[ends].queueing_ns == steady_ns + 500_000
