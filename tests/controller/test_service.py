"""The whole controller on loopback, against switches of plain OpenFlow 1.3. No root, no Open vSwitch."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from controller import listener
from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from controller.service import ControllerService
from tests.controller.openflow_switch import OpenFlowSwitch
from tests.controller.strategies import four_sites
from topology.emulation.layout import Layout
from topology.errors import EmulationError

NETWORK = four_sites()
LAYOUT = Layout.of(NETWORK)


class Stage:
    """A running controller, its events, and its switches."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.service = ControllerService(NETWORK, LAYOUT, self)
        self.service.start("127.0.0.1", 0)
        self.switches: dict[str, OpenFlowSwitch] = {}

    def emit(self, event: str, **fields: object) -> None:
        with self._changed:
            self.events.append({"event": event, **fields})
            self._changed.notify_all()

    def wait_for(self, event: str, *, after: int = 0, **expected: object) -> dict[str, Any]:
        def find() -> list[dict[str, Any]]:
            return [e for e in self.events[after:] if e["event"] == event and expected.items() <= e.items()]

        with self._changed:
            assert self._changed.wait_for(find, 15), (event, expected, self.events[after:])
        return find()[0]

    def connect(self, *sites: str, answers_echo: bool = True) -> None:
        for site in sites:
            dpid = LAYOUT.sites[site].dpid
            switch = OpenFlowSwitch(dpid, range(1, 4), self.service.port, answers_echo=answers_echo)
            self.switches[site] = switch
            switch.connect()

    def stop(self) -> None:
        self.service.stop()
        for switch in self.switches.values():
            assert switch.closed.wait(5)
            assert switch.problems == []


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.stop()


def test_switches_are_programmed_and_repaired_in_plain_openflow(stage: Stage) -> None:
    stage.connect("a", "b", "c", "d")
    stage.wait_for("programmed")
    tables = flow_tables(RoutingPlan.of(NETWORK), NETWORK, LAYOUT)
    for site, switch in stage.switches.items():
        assert len(switch.entries) == len(tables[site].entries)
    end = LAYOUT.links["a--b"].a
    stage.switches[end.site].set_port(end.port, up=False)
    stage.wait_for("repaired", without_links=["a--b"], unconfirmed=[])
    stage.switches[end.site].set_port(end.port, up=True)
    stage.wait_for("repaired", without_links=[], unconfirmed=[])


def test_a_switch_that_comes_back_is_read_and_left_alone(stage: Stage) -> None:
    stage.connect("a", "b", "c", "d")
    stage.wait_for("programmed")
    switch, mark = stage.switches["a"], len(stage.events)
    sent = switch.flow_mods
    switch.disconnect()
    stage.wait_for("switch-lost", site="a", after=mark)
    switch.connect()
    stage.wait_for("programmed", after=mark)
    assert stage.wait_for("switch", site="a", after=mark)["added"] == 0
    assert switch.flow_mods == sent


def test_unknown_switches_are_turned_away(stage: Stage) -> None:
    stranger = OpenFlowSwitch(0xBEEF, range(1, 2), stage.service.port)
    stranger.connect()
    assert stage.wait_for("unknown-switch")["dpid"] == "0x000000000000beef"
    assert stranger.closed.wait(5)
    assert stranger.entries == {}


def test_peers_that_say_nothing_are_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", stage.service.port)) as quiet:
        quiet.settimeout(10)
        while quiet.recv(100):
            pass
    assert stage.wait_for("bad-peer")["reason"] == "did not finish the handshake"


def test_switches_that_fall_silent_are_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "ECHO_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(listener, "SILENT_AFTER_SECONDS", 3.0)
    stage.connect("a")
    stage.connect("b", answers_echo=False)
    assert stage.wait_for("switch-lost", site="b")["reason"].startswith("silent for")
    assert not [e for e in stage.events if e["event"] == "switch-lost" and e["site"] == "a"]


def test_an_address_in_use_is_an_error_of_ours(stage: Stage) -> None:
    with pytest.raises(EmulationError, match="cannot listen"):
        stage.service.start("127.0.0.1", stage.service.port)
