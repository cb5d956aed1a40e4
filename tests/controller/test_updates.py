"""Updates: the end is the new tables, and no packet circles on the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.actions import ToGroup
from controller.changes import Change
from controller.entries import EntryKey, FlowEntry, FlowTable, Item
from controller.flowtables import flow_tables
from controller.groups import Group
from controller.plan import RoutingPlan
from controller.reservations import Reservation
from controller.reserved_tables import Carried
from controller.simulate import Fate, follow, follow_reserved
from controller.updates import after, rounds
from tests.controller.reserved import (
    a_path,
    carried,
    links_of,
    networks_and_reservations,
    reservation,
    with_reserved_class,
)
from tests.controller.strategies import four_sites, network_of, networks_and_failures
from topology.emulation.layout import Layout
from topology.network import ROUTED_CLASSES, Network

Installed = Mapping[str, Mapping[EntryKey, Item]]


def as_tables(installed: Installed) -> dict[str, FlowTable]:
    return {site: FlowTable.of(entries.values()) for site, entries in installed.items()}


def installed_of(tables: Mapping[str, FlowTable]) -> dict[str, dict[EntryKey, Item]]:
    return {site: dict(table.by_key) for site, table in tables.items()}


def check_no_loop(network: Network, layout: Layout, installed: Installed) -> None:
    tables = as_tables(installed)
    for source in network.sites:
        for destination in network.sites:
            for traffic_class in ROUTED_CLASSES:
                walk = follow(tables, layout, source, destination, dscp=network.routing.dscp[traffic_class])
                assert walk.fate is not Fate.EXPIRED, (source, destination, traffic_class, walk.sites[:8])


@settings(max_examples=60)
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
    assert not any(isinstance(change.entry, FlowEntry) and change.entry.table == 0 for change in there)
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


@st.composite
def two_states(draw: st.DrawFn) -> tuple[Network, list[Reservation], list[Carried], list[Carried]]:
    """Reservations and where they are carried before and after: anything standing may decide, and more."""
    network, held = draw(networks_and_reservations(most=2))
    states: tuple[list[Carried], list[Carried]] = ([], [])
    for one in held:
        source, destination = one.primary.sites[0], one.primary.sites[-1]
        for state in states:
            match draw(st.sampled_from(["path", "bare", "backup", "other", "none"])):
                case "path":
                    state.append(carried(one))
                case "bare":
                    state.append(Carried(one, one.primary.sites))
                case "backup":
                    state.append(carried(one, on_backup=one.backup is not None))
                case "other":
                    path = a_path(draw, network, source, destination)
                    assert path is not None  # there is the primary at least
                    backup = a_path(draw, network, source, destination, links_of(network, path))
                    state.append(Carried(one, path, backup if draw(st.booleans()) else None))
    return network, held, *states


def walks(
    network: Network, layout: Layout, tables: Mapping[str, FlowTable], held: Sequence[Reservation]
) -> dict[tuple[str, str], Fate]:
    """What becomes of a packet of each reservation, with all links whole and with each one cut."""
    return {
        (one.id, cut): follow_reserved(tables, layout, one, without_links={cut} - {""}).fate
        for one in held
        for cut in ("", *network.links)
    }


@settings(max_examples=120)
@given(st.data(), two_states(), st.booleans())
def test_reserved_packets_arrive_at_every_moment(
    data: st.DataObject,
    drawn: tuple[Network, list[Reservation], list[Carried], list[Carried]],
    lingering: bool,
) -> None:
    """What arrives before and after, whole or cut, arrives in between; nothing ever circles.

    Except where packets go round at that moment, and a link of the new way is cut just then: marked alike,
    they may meet entries of both ways. Nobody is sent where links are known to fail.
    """
    network, held, before, now = drawn
    layout = Layout.of(network)
    plan = RoutingPlan.of(network)
    old, new = (flow_tables(plan, network, layout, state) for state in (before, now))
    lasting = {c.reservation.id for c in before} & {c.reservation.id for c in now}
    round_ = {
        c.reservation.id: set(network.links) if c.on_backup else links_of(network, c.path) for c in before
    }
    cut_now = {
        (c.reservation.id, link)
        for c in now
        for way in (c.path, c.backup)
        if way
        for link in links_of(network, way) & round_.get(c.reservation.id, set())
    }
    fates = [walks(network, layout, tables, held) for tables in (old, new)]
    installed = installed_of(old)
    for changes in rounds(installed, new, lingering=lingering):
        ready = data.draw(st.sets(st.sampled_from(sorted({change.site for change in changes}))))
        some = after(installed, [change for change in changes if change.site in ready])
        installed = after(installed, changes)
        for moment in (some, installed):
            for key, fate in walks(network, layout, as_tables(moment), held).items():
                assert fate is not Fate.EXPIRED
                if key[0] not in lasting or key in cut_now:
                    continue
                if all(f[key] is Fate.DELIVERED for f in fates):
                    assert fate is Fate.DELIVERED, key
    if lingering:
        for changes in rounds(installed, new):
            installed = after(installed, changes)
    assert as_tables(installed) == new


@settings(max_examples=40)
@given(two_states())
def test_groups_and_meters_exist_while_entries_use_them(
    drawn: tuple[Network, list[Reservation], list[Carried], list[Carried]],
) -> None:
    network, _, before, now = drawn
    layout = Layout.of(network)
    plan = RoutingPlan.of(network)
    old, new = (flow_tables(plan, network, layout, state) for state in (before, now))
    installed = installed_of(old)
    for changes in rounds(installed, new):
        for change in changes:  # one after the other, as each switch does them
            assert change.replaces == (not change.remove and change.entry.key in installed[change.site])
            installed = after(installed, [change])
            table = FlowTable.of(installed[change.site].values())
            groups, meters = set(table.group_by_id), {meter.id for meter in table.meters}
            for entry in table.entries:
                assert entry.meter is None or entry.meter in meters
                assert {a.group for a in entry.actions if isinstance(a, ToGroup)} <= groups
    assert as_tables(installed) == new


def test_a_move_to_the_backup_is_one_message() -> None:
    network = with_reserved_class(four_sites())
    layout = Layout.of(network)
    held = reservation("video", ("a", "b", "d"), ("a", "c", "d"))
    plan = RoutingPlan.of(network)
    old, new = (
        flow_tables(plan, network, layout, [carried(held, on_backup=moved)]) for moved in (False, True)
    )
    ((change,),) = rounds(installed_of(old), new)
    assert (change.site, change.entry.key, change.replaces) == ("a", new["a"].groups[0].key, True)


def test_reservations_go_before_everything_else() -> None:
    network = with_reserved_class(four_sites())
    layout = Layout.of(network)
    held = reservation("video", ("a", "b", "d"), ("a", "c", "d"))
    cut = RoutingPlan.of(network, without_links=["a--b"])
    old = flow_tables(RoutingPlan.of(network), network, layout, [carried(held)])
    new = flow_tables(cut, network, layout, [carried(held, on_backup=True)])
    first, *others = rounds(installed_of(old), new)
    assert [type(change.entry) for change in first] == [Group]
    assert all(isinstance(change.entry, FlowEntry) for part in others for change in part)


def test_a_cut_of_the_new_path_finds_no_packet_that_has_not_turned() -> None:
    """The old way round and the new path share ``x--y``, and ``x`` lies on both paths."""
    links = [(a, b, 1.0, 100) for a, b in ("sa", "ax", "xd", "sb", "bx", "xy", "yd", "sx")]
    network = with_reserved_class(network_of("sabxyd", links))
    layout = Layout.of(network)
    held = reservation("video", ("s", "a", "x", "d"), ("s", "b", "x", "y", "d"))
    moved = Carried(held, ("s", "x", "y", "d"), ("s", "a", "x", "d"))
    plan = RoutingPlan.of(network)
    old, new = (flow_tables(plan, network, layout, [one]) for one in (carried(held), moved))
    installed = installed_of(old)
    for changes in rounds(installed, new):
        installed = after(installed, changes)
        walk = follow_reserved(as_tables(installed), layout, held, without_links=["x--y"])
        assert walk.fate is Fate.DELIVERED
