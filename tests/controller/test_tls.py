"""Switches over TLS: who is let in, who is not, and for which datapath."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import listener
from controller.service import ControllerService
from controller.tls import TlsFiles, TlsSocket, datapath_ids
from tests.controller.certificates import Authority, Identity
from tests.controller.openflow_switch import OpenFlowSwitch
from tests.controller.test_service import LAYOUT, NETWORK, Stage
from tests.patience import PATIENCE_S
from topology.errors import InputError


class TlsStage(Stage):
    """A controller that talks TLS only."""

    def __init__(self, files: TlsFiles) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.service = ControllerService(NETWORK, LAYOUT, self)
        self.service.start("127.0.0.1", 0, files)
        self.switches: dict[str, OpenFlowSwitch] = {}


class TlsSwitch(OpenFlowSwitch):
    """A switch that shows a certificate."""

    identity: Identity | None = None
    newest = ssl.TLSVersion.TLSv1_3

    def connect(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = self.newest
        if self.identity is not None:
            context.load_cert_chain(self.identity.certificate, self.identity.key)
        plain = socket.create_connection(("127.0.0.1", self._controller_port), timeout=PATIENCE_S)
        self._socket = context.wrap_socket(plain)
        self.closed.clear()
        self._send(0, 1)
        threading.Thread(target=self._serve, daemon=True).start()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextlib.contextmanager
def running(files: TlsFiles) -> Iterator[TlsStage]:
    stage = TlsStage(files)
    try:
        yield stage
    finally:
        stage.stop()


def switch(stage: Stage, site: str, identity: Identity | None) -> TlsSwitch:
    made = TlsSwitch(LAYOUT.sites[site].dpid, range(1, 4), stage.service.port)
    made.identity = identity
    return made


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_switches_with_certificates_are_programmed(authority: Authority, newest: ssl.TLSVersion) -> None:
    identity = authority.issue("switch")
    with running(authority.files()) as stage:
        for site in LAYOUT.sites:
            stage.switches[site] = made = switch(stage, site, identity)
            made.newest = newest
            made.connect()
        stage.wait_for("programmed")
        end = LAYOUT.links["a--b"].a
        stage.switches[end.site].set_port(end.port, up=False)
        stage.wait_for("repaired", without_links=["a--b"], unconfirmed=[])


def test_others_are_turned_away(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue("switch")
    with running(authority.files()) as stage:
        with contextlib.suppress(OSError):
            switch(stage, "a", None).connect()
        assert "certificate" in stage.wait_for("bad-peer")["reason"]
        mark = len(stage.events)
        with contextlib.suppress(OSError):
            switch(stage, "a", stranger).connect()
        assert "not accepted" in stage.wait_for("bad-peer", after=mark)["reason"]
        mark = len(stage.events)
        plain = OpenFlowSwitch(LAYOUT.sites["a"].dpid, range(1, 4), stage.service.port)
        plain.connect()
        assert "no TLS" in stage.wait_for("bad-peer", after=mark)["reason"]
        assert plain.closed.wait(PATIENCE_S)
        stage.switches["a"] = good = switch(stage, "a", authority.issue("good"))
        good.connect()
        stage.wait_for("switch", site="a")


def test_a_certificate_that_names_datapaths_speaks_for_no_other(authority: Authority) -> None:
    a, b = LAYOUT.sites["a"].dpid, LAYOUT.sites["b"].dpid
    only_b = authority.issue("only-b", b)
    with running(authority.files()) as stage:
        liar = switch(stage, "a", only_b)
        liar.connect()
        assert f"{a:#018x}, which is not in its certificate" in stage.wait_for("bad-peer")["reason"]
        assert liar.closed.wait(PATIENCE_S)
        stage.switches["b"] = honest = switch(stage, "b", only_b)
        honest.connect()
        stage.wait_for("switch", site="b")


def test_certificates_can_be_made_to_name_datapaths(authority: Authority) -> None:
    with running(authority.files(bind_dpid=True)) as stage:
        nobody = switch(stage, "a", authority.issue("nobody"))
        nobody.connect()
        assert "not in its certificate" in stage.wait_for("bad-peer")["reason"]
        stage.switches["a"] = named = switch(stage, "a", authority.issue("a", LAYOUT.sites["a"].dpid))
        named.connect()
        stage.wait_for("switch", site="a")


def test_slow_tls_handshakes_are_cut_off(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.5)
    with running(authority.files()) as stage:
        silent = socket.create_connection(("127.0.0.1", stage.service.port), timeout=PATIENCE_S)
        assert stage.wait_for("bad-peer")["reason"].startswith("did not finish the")
        with contextlib.suppress(ConnectionError):
            assert silent.recv(1) == b""
        silent.close()


def test_both_directions_at_once_lose_nothing(authority: Authority) -> None:
    ours, theirs = socket.socketpair()
    context = authority.files().context()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.load_cert_chain(authority.own.certificate, authority.own.key)
    sent = bytes(range(256)) * 20_000
    got: dict[str, bytes] = {}

    def far() -> None:
        wrapped = client.wrap_socket(theirs)
        answer = b""
        for start in range(0, len(sent), 100_000):
            wrapped.sendall(sent[start : start + 100_000])
            while len(answer) < start:
                answer += wrapped.recv(65536)
        while len(answer) < len(sent):
            answer += wrapped.recv(65536)
        got["far"] = answer
        wrapped.close()

    other = threading.Thread(target=far)
    other.start()
    near = TlsSocket(ours, context, PATIENCE_S)
    writer = threading.Thread(target=near.sendall, args=(sent,))
    writer.start()
    received = b""
    while data := near.recv(65536):
        received += data
    writer.join(PATIENCE_S)
    other.join(PATIENCE_S)
    near.close()
    assert received == sent
    assert got["far"] == sent


@pytest.mark.parametrize("broken", ["missing", "swapped", "no key", "another key"])
def test_files_that_will_not_do_are_told(authority: Authority, tmp_path: Path, broken: str) -> None:
    good = authority.files()
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    files = {
        "missing": TlsFiles(tmp_path / "none", good.certificate, good.authority),
        "swapped": TlsFiles(good.certificate, good.key, good.authority),
        "no key": TlsFiles(empty, good.certificate, good.authority),
        "another key": TlsFiles(authority.own.key, good.certificate, good.authority),
    }[broken]
    with pytest.raises(InputError, match="cannot use"):
        files.context()
    with pytest.raises(InputError, match="cannot use"):
        TlsFiles(good.key, good.certificate, empty).context()


def test_names_in_certificates_are_read_with_care() -> None:
    names = [
        *(("URI", "dpid:0000000000000001"), ("URI", "dpid:0xff"), ("URI", "dpid:"), ("URI", "dpid:xyz")),
        *(("DNS", "dpid:2"), ("URI", "https://example.org"), ("URI", "DPID:3")),
    ]
    assert datapath_ids({"subjectAltName": tuple(names)}) == {1, 255}
    assert datapath_ids({}) == frozenset()
