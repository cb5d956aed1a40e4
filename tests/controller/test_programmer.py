"""The programmer against switches that are not there: joining, failing, refusing, falling silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from controller import programmer as module
from controller.changes import Change
from controller.flowtables import flow_tables
from controller.members import Joined, Left, PortChanged
from controller.plan import RoutingPlan
from controller.programmer import Programmer
from controller.wire import Installed
from tests.controller.strategies import four_sites
from tests.patience import PATIENCE_S
from topology.emulation.layout import Layout
from topology.network import Network

NETWORK = four_sites()
LAYOUT = Layout.of(NETWORK)
ALL_PORTS = frozenset(range(1, 10))


class Answer:
    def __init__(self, comes: bool) -> None:
        self._comes = comes

    def wait(self, timeout: float) -> bool:
        return self._comes


class PretendedSwitch:
    """Does what it is told, unless it is told not to."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.entries: dict[Any, Any] = {}
        self.sent: list[Change] = []
        self.removed_foreign = 0
        self.silent = False
        self.refusing: Callable[[Change], bool] = lambda _change: False
        self.disconnected = ""
        self._refused: set[int] = set()

    def apply(self, changes: Sequence[Change], foreign: Sequence[bytes]) -> Answer:
        for change in changes:
            assert change.site == self.site
            if self.refusing(change):
                self._refused.add(change.entry.cookie)
            elif change.remove:
                del self.entries[change.entry.key]
            else:
                self.entries[change.entry.key] = change.entry
        self.sent += changes
        self.removed_foreign += len(foreign)
        return Answer(not self.silent)

    def refused(self) -> set[int]:
        refused, self._refused = self._refused, set()
        return refused

    def disconnect(self, reason: str) -> None:
        self.disconnected = reason


class Stage:
    """A programmer, its switches and the events it emits."""

    def __init__(self, network: Network = NETWORK) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.programmer = Programmer(network, Layout.of(network), self)
        self.switches = {site: PretendedSwitch(site) for site in network.sites}

    def emit(self, event: str, **fields: object) -> None:
        with self._changed:
            self.events.append({"event": event, **fields})
            self._changed.notify_all()

    def wait_for(self, event: str, *, after: int = 0, **expected: object) -> dict[str, Any]:
        def find() -> list[dict[str, Any]]:
            return [e for e in self.events[after:] if e["event"] == event and expected.items() <= e.items()]

        with self._changed:
            assert self._changed.wait_for(find, PATIENCE_S), (event, expected, self.events[after:])
        return find()[0]

    def join(
        self, *sites: str, ports: frozenset[int] = ALL_PORTS, installed: Installed | None = None
    ) -> None:
        for site in sites:
            switch = self.switches[site]
            found = installed or Installed(dict(switch.entries))
            self.programmer.tell(Joined(site, switch, ports, found, time.monotonic()))

    def port(self, link: str, *, up: bool) -> None:
        end = LAYOUT.links[link].a
        self.programmer.tell(PortChanged(end.site, self.switches[end.site], end.port, up, time.monotonic()))

    def check(self, *without_links: str) -> None:
        plan = RoutingPlan.of(NETWORK, without_links=without_links)
        tables = flow_tables(plan, NETWORK, LAYOUT)
        assert {site: switch.entries for site, switch in self.switches.items()} == {
            site: dict(table.by_key) for site, table in tables.items()
        }


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    stage.programmer.start()
    yield stage
    stage.programmer.stop(PATIENCE_S)


def test_all_join_and_are_programmed(stage: Stage) -> None:
    stage.join("a", "b", "c", "d")
    programmed = stage.wait_for("programmed")
    assert (programmed["switches"], programmed["without_links"]) == (4, [])
    stage.check()
    assert [e["event"] for e in stage.events] == ["switch"] * 4 + ["programmed"]


def test_fail_and_return(stage: Stage) -> None:
    stage.join("a", "b", "c", "d")
    stage.wait_for("programmed")
    stage.port("a--b", up=False)
    stage.wait_for("link-down", link="a--b")
    repaired = stage.wait_for("repaired", without_links=["a--b"])
    assert (repaired["unreachable"], repaired["unconfirmed"]) == ([], [])
    stage.check("a--b")
    stage.port("a--b", up=True)
    stage.wait_for("link-up", link="a--b")
    stage.wait_for("repaired", without_links=[])
    stage.check()
    assert len([e for e in stage.events if e["event"] == "programmed"]) == 1


def test_a_fresh_switch_does_not_wait_for_the_others(stage: Stage) -> None:
    stage.join("a")
    stage.wait_for("switch", site="a")
    assert stage.switches["a"].entries
    assert not [e for e in stage.events if e["event"] == "programmed"]


def test_a_new_controller_looks_before_it_changes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """``a`` forwards by tables for a failed link; whether it still has failed, only ``b`` can tell."""
    monkeypatch.setattr(module, "SETTLE_SECONDS", 30.0)
    cut = flow_tables(RoutingPlan.of(NETWORK, without_links=["b--d"]), NETWORK, LAYOUT)
    for site, switch in stage.switches.items():
        switch.entries = dict(cut[site].by_key)
    failed_port = LAYOUT.links["b--d"].a.port
    stage.join("a", "c", "d")
    time.sleep(0.1)
    assert stage.switches["a"].sent == []
    stage.join("b", ports=ALL_PORTS - {failed_port})
    assert stage.wait_for("programmed")["without_links"] == ["b--d"]
    assert [switch.sent for switch in stage.switches.values()] == [[], [], [], []]
    stage.check("b--d")


def test_it_does_not_wait_for_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.05)
    cut = flow_tables(RoutingPlan.of(NETWORK, without_links=["a--b"]), NETWORK, LAYOUT)
    stage.switches["a"].entries = dict(cut["a"].by_key)
    stage.join("a")
    stage.wait_for("switch", site="a")
    whole = flow_tables(RoutingPlan.of(NETWORK), NETWORK, LAYOUT)
    assert stage.switches["a"].entries == whole["a"].by_key


def test_foreign_entries_are_removed_unless_replaced(stage: Stage) -> None:
    wanted = flow_tables(RoutingPlan.of(NETWORK), NETWORK, LAYOUT)["a"]
    foreign = (
        (None, b"one"),
        ((0, 7, wanted.entries[0].match), b"two"),
        (wanted.entries[0].key, b"ours now"),
    )
    stage.join("b", "c", "d")
    stage.join("a", installed=Installed({}, foreign))
    stage.wait_for("programmed")
    assert stage.switches["a"].removed_foreign == 2
    assert stage.wait_for("switch", site="a")["removed"] == 2
    stage.check()


def test_a_refused_entry_leaves_its_switch_unconfirmed(stage: Stage) -> None:
    stage.switches["b"].refusing = lambda change: change.entry.key[1] == 50
    stage.join("a", "b", "c", "d")
    stage.wait_for("switch", site="d")
    stage.port("a--c", up=False)
    assert stage.wait_for("repaired", without_links=["a--c"])["unconfirmed"] == ["b"]
    assert not [e for e in stage.events if e["event"] == "programmed"]
    stage.switches["b"].refusing = lambda _change: False
    stage.port("a--c", up=True)  # the next occasion tries again
    stage.wait_for("programmed")
    stage.check()


def test_a_silent_switch_does_not_stop_the_others(stage: Stage) -> None:
    stage.join("a", "b", "c", "d")
    stage.wait_for("programmed")
    stage.switches["b"].silent = True
    mark = len(stage.events)
    stage.port("a--b", up=False)
    assert stage.wait_for("repaired", without_links=["a--b"])["unconfirmed"] == ["b"]
    stage.wait_for("switch-lost", site="b")
    assert stage.switches["b"].disconnected
    stage.switches["b"].silent = False
    stage.join("b")
    stage.wait_for("programmed", after=mark)
    stage.check("a--b")


def test_a_switch_that_leaves_keeps_its_links_as_last_seen(stage: Stage) -> None:
    stage.join("a", "b", "c", "d")
    stage.wait_for("programmed")
    stage.port("a--b", up=False)
    stage.wait_for("repaired", without_links=["a--b"])
    mark = len(stage.events)
    stage.programmer.tell(Left("a", stage.switches["a"], "test"))
    stage.wait_for("switch-lost", site="a", after=mark)
    stage.join("a")
    stage.wait_for("repaired", without_links=[], after=mark)  # it joins with all ports up
    stage.wait_for("programmed", after=mark)
    stage.check()


def test_news_of_a_former_connection_is_ignored(stage: Stage) -> None:
    stage.join("a", "b", "c", "d")
    stage.wait_for("programmed")
    former = stage.switches["a"]
    stage.switches["a"] = PretendedSwitch("a")
    stage.switches["a"].entries = dict(former.entries)
    stage.join("a")
    end = LAYOUT.links["a--b"].a
    stage.programmer.tell(PortChanged("a", former, end.port, False, time.monotonic()))
    stage.programmer.tell(Left("a", former, "test"))
    stage.port("a--c", up=False)
    stage.wait_for("repaired", without_links=["a--c"])
    assert former.disconnected
    assert not [e for e in stage.events if e["event"] == "switch-lost"]
