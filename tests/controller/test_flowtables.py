"""Flow tables, held against the plan packet by packet, without a switch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.entries import ARP_REPLY, ARP_REQUEST, ETH_TYPE_ARP, ETH_TYPE_IPV4, FlowTable
from controller.flowtables import digest_of_tables, flow_tables
from controller.plan import PlannedPath, RoutingPlan
from controller.simulate import INITIAL_TTL, Fate, Packet, follow, process
from tests.controller.strategies import four_sites, grid, network_of, networks_and_failures
from topology.emulation.layout import HOST_PORT, Layout
from topology.network import ROUTED_CLASSES, Network

GOLDEN = Path(__file__).parent / "golden" / "four_sites.flows"


def tables_of(network: Network, plan: RoutingPlan | None = None) -> tuple[Layout, dict[str, FlowTable]]:
    layout = Layout.of(network)
    return layout, dict(flow_tables(plan or RoutingPlan.of(network), network, layout))


def check_every_pair(
    network: Network, plan: RoutingPlan, tables: dict[str, FlowTable], layout: Layout, *, tree: bool = True
) -> None:
    """Every planned path is followed, hop by hop; in a tree, every pair without a path is dropped."""
    for source in network.sites:
        for destination in network.sites:
            if source == destination:
                continue
            for traffic_class in ROUTED_CLASSES:
                walk = follow(
                    tables,
                    layout,
                    source,
                    destination,
                    dscp=network.routing.dscp[traffic_class],
                    without_links=plan.without_links,
                )
                planned = plan.paths.get((source, destination, traffic_class))
                if planned is None:
                    assert walk.fate is Fate.DROPPED or not tree
                    continue
                assert (walk.fate, walk.sites) == (Fate.DELIVERED, planned.sites)
                assert walk.packet.ttl == INITIAL_TTL - len(planned.sites)
                assert walk.packet.fields["eth_dst"] == layout.sites[destination].host_mac
                assert walk.packet.fields["eth_src"] == layout.sites[destination].gateway_mac


@settings(max_examples=60)
@given(networks_and_failures())
def test_every_packet_follows_its_planned_path(
    drawn: tuple[Network, frozenset[str], frozenset[str]],
) -> None:
    network, failed, _ = drawn
    plan = RoutingPlan.of(network, without_links=failed)
    layout, tables = tables_of(network, plan)
    check_every_pair(network, plan, tables, layout)


@settings(max_examples=60)
@given(st.data(), networks_and_failures())
def test_any_plan_of_simple_paths_is_followed(
    data: st.DataObject, drawn: tuple[Network, frozenset[str], frozenset[str]]
) -> None:
    """Explicit paths that form no tree: entries per source keep them apart."""
    network, _, _ = drawn
    assume(network.links)
    plan = RoutingPlan.of(network)
    paths = dict(plan.paths)
    for key in paths:
        sites = [key[0]]
        while sites[-1] != key[1]:  # a random walk without repetition; the planned path if it gets stuck
            onward = [site for site in sorted(network.graph[sites[-1]]) if site not in sites]
            if not onward:
                sites = list(paths[key].sites)
                break
            sites.append(data.draw(st.sampled_from(onward)))
        paths[key] = PlannedPath(tuple(sites), 0)
    explicit = replace(plan, paths=paths)
    layout, tables = tables_of(network, explicit)
    check_every_pair(network, explicit, tables, layout, tree=False)


def test_golden_tables_of_four_sites() -> None:
    """The whole text, as ovs-ofctl reads it. After a change that is meant: delete the file and run twice."""
    _, tables = tables_of(four_sites())
    text = "".join(f"# {site}\n{table.to_text()}" for site, table in tables.items())
    if not GOLDEN.exists():
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
        pytest.fail(f"{GOLDEN} was missing and has been written: read it, then run again")
    assert text == GOLDEN.read_text()


def test_one_entry_per_destination_and_class() -> None:
    """Least-delay plans need no entry per source, and none for *compute* where it goes the same way."""
    narrow = grid(3, 4)
    _, tables = tables_of(narrow)
    for table in tables.values():
        assert len(table.entries) <= 7 + 2 * (len(narrow.sites) - 1)
    wide = network_of("abc", [("a", "b", 1.0, 100), ("b", "c", 1.0, 100)])
    _, tables = tables_of(wide)
    assert {len(table.entries) for table in tables.values()} == {7 + 2}
    assert not any(entry.match.ip_dscp for table in tables.values() for entry in table.entries)


def test_unmarked_and_unknown_dscp_go_by_best_effort() -> None:
    layout, tables = tables_of(four_sites())
    for dscp in (0, 1, 34, 63):
        assert follow(tables, layout, "a", "d", dscp=dscp).sites == ("a", "b", "d")
    assert follow(tables, layout, "a", "d", dscp=46).sites == ("a", "c", "d")


def test_ttl_runs_out_where_it_should() -> None:
    layout, tables = tables_of(four_sites())
    for ttl, sites in ((1, ("a",)), (2, ("a", "b")), (3, ("a", "b", "d"))):
        walk = follow(tables, layout, "a", "d", ttl=ttl)
        assert (walk.fate, walk.sites) == (Fate.EXPIRED, sites)
    assert follow(tables, layout, "a", "d", ttl=4).fate is Fate.DELIVERED


def test_the_switch_answers_arp_for_the_gateway_and_nothing_else() -> None:
    layout, tables = tables_of(four_sites())
    site = layout.sites["a"]
    request = {
        "eth_type": ETH_TYPE_ARP,
        "eth_src": site.host_mac,
        "eth_dst": "ff:ff:ff:ff:ff:ff",
        "arp_op": ARP_REQUEST,
        "arp_spa": site.host_ip,
        "arp_tpa": site.gateway_ip,
    }
    port, reply, _ = process(tables["a"], Packet(HOST_PORT, request))
    assert port == HOST_PORT
    assert reply.fields == {
        "eth_type": ETH_TYPE_ARP,
        "eth_dst": site.host_mac,
        "eth_src": site.gateway_mac,
        "arp_op": ARP_REPLY,
        "arp_sha": site.gateway_mac,
        "arp_spa": site.gateway_ip,
        "arp_tha": site.host_mac,
        "arp_tpa": site.host_ip,
    }
    gratuitous = {**request, "arp_tpa": site.host_ip}
    assert process(tables["a"], Packet(HOST_PORT, gratuitous))[0] is None
    assert process(tables["a"], Packet(HOST_PORT, {**request, "arp_op": ARP_REPLY}))[0] is None
    assert process(tables["a"], Packet(2, request))[0] is None  # ARP from a link


def test_forged_sources_and_other_protocols_are_dropped() -> None:
    layout, tables = tables_of(four_sites())
    forged = {
        "eth_type": ETH_TYPE_IPV4,
        "ipv4_src": layout.sites["b"].host_ip,
        "ipv4_dst": layout.sites["d"].host_ip,
    }
    assert process(tables["a"], Packet(HOST_PORT, forged))[0] is None
    assert process(tables["a"], Packet(3, forged))[0] == 2  # the same packet from a link is transit
    assert process(tables["a"], Packet(HOST_PORT, {"eth_type": 0x86DD}))[0] is None
    assert process(tables["a"], Packet(2, {**forged, "ipv4_dst": "10.9.9.9"}))[0] is None


def test_cookies_tell_entries_apart() -> None:
    _, tables = tables_of(grid(3, 3))
    for table in tables.values():
        cookies = [entry.cookie for entry in table.entries]
        assert len(set(cookies)) == len(cookies)
        assert all(0 <= cookie < 2**63 for cookie in cookies)


def test_digest_follows_every_table() -> None:
    _, tables = tables_of(four_sites())
    changed = {**tables, "d": FlowTable(tables["d"].entries[1:])}
    assert digest_of_tables(changed) != digest_of_tables(tables)
    assert changed["d"].digest() != tables["d"].digest()
