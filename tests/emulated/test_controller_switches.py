"""The controller against real Open vSwitch: tables, packets, failures, restarts, and peers that misbehave."""

from __future__ import annotations

import random
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from tests.emulated.controller_rig import PORT, ControllerProcess, Rig
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.switch


@pytest.fixture
def rig(cell: None, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    try:
        rig.start()
        yield rig
    finally:
        rig.openvswitch.stop()


@pytest.fixture
def controller(rig: Rig) -> Iterator[ControllerProcess]:
    process = ControllerProcess(rig.scenario)
    process.wait_for("programmed")
    yield process
    if process.is_running():
        assert process.end() == 0
    assert "Traceback" not in process.errors
    assert "Warning" not in process.errors


def differences(rig: Rig, folder: Path, *without: str) -> dict[str, str]:
    plan = RoutingPlan.of(rig.network, without_links=without)
    return rig.differences(flow_tables(plan, rig.network, rig.layout), folder)


def test_switches_hold_exactly_the_computed_tables(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    assert differences(rig, tmp_path) == {}
    tables = flow_tables(RoutingPlan.of(rig.network), rig.network, rig.layout)
    programmed = controller.wait_for("programmed")
    assert programmed["switches"] == 4
    assert programmed["entries"] == sum(len(table.entries) for table in tables.values())
    assert controller.events[0]["event"] == "listening"
    assert controller.events[0]["plan"] == RoutingPlan.of(rig.network).digest()


def test_packets_cross_the_planned_switches(rig: Rig, controller: ControllerProcess) -> None:
    """Best effort over ``b``, *compute* over ``c``; one TTL less for each switch; a router's header."""
    assert controller.events
    here, there = rig.layout.sites["a"], rig.layout.sites["d"]
    for dscp, crossed, avoided in ((0, "b", "c"), (46, "c", "b")):
        before = {site: rig.packets_towards(site, "d") for site in "bc"}
        with rig.listening("a") as sender, rig.listening("d") as receiver:
            for _ in range(5):
                sender.send(rig.frame("a", "d", dscp=dscp))
                got = receiver.receive(UDP)
                assert got is not None
                assert (got[IP].src, got[IP].dst, got[IP].ttl) == (here.host_ip, there.host_ip, 61)
                assert (got[Ether].src, got[Ether].dst) == (there.gateway_mac, there.host_mac)
        assert rig.packets_towards(crossed, "d") - before[crossed] == 5
        assert rig.packets_towards(avoided, "d") == before[avoided]


def test_the_switch_answers_arp_and_stops_forged_sources(rig: Rig, controller: ControllerProcess) -> None:
    assert controller.events
    site = rig.layout.sites["a"]
    request = Ether(src=site.host_mac, dst="ff:ff:ff:ff:ff:ff") / ARP(
        op=1, hwsrc=site.host_mac, psrc=site.host_ip, pdst=site.gateway_ip
    )
    with rig.listening("a") as host:
        host.send(request)
        answer = host.receive(ARP)
    assert answer is not None
    assert (answer[ARP].op, answer[ARP].hwsrc, answer[ARP].psrc) == (2, site.gateway_mac, site.gateway_ip)
    assert (answer[ARP].hwdst, answer[ARP].pdst) == (site.host_mac, site.host_ip)
    assert (answer[Ether].src, answer[Ether].dst) == (site.gateway_mac, site.host_mac)
    forged = rig.frame("a", "d")
    forged[IP].src = rig.layout.sites["b"].host_ip
    with rig.listening("a") as sender, rig.listening("d") as receiver:
        sender.send(forged)
        assert receiver.receive(UDP, seconds=0.3) is None


def test_an_expired_ttl_is_answered_by_the_site_where_it_expired(
    rig: Rig, controller: ControllerProcess
) -> None:
    assert controller.events
    with rig.listening("a") as host, rig.listening("d") as receiver:
        for ttl, site in ((1, "a"), (2, "b"), (3, "d")):
            question = rig.frame("a", "d", ttl=ttl)
            host.send(question)
            answer = host.receive(ICMP)
            assert answer is not None
            assert (answer[ICMP].type, answer[ICMP].code) == (11, 0)
            assert answer[IP].src == rig.layout.sites[site].gateway_ip
            assert answer[ICMP].payload.dst == question[IP].dst  # it quotes the packet it is about
        assert receiver.receive(UDP, seconds=0.2) is None


def test_a_failed_link_is_repaired_and_its_return_undone(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    with rig.listening("a") as sender, rig.listening("d") as receiver:
        mark = len(controller.events)
        rig.set_link("a--b", "down")
        controller.wait_for("link-down", after=mark, link="a--b")
        repaired = controller.wait_for("repaired", after=mark, without_links=["a--b"], unconfirmed=[])
        assert repaired["unreachable"] == []
        assert repaired["rerouted"] > 0
        assert differences(rig, tmp_path, "a--b") == {}
        sender.send(rig.frame("a", "d"))
        assert receiver.receive(UDP) is not None
        rig.set_link("a--c", "down")
        cut = controller.wait_for("repaired", after=mark, without_links=["a--b", "a--c"])
        assert ["a", "d"] in cut["unreachable"]
        mark = len(controller.events)
        rig.set_link("a--c", "up")
        rig.set_link("a--b", "up")
        controller.wait_for("link-up", after=mark, link="a--b")
        controller.wait_for("repaired", after=mark, without_links=[], unconfirmed=[])
        assert differences(rig, tmp_path) == {}
        sender.send(rig.frame("a", "d"))
        assert receiver.receive(UDP) is not None


def test_traffic_flows_without_and_across_controllers(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    """Killed, gone, back: entries stay, and the new one changes nothing."""
    with rig.listening("a") as sender, rig.listening("d") as receiver:
        sender.send(rig.frame("a", "d"))
        assert receiver.receive(UDP) is not None
        controller.end(signal.SIGKILL)
        sender.send(rig.frame("a", "d"))
        assert receiver.receive(UDP) is not None
        counted = rig.packets_towards("b", "d")
        assert counted == 2
        again = ControllerProcess(rig.scenario)
        try:
            again.wait_for("programmed")
            switches = [event for event in again.events if event["event"] == "switch"]
            assert [(event["added"], event["removed"]) for event in switches] == [(0, 0)] * 4
            assert rig.packets_towards("b", "d") == counted
            sender.send(rig.frame("a", "d"))
            assert receiver.receive(UDP) is not None
        finally:
            assert again.end() == 0
    assert differences(rig, tmp_path) == {}


def test_stale_entries_are_replaced_and_removed(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    controller.end()
    ofctl = rig.openvswitch.ofctl
    address = rig.layout.sites["d"].host_ip
    ofctl("add-flow", rig.switch("a"), "table=1,priority=99,ip,nw_dst=10.9.9.9,actions=drop")
    ofctl(
        "add-flow", rig.switch("a"), "table=0,priority=5,ip,nw_src=10.0.0.0/8,idle_timeout=60,actions=NORMAL"
    )
    ofctl("mod-flows", rig.switch("b"), f"table=1,ip,nw_dst={address},actions=output:2")
    ofctl("del-flows", rig.switch("c"), "table=0")
    again = ControllerProcess(rig.scenario)
    try:
        again.wait_for("programmed")
        assert differences(rig, tmp_path) == {}
        done = {e["site"]: (e["added"], e["removed"]) for e in again.events if e["event"] == "switch"}
        assert done["a"] == (0, 2)
        assert done["b"][0] >= 1
        assert done["c"] == (5, 0)
        assert done["d"] == (0, 0)
    finally:
        assert again.end() == 0


def test_a_link_that_failed_meanwhile_is_seen_by_a_new_controller(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    controller.end()
    rig.set_link("a--b", "down")
    again = ControllerProcess(rig.scenario)
    try:
        programmed = again.wait_for("programmed")
        assert programmed["without_links"] == ["a--b"]
        assert differences(rig, tmp_path, "a--b") == {}
    finally:
        assert again.end() == 0


def test_a_switch_that_reconnects_is_reconciled(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    mark = len(controller.events)
    rig.openvswitch.vsctl("del-controller", rig.switch("a"))
    controller.wait_for("switch-lost", after=mark, site="a")
    rig.openvswitch.ofctl("del-flows", rig.switch("a"), "table=1")
    rig.openvswitch.vsctl("set-controller", rig.switch("a"), f"tcp:127.0.0.1:{PORT}")
    controller.wait_for("switch", after=mark, site="a")
    controller.wait_for("programmed", after=mark)
    assert differences(rig, tmp_path) == {}


def test_peers_that_speak_no_openflow_harm_nobody(
    rig: Rig, controller: ControllerProcess, tmp_path: Path
) -> None:
    noise = random.Random(1)
    hello = b"\x04\x00\x00\x08\x00\x00\x00\x01"
    features = b"\x04\x06\x00\x20\x00\x00\x00\x02" + (77).to_bytes(8, "big") + b"\x00" * 16
    said = [
        b"GET / HTTP/1.1\r\n\r\n",
        noise.randbytes(4096),
        b"\x04\x00\x00\x00\x00\x00\x00\x00",  # a length of 0
        b"\x01\x00\x00\x08\x00\x00\x00\x01",  # OpenFlow 1.0
        hello + b"\x04\x06\x00\x0c\x00\x00\x00\x02\x00\x00\x00\x00",  # features cut short
        hello + features[:8] + noise.randbytes(24),
        hello + b"\x04\xee\x00\x08\x00\x00\x00\x02",  # no such type
        hello + b"\x01\x05\x00\x08\x00\x00\x00\x02",  # another version after the handshake began
        b"",
    ]
    mark = len(controller.events)
    for data in said:
        with socket.create_connection(("127.0.0.1", PORT)) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            peer.settimeout(PATIENCE_S)
            while peer.recv(4096):
                pass  # until it hangs up
    quiet = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(20)]
    rig.set_link("a--b", "down")
    controller.wait_for("repaired", after=mark, without_links=["a--b"], unconfirmed=[])
    for peer in quiet:
        peer.close()
    assert differences(rig, tmp_path, "a--b") == {}
    reasons = [event["reason"] for event in controller.events if event["event"] == "bad-peer"]
    assert "speaks no OpenFlow 1.3" in reasons
    assert any(reason.startswith("sent ") for reason in reasons)


def test_a_switch_of_no_site_is_turned_away(rig: Rig, controller: ControllerProcess, tmp_path: Path) -> None:
    mark = len(controller.events)
    rig.openvswitch.transaction(Rig.bridge("stranger", 0xBEEF))
    event = controller.wait_for("unknown-switch", after=mark)
    assert event["dpid"] == "0x000000000000beef"
    assert "actions" not in rig.openvswitch.ofctl("dump-flows", "stranger")
    assert differences(rig, tmp_path) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(rig: Rig, number: signal.Signals) -> None:
    process = ControllerProcess(rig.scenario)
    process.wait_for("listening")
    assert process.end(number) == 0
    assert process.events[-1]["event"] == "stopped"


def test_an_address_in_use_is_told_in_a_sentence(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", PORT)):
        process = ControllerProcess(rig.scenario)
        assert process.wait() == 4
    assert "cannot listen on 127.0.0.1:6653" in process.errors
    assert "Traceback" not in process.errors
