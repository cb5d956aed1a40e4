"""Tables of reservations, held against the promise packet by packet: on the path, and round any cut."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.actions import IN_PORT, Output, SetField, ToGroup
from controller.entries import FlowEntry, FlowTable
from controller.flowtables import digest_of_tables, flow_tables
from controller.groups import Bucket
from controller.meters import Meter
from controller.plan import RoutingPlan
from controller.reservations import Reservation
from controller.reserved_tables import NUMBERS, numbers
from controller.simulate import Fate, follow, follow_reserved
from tests.controller.reserved import (
    carried,
    links_of,
    networks_and_reservations,
    reservation,
    with_reserved_class,
)
from tests.controller.strategies import four_sites
from topology.emulation.layout import HOST_PORT, Layout
from topology.network import Network

SQUARE = with_reserved_class(four_sites())
LAYOUT = Layout.of(SQUARE)
PROTECTED = reservation("video", ("a", "b", "d"), ("a", "c", "d"))


def tables_of(network: Network, *held: Reservation, on_backup: bool = False) -> dict[str, FlowTable]:
    routes = [carried(one, on_backup=on_backup and one.backup is not None) for one in held]
    return dict(flow_tables(RoutingPlan.of(network), network, Layout.of(network), routes))


@settings(max_examples=80)
@given(st.data(), networks_and_reservations())
def test_whole_or_cut_anywhere_every_packet_arrives(
    data: st.DataObject, drawn: tuple[Network, list[Reservation]]
) -> None:
    network, held = drawn
    layout = Layout.of(network)
    tables = tables_of(network, *held)
    for one in held:
        dscp = data.draw(st.sampled_from([0, 44, 45, 46, 48]))  # whatever the host marked it
        whole = follow_reserved(tables, layout, one, dscp=dscp)
        assert (whole.fate, whole.sites) == (Fate.DELIVERED, one.primary.sites)
        assert whole.packet.fields["ip_dscp"] == 44
        for link in network.links:
            walk = follow_reserved(tables, layout, one, dscp=dscp, without_links=[link])
            if link not in links_of(network, one.primary.sites):
                assert walk == whole
            elif one.backup is None:
                assert walk.fate is Fate.LOST
            else:
                assert walk.fate is Fate.DELIVERED
                assert walk.packet.fields["ip_dscp"] == 45
                assert len(walk.sites) - 1 <= 2 * (len(one.primary.sites) - 2) + len(one.backup.sites) - 1


@settings(max_examples=40)
@given(st.data(), networks_and_reservations())
def test_several_cuts_lose_packets_but_never_send_them_in_circles(
    data: st.DataObject, drawn: tuple[Network, list[Reservation]]
) -> None:
    network, held = drawn
    layout = Layout.of(network)
    moved = data.draw(st.booleans())
    tables = tables_of(network, *held, on_backup=moved)
    cuts = data.draw(st.sets(st.sampled_from(sorted(network.links)))) if network.links else set()
    for one in held:
        walk = follow_reserved(tables, layout, one, without_links=cuts)
        assert walk.fate in (Fate.DELIVERED, Fate.LOST, Fate.DROPPED)
        way = one.backup if moved and one.backup else one.primary
        if not links_of(network, way.sites) & cuts:
            assert (walk.fate, walk.sites) == (Fate.DELIVERED, way.sites)


@settings(max_examples=60)
@given(networks_and_reservations())
def test_any_transit_site_may_fail_if_the_backup_avoids_all_of_them(
    drawn: tuple[Network, list[Reservation]],
) -> None:
    network, held = drawn
    layout = Layout.of(network)
    tables = tables_of(network, *held)
    for one in held:
        inner = one.primary.sites[1:-1]
        if one.backup is None or set(inner) & set(one.backup.sites):
            continue
        for site in inner:
            cut = [link.id for link in network.links.values() if site in (link.a, link.b)]
            walk = follow_reserved(tables, layout, one, without_links=cut)
            assert walk.fate is Fate.DELIVERED


def test_a_reservation_moved_to_its_backup_goes_there_at_once() -> None:
    tables = tables_of(SQUARE, PROTECTED, on_backup=True)
    walk = follow_reserved(tables, LAYOUT, PROTECTED, without_links=["b--d"])
    assert (walk.fate, walk.sites) == (Fate.DELIVERED, ("a", "c", "d"))


def test_a_failed_transit_site_is_passed_by_too() -> None:
    tables = tables_of(SQUARE, PROTECTED)
    walk = follow_reserved(tables, LAYOUT, PROTECTED, without_links=["a--b", "b--d"])
    assert (walk.fate, walk.sites) == (Fate.DELIVERED, ("a", "c", "d"))
    assert follow_reserved(tables, LAYOUT, PROTECTED, without_links=["b--d"]).sites == (
        "a",
        "b",
        "a",
        "c",
        "d",
    )


def test_marks_without_a_reservation_become_best_effort() -> None:
    tables = tables_of(SQUARE, PROTECTED)
    for dscp in (44, 45, 48):
        walk = follow(tables, LAYOUT, "a", "d", dscp=dscp)
        assert (walk.fate, walk.packet.fields["ip_dscp"]) == (Fate.DELIVERED, 0)
    assert follow(tables, LAYOUT, "a", "d", dscp=46).packet.fields["ip_dscp"] == 46
    other_port = replace(PROTECTED, port=PROTECTED.port + 1)
    walk = follow_reserved(tables, LAYOUT, other_port, dscp=44)
    assert (walk.fate, walk.packet.fields["ip_dscp"]) == (Fate.DELIVERED, 0)


def test_reserved_class_without_reservations_only_unmarks() -> None:
    plain = flow_tables(RoutingPlan.of(four_sites()), four_sites(), LAYOUT)
    for site, table in tables_of(SQUARE).items():
        more = set(table.entries) - set(plain[site].entries)
        assert len(more) == 5
        assert all(entry.actions == (SetField("ip_dscp", 0),) for entry in more)
        assert (table.groups, table.meters) == ((), ())


def test_source_switch_meters_marks_and_chooses() -> None:
    table = tables_of(SQUARE, PROTECTED)["a"]
    (entry,) = (e for e in table.entries if e.match.in_port == HOST_PORT and e.match.udp_dst)
    (meter,), (group,) = table.meters, table.groups
    assert entry.match.ip_dscp is None
    assert entry.meter == meter.id
    assert entry.actions[0] == SetField("ip_dscp", 44)
    assert entry.actions[-1] == ToGroup(group.id)
    to_b, to_c = LAYOUT.port_towards("a", "b"), LAYOUT.port_towards("a", "c")
    assert group.buckets == (
        Bucket(to_b, (Output(to_b),)),
        Bucket(to_c, (SetField("ip_dscp", 45), Output(to_c))),
    )
    (at_b,) = tables_of(SQUARE, PROTECTED)["b"].groups
    assert at_b.buckets[1] == Bucket(
        LAYOUT.port_towards("b", "a"), (SetField("ip_dscp", 45), Output(IN_PORT))
    )


def test_text_is_what_ovs_ofctl_reads() -> None:
    table = tables_of(SQUARE, PROTECTED)["a"]
    group, meter = table.groups[0].id, table.meters[0].id
    assert table.groups_text() == (
        f"group_id={group},type=ff,bucket=watch_port:2,actions=output:2,"
        "bucket=watch_port:3,actions=set_field:45->ip_dscp,output:3\n"
    )
    assert table.meters_text() == f"meter={meter},kbps,burst,stats,bands=type=drop,rate=1000,burst_size=58\n"
    assert (
        f"table=0,priority=36,in_port=1,ip,nw_src=10.0.1.2,nw_dst=10.0.4.2,nw_proto=17,udp_dst=50000,"
        f"actions=meter:{meter},set_field:44->ip_dscp,dec_ttl,group:{group}\n"
    ) in table.to_text()


def test_a_digest_follows_groups_and_meters_too() -> None:
    tables = tables_of(SQUARE, PROTECTED)
    a = tables["a"]
    for other in (replace(a, groups=()), replace(a, meters=()), replace(a, entries=a.entries[1:])):
        assert other.digest() != a.digest()
        assert digest_of_tables({**tables, "a": other}) != digest_of_tables(tables)


def test_others_come_and_go_without_moving_what_is_there() -> None:
    first = reservation("first", ("a", "b"))
    last = reservation("last", ("d", "c"))
    alone = tables_of(SQUARE, PROTECTED)
    among = tables_of(SQUARE, first, PROTECTED, last)
    for site, table in alone.items():
        assert set(table.by_key.items()) <= set(among[site].by_key.items())


@given(st.lists(st.text(max_size=5), unique=True, max_size=30))
def test_numbers_are_unlike_and_in_range(ids: list[str]) -> None:
    found = numbers(ids)
    assert len(set(found)) == len(ids)
    assert all(1 <= number <= NUMBERS for number in found)


@given(
    st.integers(1, 10**9),
    st.integers(1, 10**8),
    st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 12_112)), max_size=60),
)
def test_a_meter_passes_what_conforms_and_no_more_than_it_says(
    rate_bps: int, burst_bits: int, gaps: list[tuple[int, int]]
) -> None:
    meter = Meter.holding(1, rate_bps, burst_bits)
    contract, conforming, everything, now_ns = float(burst_bits), [], [], 999_999
    for gap_ns, bits in gaps:
        now_ns += gap_ns
        everything.append((now_ns, bits))
        contract = min(burst_bits, contract + gap_ns * rate_bps / 1e9)
        if contract >= bits:
            contract -= bits
            conforming.append((now_ns, bits))
    assert passed_by(meter, conforming) == conforming
    passed = passed_by(meter, everything)
    for first, (start_ns, _) in enumerate(passed):
        for last in range(first, len(passed)):
            total = sum(bits for _, bits in passed[first : last + 1])
            seconds = (passed[last][0] - start_ns) / 1e9
            assert total <= meter.enforced_burst_bits + meter.enforced_bps * seconds + 1e-6


def passed_by(meter: Meter, packets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Open vSwitch's arithmetic: a clock of whole milliseconds, pauses counted up to a full bucket."""
    cap = meter.burst_kbit * 1000
    most_ms = cap // meter.rate_kbps
    bucket, used_ms, passed = cap, 0, []
    for now_ns, bits in packets:
        bucket = min(cap, bucket + min(now_ns // 10**6 - used_ms, most_ms) * meter.rate_kbps)
        used_ms = now_ns // 10**6
        if bucket >= bits:
            bucket -= bits
            passed.append((now_ns, bits))
    return passed


def test_entries_of_a_reservation_bear_its_name() -> None:
    for table in tables_of(SQUARE, PROTECTED).values():
        for item in table.by_key.values():
            if isinstance(item, FlowEntry) and item.match.udp_dst:
                assert item.reservation == "video"
