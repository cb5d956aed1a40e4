"""Entries survive the wire; what is not ours is told apart and can be removed."""

from __future__ import annotations

from dataclasses import replace

import os_ken.base.app_manager  # noqa: F401  must come first
from hypothesis import given, settings
from os_ken.ofproto import ofproto_protocol
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import wire
from controller.entries import FlowEntry
from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
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


@settings(max_examples=20, deadline=None)
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
