"""Updates: the end is the new tables, and no packet circles on the way there."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.entries import EntryKey, FlowEntry, FlowTable
from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from controller.simulate import Fate, follow
from controller.updates import Change, after, rounds
from tests.controller.strategies import four_sites, networks_and_failures
from topology.emulation.layout import Layout
from topology.network import ROUTED_CLASSES, Network

Installed = Mapping[str, Mapping[EntryKey, FlowEntry]]


def as_tables(installed: Installed) -> dict[str, FlowTable]:
    return {site: FlowTable.of(entries.values()) for site, entries in installed.items()}


def installed_of(tables: Mapping[str, FlowTable]) -> dict[str, dict[EntryKey, FlowEntry]]:
    return {site: dict(table.by_key) for site, table in tables.items()}


def check_no_loop(network: Network, layout: Layout, installed: Installed) -> None:
    tables = as_tables(installed)
    for source in network.sites:
        for destination in network.sites:
            for traffic_class in ROUTED_CLASSES:
                walk = follow(tables, layout, source, destination, dscp=network.routing.dscp[traffic_class])
                assert walk.fate is not Fate.EXPIRED, (source, destination, traffic_class, walk.sites[:8])


@settings(max_examples=60, deadline=None)
@given(st.data(), networks_and_failures())
def test_no_loop_at_any_moment(
    data: st.DataObject, drawn: tuple[Network, frozenset[str], frozenset[str]]
) -> None:
    network, before, now = drawn
    layout = Layout.of(network)
    old = flow_tables(RoutingPlan.of(network, without_links=before), network, layout)
    new = flow_tables(RoutingPlan.of(network, without_links=now), network, layout)
    installed = installed_of(old)
    for changes in rounds(installed, new):
        # Switches work through a round at their own pace, each in order.
        ready = data.draw(st.sets(st.sampled_from(sorted({change.site for change in changes}))))
        some = [change for change in changes if change.site in ready]
        check_no_loop(network, layout, after(installed, some))
        installed = after(installed, changes)
        check_no_loop(network, layout, installed)
    assert as_tables(installed) == new


def test_nothing_to_do_for_what_is_there() -> None:
    network = four_sites()
    tables = flow_tables(RoutingPlan.of(network), network, Layout.of(network))
    assert rounds(installed_of(tables), tables) == []


def test_a_fresh_switch_is_filled_at_once() -> None:
    network = four_sites()
    tables = flow_tables(RoutingPlan.of(network), network, Layout.of(network))
    (only,) = rounds({"a": {}}, tables)
    assert tuple(change.entry for change in only) == tables["a"].entries
    assert {change.site for change in only} == {"a"}


def test_a_failure_touches_only_what_it_must_and_returns_to_the_same_tables() -> None:
    network = four_sites()
    layout = Layout.of(network)
    whole = flow_tables(RoutingPlan.of(network), network, layout)
    cut = flow_tables(RoutingPlan.of(network, without_links=["a--c"]), network, layout)
    there = [change for part in rounds(installed_of(whole), cut) for change in part]
    assert not any(change.entry.table == 0 for change in there)
    back = [change for part in rounds(installed_of(cut), whole) for change in part]
    assert as_tables(after(after(installed_of(whole), there), back)) == whole


def test_stale_entries_go_last() -> None:
    network = four_sites()
    tables = flow_tables(RoutingPlan.of(network), network, Layout.of(network))
    missing = tables["a"].entries[-2]
    stale = FlowEntry(1, 99, missing.match)
    present = {**tables["a"].by_key, stale.key: stale}
    del present[missing.key]
    put, removed = rounds({"a": present}, tables)
    assert put == (Change("a", missing),)
    assert removed == (Change("a", stale, remove=True),)
