"""Entries survive the wire; what is not ours is told apart and can be removed."""

from __future__ import annotations

import struct
from dataclasses import replace

import os_ken.base.app_manager  # noqa: F401  must come first
from hypothesis import given, settings
from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import wire
from controller.entries import FlowEntry, FlowTable
from controller.flowtables import flow_tables
from controller.groups import Group
from controller.meters import Meter
from controller.plan import RoutingPlan
from controller.reservations import Reservation
from tests.controller.reserved import carried, networks_and_reservations
from tests.controller.strategies import four_sites, networks
from topology.emulation.layout import Layout
from topology.network import Network

SWITCH = ofproto_protocol.ProtocolDesc(version=ofproto.OFP_VERSION)


def parsed(message: bytes) -> parser.OFPFlowMod:
    return parser.OFPFlowMod.parser(
        SWITCH, message[0], message[1], int.from_bytes(message[2:4], "big"), 0, message
    )


def stats_of(message: bytes, **changes: int) -> parser.OFPFlowStats:
    """What a switch would report after this flow-mod."""
    mod = parsed(message)
    stats = parser.OFPFlowStats(
        table_id=mod.table_id,
        priority=mod.priority,
        cookie=mod.cookie,
        match=mod.match,
        instructions=mod.instructions,
        idle_timeout=0,
        hard_timeout=0,
        flags=0,
    )
    for name, value in changes.items():
        setattr(stats, name, value)
    return stats


def entries_of(network: Network) -> list[FlowEntry]:
    tables = flow_tables(RoutingPlan.of(network), network, Layout.of(network))
    return [entry for table in tables.values() for entry in table.entries]


@settings(max_examples=20)
@given(networks())
def test_what_is_put_is_read_back(network: Network) -> None:
    for entry in entries_of(network):
        read = wire.read([stats_of(wire.put(entry))])
        assert read.entries == {entry.key: entry}
        assert read.foreign == ()


def test_only_openflow_13_goes_out() -> None:
    for entry in entries_of(four_sites()):
        for message in (wire.put(entry), wire.remove(entry), wire.barrier(7)):
            assert message[0] == ofproto.OFP_VERSION
            assert int.from_bytes(message[2:4], "big") == len(message)
        assert parsed(wire.put(entry)).command == ofproto.OFPFC_ADD
        assert parsed(wire.remove(entry)).command == ofproto.OFPFC_DELETE_STRICT


def test_foreign_entries_are_told_apart_and_removable() -> None:
    entry = entries_of(four_sites())[-2]
    for changes in ({"cookie": 1}, {"idle_timeout": 5}, {"hard_timeout": 5}, {"flags": 1}):
        read = wire.read([stats_of(wire.put(entry), **changes)])
        assert read.entries == {}
        ((key, message),) = read.foreign
        assert key == entry.key
        assert (parsed(message).command, parsed(message).priority) == (
            ofproto.OFPFC_DELETE_STRICT,
            entry.priority,
        )
        assert parsed(message).match.items() == parsed(wire.put(entry)).match.items()


def test_a_match_not_in_our_terms_is_foreign() -> None:
    for match in (
        parser.OFPMatch(vlan_vid=4097),
        parser.OFPMatch(eth_type=0x800, ipv4_dst=("10.0.0.0", "255.0.0.0")),
    ):
        stats = stats_of(wire.put(entries_of(four_sites())[0]))
        stats.match = match
        ((key, message),) = wire.read([stats]).foreign
        assert key is None
        assert dict(parsed(message).match.items()) == dict(match.items())


def test_an_error_tells_which_entry_it_is_about() -> None:
    entry = entries_of(four_sites())[0]
    assert wire.cookie_of_failed(wire.put(entry)[:64]) == entry.cookie
    assert wire.cookie_of_failed(wire.barrier(3)) is None
    assert wire.cookie_of_failed(b"") is None


def test_messages_do_not_depend_on_the_order_of_updates() -> None:
    entry = entries_of(four_sites())[-2]
    assert wire.put(replace(entry, hops_left=9)) == wire.put(entry)


def tables_of(network: Network, held: list[Reservation]) -> list[FlowTable]:
    routes = [carried(one) for one in held]
    return list(flow_tables(RoutingPlan.of(network), network, Layout.of(network), routes).values())


def group_stats_of(message: bytes) -> parser.OFPGroupDescStats:
    """What a switch would report after this group-mod: type, number and buckets are in the same places."""
    body = struct.pack("!H", len(message) - 8) + message[10:]
    return parser.OFPGroupDescStats.parser(body, 0)


def meter_stats_of(message: bytes) -> parser.OFPMeterConfigStats:
    """What a switch would report after this meter-mod."""
    body = struct.pack("!H", len(message) - 8) + message[10:]
    return parser.OFPMeterConfigStats.parser(body, 0)


@settings(max_examples=20)
@given(networks_and_reservations())
def test_groups_meters_and_their_entries_are_read_back(drawn: tuple[Network, list[Reservation]]) -> None:
    network, held = drawn
    for table in tables_of(network, held):
        read = wire.read(
            [stats_of(wire.put(entry)) for entry in table.entries],
            [group_stats_of(wire.put(group)) for group in table.groups],
            [meter_stats_of(wire.put(meter, True)) for meter in table.meters],
        )
        assert read.entries == table.by_key
        assert read.foreign == ()


def test_groups_and_meters_are_added_modified_and_deleted() -> None:
    group, meter = Group(7, ()), Meter(9, 1000, 50)
    for number, (message, command) in enumerate(
        [
            (wire.put(group), ofproto.OFPGC_ADD),
            (wire.put(group, True), ofproto.OFPGC_MODIFY),
            (wire.remove(group), ofproto.OFPGC_DELETE),
            (wire.put(meter), ofproto.OFPMC_ADD),
            (wire.put(meter, True), ofproto.OFPMC_MODIFY),
            (wire.remove(meter), ofproto.OFPMC_DELETE),
        ]
    ):
        kind = ofproto.OFPT_GROUP_MOD if number < 3 else ofproto.OFPT_METER_MOD
        assert (message[0], message[1]) == (ofproto.OFP_VERSION, kind)
        assert int.from_bytes(message[2:4], "big") == len(message)
        assert int.from_bytes(message[8:10], "big") == command
        assert int.from_bytes(message[12:16], "big") == (7 if number < 3 else 9)
        assert wire.cookie_of_failed(message[:64]) == (group if number < 3 else meter).cookie


def test_groups_and_meters_not_like_ours_are_known_by_number_only() -> None:
    action = parser.OFPActionPopVlan()
    strange = [
        parser.OFPGroupDescStats(ofproto.OFPGT_ALL, 1, []),
        parser.OFPGroupDescStats(ofproto.OFPGT_FF, 2, [parser.OFPBucket(watch_port=2, actions=[action])]),
        parser.OFPGroupDescStats(ofproto.OFPGT_FF, 3, [parser.OFPBucket(watch_group=2, actions=[])]),
    ]
    band = parser.OFPMeterBandDrop(1000, 50)
    odd = [
        parser.OFPMeterConfigStats(ofproto.OFPMF_PKTPS, 1, [band]),
        parser.OFPMeterConfigStats(13, 2, [band, band]),
        parser.OFPMeterConfigStats(13, 3, [parser.OFPMeterBandDscpRemark(1000, 50, 1)]),
    ]
    read = wire.read([], strange, odd)
    assert read.entries == {item.key: item for n in (1, 2, 3) for item in (Group(n, ()), Meter(n, 0, 0))}


def test_an_error_tells_which_report_it_is_about() -> None:
    assert wire.report_of_failed(b"\x04\x12\x00\x10\x00\x00\x00\x01\x00\x07") == ofproto.OFPMP_GROUP_DESC
    assert wire.report_of_failed(wire.barrier(3)) is None
    assert wire.report_of_failed(b"") is None
