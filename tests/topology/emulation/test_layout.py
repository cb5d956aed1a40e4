"""Layout: names, numbers and addresses follow the scenario and fit the kernel's limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.networks import ring
from topology.emulation.layout import HOST_PORT, MIN_QUEUE_BYTES, Layout
from topology.errors import InputError

INTERFACE_NAME_MAX = 15  # IFNAMSIZ - 1


@given(st.integers(3, 300))
def test_every_name_and_number_is_unique_and_fits(count: int) -> None:
    layout = Layout.of(ring(count))
    interfaces = [end.interface for link in layout.links.values() for end in (link.a, link.b)]
    interfaces += [end.wire for link in layout.links.values() for end in (link.a, link.b)]
    interfaces += [site.switch_interface for site in layout.sites.values()]
    assert len(set(interfaces)) == len(interfaces)
    assert max(map(len, interfaces)) <= INTERFACE_NAME_MAX
    for attribute in ("dpid", "switch", "host", "host_ip", "host_mac", "gateway_ip", "gateway_mac"):
        assert len({getattr(site, attribute) for site in layout.sites.values()}) == count


def test_ports_of_a_switch_are_numbered_without_gaps() -> None:
    layout = Layout.of(ring(5))
    for site in layout.sites:
        ports = sorted(
            end.port for link in layout.links.values() for end in (link.a, link.b) if end.site == site
        )
        assert ports == [HOST_PORT + 1, HOST_PORT + 2]
    assert layout.port_towards("s0", "s1") == 2


def test_rates_are_scaled_and_delays_are_not() -> None:
    network = replace(ring(3, capacity_gbps=400.0, propagation_ms=7.0), rate_scale=4000.0)
    properties = Layout.of(network).links["s0--s1"].properties
    assert properties.rate_mbps == pytest.approx(100.0)
    assert properties.delay_ms == pytest.approx(7.0 + network.sites["s0"].transit_ms)


def test_a_queue_holds_some_packets_however_slow_the_link() -> None:
    network = replace(ring(3, capacity_gbps=0.001), rate_scale=1000.0)
    assert Layout.of(network).links["s0--s1"].properties.queue_bytes == MIN_QUEUE_BYTES


@given(st.integers(3, 40))
def test_json_round_trip_gives_the_same_layout_and_bytes(count: int) -> None:
    layout = Layout.of(ring(count))
    again = Layout.from_json(layout.to_json())
    assert again == layout
    assert list(again.sites) == list(layout.sites)
    assert again.to_json() == layout.to_json()


def test_more_sites_than_addresses_are_refused() -> None:
    with pytest.raises(InputError, match="at most 4000"):
        Layout.of(ring(4001))
