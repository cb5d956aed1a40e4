"""Peers that mean no good, or are broken, against the whole controller over TCP: only they suffer."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import claims, connection, listener
from tests.controller.hostile.messages import (
    CORPUS,
    HELLO_4,
    LATE_CORPUS,
    MESSAGES,
    PORT_DESC,
    TOLERATED,
    features,
    flow_stats,
    message,
    multipart,
)
from tests.controller.test_service import LAYOUT, Stage
from tests.patience import PATIENCE_S, wait_until

SITES = ("a", "b", "c", "d")


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.stop()


class Peer:
    """A connection that says what it is told to and listens to nothing."""

    def __init__(self, stage: Stage, *messages: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", stage.service.port))
        self.socket.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):  # cut off while still talking
            for data in messages:
                self.socket.sendall(data)

    def was_cut_off(self) -> bool:
        """Whether the controller ended it; waits for that."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        self.socket.close()
        return True


def as_switch_of(site: str) -> tuple[bytes, bytes, bytes]:
    """What a switch says to shake hands."""
    return HELLO_4, features(LAYOUT.sites[site].dpid), multipart(PORT_DESC)


def works(stage: Stage) -> None:
    """Switches connect, are programmed and repaired as if nothing had been."""
    mark = len(stage.events)
    stage.connect(*SITES)
    stage.wait_for("programmed", after=mark)
    end = LAYOUT.links["a--b"].a
    stage.switches[end.site].set_port(end.port, up=False)
    stage.wait_for("repaired", after=mark, without_links=["a--b"], unconfirmed=[])


def test_malformed_greetings_end_their_own_connection(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 1.0)
    peers = [Peer(stage, data) for data in CORPUS.values()]
    assert all(peer.was_cut_off() for peer in peers)
    monkeypatch.undo()
    works(stage)


def test_malformed_messages_end_the_connection_that_sent_them(stage: Stage) -> None:
    stage.connect("b", "c", "d")
    for name, data in LATE_CORPUS.items():
        mark = len(stage.events)
        assert Peer(stage, *as_switch_of("a"), data).was_cut_off(), name
        stage.wait_for("bad-peer", after=mark)
    assert not [e for e in stage.events if e["event"] == "switch-lost" and e["site"] != "a"]
    for switch in stage.switches.values():
        assert not switch.closed.is_set()
    stage.connect("a")
    stage.wait_for("programmed")


def test_strange_but_sound_messages_are_borne(stage: Stage) -> None:
    peer = Peer(stage, *as_switch_of("a"), *TOLERATED.values(), message(2, b"still there?", xid=99))
    answer = b""
    while b"still there?" not in answer:
        received = peer.socket.recv(65536)
        assert received, stage.events
        answer += received
    peer.socket.close()
    stage.connect("b")
    stage.wait_for("switch", site="b")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MESSAGES, min_size=1, max_size=5), st.sampled_from(["", "hello", "switch"]))
def fuzz(stage: Stage, messages: list[bytes], first: str) -> None:
    prologue = {"": (), "hello": (HELLO_4,), "switch": as_switch_of("a")}[first]
    peer = Peer(stage, *prologue, *messages)
    with contextlib.suppress(OSError):
        peer.socket.shutdown(socket.SHUT_WR)
    assert peer.was_cut_off()


def test_fuzzed_messages_leave_the_controller_working(stage: Stage) -> None:
    fuzz(stage)
    works(stage)


def test_peers_that_trickle_are_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.6)
    peer = Peer(stage)
    trickle = message(2, bytes(1000))
    with contextlib.suppress(OSError):
        for byte in trickle:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.02)
    assert stage.wait_for("bad-peer")["reason"] == "did not finish the handshake"
    assert peer.was_cut_off()


def test_idle_peers_keep_no_switch_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.service._listener, "_most_waiting", 10)
    idle = [Peer(stage) for _ in range(60)]
    works(stage)
    assert "made room" in stage.wait_for("bad-peer")["reason"]
    for peer in idle:
        peer.socket.close()


def test_endless_talk_is_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_REPORT_BYTES", 1 << 18)
    monkeypatch.setattr(connection, "_BYTES_PER_SECOND", 1 << 10)
    entries = multipart(1, flow_stats() * 500, more=True)
    assert Peer(stage, *as_switch_of("a"), *[entries] * 40).was_cut_off()
    stage.wait_for("bad-peer", reason="sent more than a switch has to say")
    ports = multipart(PORT_DESC, bytes(64) * 1000, more=True)
    assert Peer(stage, *as_switch_of("b")[:2], *[ports] * 40).was_cut_off()
    stage.wait_for("bad-peer", reason="sent too much during the handshake")
    works(stage)


def test_a_flood_of_bad_peers_leaves_nothing_behind(stage: Stage) -> None:
    def flood(times: int) -> None:
        for data in list(CORPUS.values())[:4] * times:
            assert Peer(stage, data).was_cut_off()

    flood(5)
    threads, memory_kb = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    flood(50)
    stage.wait_for("bad-peer")
    wait_until(lambda: not stage.service._listener._current())
    assert threading.active_count() <= threads + 2  # one may still be on its way out
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 20_000
    assert len([e for e in stage.events if e["event"] == "bad-peer"]) < 150


def test_a_second_claim_of_a_live_switch_is_refused(stage: Stage) -> None:
    stage.connect(*SITES)
    stage.wait_for("programmed")
    first = stage.switches["a"]
    assert Peer(stage, *as_switch_of("a")).was_cut_off()
    refused = stage.wait_for("duplicate-dpid")
    assert refused["dpid"] == f"{first.dpid:#018x}"
    assert refused["held_by"] != refused["address"]
    assert not [event for event in stage.events if event["event"] == "switch-lost"]
    end = LAYOUT.links["a--b"].a
    first.set_port(end.port, up=False)  # the first is still the one that is listened to
    stage.wait_for("repaired", without_links=["a--b"], unconfirmed=[])


def test_a_switch_that_died_silently_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PROBE_SECONDS", 0.3)
    stage.connect("b", "c", "d")
    stage.connect("a", answers_echo=False)  # as after a power cut: the connection stands, nobody is there
    stage.wait_for("programmed")
    former, mark = stage.switches["a"], len(stage.events)
    stage.connect("a")
    assert stage.wait_for("switch-lost", site="a", after=mark)["reason"] == "the switch connected anew"
    assert former.closed.wait(PATIENCE_S)
    stage.wait_for("programmed", after=mark)
    assert not [event for event in stage.events if event["event"] == "duplicate-dpid"]


def test_a_crowd_with_one_claim(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PROBE_SECONDS", 0.5)
    crowd = [Peer(stage, *as_switch_of("a")) for _ in range(8)]  # none of them answers an echo
    stage.connect(*SITES)
    for peer in crowd:
        peer.socket.close()
    deadline = time.monotonic() + PATIENCE_S
    while not any(e["event"] == "programmed" for e in stage.events) and time.monotonic() < deadline:
        if stage.switches["a"].closed.wait(0.1):
            stage.connect("a")  # as Open vSwitch does
    stage.wait_for("programmed")
