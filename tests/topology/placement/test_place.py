"""Placing a layout: shares by weight, pins, room, and what the network between the machines asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.networks import ring
from tests.topology.placement.placed import machine, placed
from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.placement.capacity import limits, shortages
from topology.placement.fleet import Fleet
from topology.placement.model import UnderlayPath
from topology.placement.parts import parts
from topology.placement.place import place
from topology.placement.rates import pair_rates, too_much
from topology.placement.tunnel import NEEDED_MTU_BYTES, missing_mtu_bytes, tunnelled_mbps
from topology.scenario import load

TWO = Fleet((machine(1), machine(2)), "m1")


def test_a_ring_becomes_two_arcs() -> None:
    placement = place(Layout.of(ring(12)), replace(TWO, balance=0.0))
    assert [len(placement.sites_of(name)) for name in ("m1", "m2")] == [6, 6]
    assert len(placement.crossing) == 2


def test_pinned_sites_are_where_they_were_pinned() -> None:
    pins = {"s0": "m2", "s1": "m1", "s2": "m2"}
    placement = place(Layout.of(ring(12)), replace(TWO, pins=pins))
    assert {site: placement.machine_of[site] for site in pins} == pins
    assert len(placement.crossing) == 4


def test_one_machine_carries_all() -> None:
    layout = Layout.of(ring(5))
    placement = place(layout, Fleet((machine(1),), "m1"))
    assert placement.crossing == ()
    assert parts(layout, placement)["m1"].layout == layout


@given(
    st.lists(st.tuples(st.floats(0.01, 100), st.none() | st.integers(1, 60)), min_size=1, max_size=6),
    st.integers(1, 60),
    st.floats(0, 1),
)
def test_limits_leave_room_for_all(
    stated: list[tuple[float, int | None]], count: int, balance: float
) -> None:
    machines = [machine(n, weight=weight, sites=sites) for n, (weight, sites) in enumerate(stated, start=1)]
    if shortages(machines, count, {}):
        with pytest.raises(InputError):
            limits(machines, count, {}, balance)
        return
    room = limits(machines, count, {}, balance)
    assert sum(room) >= count
    for one, most in zip(machines, room, strict=True):
        assert 1 <= most <= (one.sites or count + 1)


def test_shares_follow_weights_and_what_one_cannot_take_goes_to_the_others() -> None:
    assert limits([machine(1, weight=3), machine(2)], 40, {}, 0.0) == [30, 10]
    assert limits([machine(1, weight=3, sites=10), machine(2), machine(3)], 40, {}, 0.0) == [10, 15, 15]
    assert limits([machine(1), machine(2)], 40, {"m1": 25}, 0.1) == [25, 22]


def test_no_link_that_is_too_fast_crosses_if_there_is_a_way() -> None:
    layout = Layout.of(load("qingyang-direct"))
    slow = (UnderlayPath("m1", "m2", 0.45),)
    free, bound = place(layout, TWO), place(layout, replace(TWO, underlay=slow))
    assert min(layout.links[link].properties.delay_ms for link in free.crossing) < 0.45
    assert min(layout.links[link].properties.delay_ms for link in bound.crossing) >= 0.45
    parts(layout, bound)


def test_what_is_measured_replaces_delays_and_keeps_rates() -> None:
    stated = replace(TWO, underlay=(UnderlayPath("m1", "m2", 1.0, 500.0),))
    assert stated.measured([UnderlayPath("m2", "m1", 0.2)]).underlay == (
        UnderlayPath("m2", "m1", 0.2, 500.0),
    )
    assert stated.measured([]).underlay == ()


def test_where_there_is_no_way_every_such_link_is_named() -> None:
    layout = Layout.of(ring(6))
    with pytest.raises(InputError) as raised:
        place(layout, replace(TWO, underlay=(UnderlayPath("m1", "m2", 5.0),)))
    assert len(raised.value.problems) == 2


def test_full_links_against_the_network_between() -> None:
    layout = Layout.of(ring(4))  # of 100 Mbit/s each, emulated
    sites = {"s0": 1, "s1": 1, "s2": 2, "s3": 2}
    enough = placed(layout, sites, UnderlayPath("m2", "m1", 0.0, 207.0))
    (pair,) = pair_rates(layout, enough)
    assert (pair.a, pair.b, pair.links, pair.rate_mbps) == ("m1", "m2", 2, 207.0)
    assert pair.asked_mbps == pytest.approx(200 * 1564 / 1514)
    assert too_much(layout, enough) == []
    (problem,) = too_much(layout, placed(layout, sites, UnderlayPath("m1", "m2", 0.0, 206.0)))
    assert "2 crossing links at full rate and their tunnels take 207 Mbit/s" in problem.what
    assert "carries 206" in problem.what
    assert too_much(layout, placed(layout, sites)) == []


def test_headers_of_a_tunnel() -> None:
    """1500 bytes of IP, 14 of Ethernet, 8 of VXLAN, 8 of UDP, 20 of IPv4 (RFC 7348, section 5)."""
    assert NEEDED_MTU_BYTES == 1500 + 14 + 8 + 8 + 20
    assert [missing_mtu_bytes(mtu) for mtu in (1500, 1549, 1550, 9000)] == [50, 1, 0, 0]
    assert tunnelled_mbps(1514.0) == 1564.0
