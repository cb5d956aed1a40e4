"""The whole controller on loopback, against switches of plain OpenFlow 1.3. No root, no Open vSwitch."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import os_ken.base.app_manager  # noqa: F401  must come first
import pytest
from os_ken.ofproto import ofproto_v1_3 as ofproto
from os_ken.ofproto import ofproto_v1_3_parser as parser

from controller import listener
from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from controller.reservations import Refusal, Reservation
from controller.service import ControllerService
from controller.switch import Ports
from tests.controller.openflow_switch import OpenFlowSwitch
from tests.controller.strategies import four_sites
from tests.controller.test_programmer_reservations import NETWORK as RESERVED
from tests.controller.test_programmer_reservations import VIDEO, demand
from tests.patience import PATIENCE_S
from topology.emulation.layout import Layout
from topology.errors import EmulationError, InputError
from topology.network import Network

NETWORK = four_sites()
LAYOUT = Layout.of(NETWORK)


class Stage:
    """A running controller, its events, and its switches."""

    def __init__(self, network: Network = NETWORK) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.service = ControllerService(network, LAYOUT, self)
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
            assert self._changed.wait_for(find, PATIENCE_S), (event, expected, self.events[after:])
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
            assert switch.closed.wait(PATIENCE_S)
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
    assert stranger.closed.wait(PATIENCE_S)
    assert stranger.entries == {}


def test_peers_that_say_nothing_are_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.1)
    with socket.create_connection(("127.0.0.1", stage.service.port)) as quiet:
        quiet.settimeout(PATIENCE_S)
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


@pytest.fixture
def reserved() -> Iterator[Stage]:
    stage = Stage(RESERVED)
    yield stage
    stage.stop()


def test_demands_are_asked_for_and_given_back_from_any_thread(reserved: Stage) -> None:
    reserved.connect("a", "b", "c", "d")
    reserved.wait_for("programmed")
    service = reserved.service
    assert set(service.snapshot.reservations) == {VIDEO.id}
    more = demand("more", "d", "a")
    answer = service.ask(more)
    assert isinstance(answer, Reservation)
    assert set(service.snapshot.reservations) == {VIDEO.id, "more"}
    assert dict(service.snapshot.pending) == {}
    assert service.usage()["d", "b"].rate_bps == answer.rate_bps
    assert isinstance(service.ask(more), Refusal)  # there is one of this name
    with pytest.raises(InputError):
        service.withdraw("unheard-of")
    assert service.withdraw("more") == answer
    assert set(service.snapshot.reservations) == {VIDEO.id}
    assert service.usage()["d", "b"].rate_bps == 0


def test_a_switch_that_comes_back_keeps_its_groups_and_meters(reserved: Stage) -> None:
    reserved.connect("a", "b", "c", "d")
    reserved.wait_for("programmed")
    switch, mark = reserved.switches["a"], len(reserved.events)
    assert {kind for kind, _ in switch.held} == {"group", "meter"}
    sent = switch.flow_mods
    switch.disconnect()
    reserved.wait_for("switch-lost", site="a", after=mark)
    pending = reserved.service.ask(demand("more"))
    assert isinstance(pending, Reservation)
    assert reserved.service.snapshot.pending == {VIDEO.id: ("a",), "more": ("a",)}
    assert isinstance(reserved.service.withdraw("more"), Reservation)
    switch.connect()
    reserved.wait_for("programmed", after=mark)
    assert reserved.wait_for("switch", site="a", after=mark)["added"] == 0
    assert switch.flow_mods == sent


def test_a_port_that_is_not_live_counts_as_down() -> None:
    """Only at a switch that reports liveness: others never set that bit, and their ports are up."""
    ports = Ports()
    alive = parser.OFPPort(2, "", b"", 0, ofproto.OFPPS_LIVE, 0, 0, 0, 0, 0, 0)
    plain = parser.OFPPort(3, "", b"", 0, 0, 0, 0, 0, 0, 0, 0)
    assert ports.describe(plain)
    assert ports.up == {3}
    assert ports.describe(alive)
    assert ports.up == {2}
    assert ports.describe(alive._replace(state=0))
    assert not ports.up
    assert ports.describe(alive)
    assert ports.describe(alive, deleted=True)
    assert not ports.up
