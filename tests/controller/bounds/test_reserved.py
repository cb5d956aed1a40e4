"""Admission's promises proven a second time: network calculus finds no delay above them, and less for few."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.admission import Admission
from controller.bounds import Multiplexing
from controller.bounds.reserved import analysis_of, bounds_now_ns
from controller.link_service import link_services
from controller.reservations import Reservation
from tests.controller.reserving import demand, demands, reserving, reserving_networks
from tests.controller.strategies import network_of


@settings(max_examples=40)
@given(st.data())
def test_no_promise_is_below_what_network_calculus_proves(data: st.DataObject) -> None:
    """Also in circles: the promises are a fixed point that bursts cannot exceed."""
    network = data.draw(reserving_networks(max_sites=5))
    admission = Admission(network)
    for number in range(data.draw(st.integers(1, 10))):
        admission.ask(data.draw(demands(network, f"d{number}")))
    reservations = list(admission.reservations.values())
    if not reservations:
        return
    services = link_services(network)
    analysis = analysis_of(services, reservations)
    assert not any(result.refused for result in analysis.results)
    for each in reservations:
        queueing_s = analysis.best_delay(each.id, Multiplexing.FIFO)
        assert queueing_s is not None
        assert each.primary.propagation_ns + queueing_s * 10**9 <= each.primary.bound_ns
    now = bounds_now_ns(services, reservations)
    assert all(each.primary.propagation_ns < now[each.id] <= each.primary.bound_ns for each in reservations)


def test_one_alone_is_bounded_far_below_its_promise() -> None:
    network = reserving(network_of("ab", [("a", "b", 1, 100)]), share=0.5)
    admission = Admission(network)
    alone = admission.ask(demand("one", "a", "b"))
    assert isinstance(alone, Reservation)
    services = link_services(network)
    service = services["a", "b"]
    expected = -(-alone.burst_bits * 10**9 // service.drain_bps)
    now_ns = bounds_now_ns(services, [alone])["one"]
    assert now_ns == alone.primary.propagation_ns + service.latency_ns + expected
    assert now_ns < alone.primary.bound_ns
