"""Real Open vSwitch over TLS, and what the interface tells of real switches."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from tests.controller.certificates import Authority
from tests.emulated.controller_rig import PORT, ControllerProcess, Rig
from tests.patience import wait_until

pytestmark = pytest.mark.switch


@pytest.fixture
def rig(cell: None, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    try:
        rig.start()
        yield rig
    finally:
        rig.openvswitch.stop()


def set_ssl(rig: Rig, key: Path, certificate: Path, authority: Path) -> None:
    rig.openvswitch.transaction([["set-ssl", str(key), str(certificate), str(authority)]])


def test_open_vswitch_is_programmed_over_tls(rig: Rig, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    dpids = [site.dpid for site in rig.layout.sites.values()]
    stranger, switches = authority.issue("stranger", 0xBEEF), authority.issue("switches", *dpids)
    files = authority.files()
    tls = (
        "--tls-key",
        str(files.key),
        "--tls-cert",
        str(files.certificate),
        "--tls-ca",
        str(files.authority),
    )
    controller = ControllerProcess(rig.scenario, *tls, "--tls-bind-dpid")
    # They still come over plain TCP.
    assert "no TLS" in controller.wait_for("bad-peer")["reason"]
    set_ssl(rig, stranger.key, stranger.certificate, authority.certificate)
    rig.openvswitch.transaction(
        [["set-controller", site.switch, f"ssl:127.0.0.1:{PORT}"] for site in rig.layout.sites.values()]
    )
    refused = "not in its certificate"
    while refused not in controller.wait_for("bad-peer", after=len(controller.events))["reason"]:
        pass
    set_ssl(rig, switches.key, switches.certificate, authority.certificate)
    programmed = controller.wait_for("programmed")
    assert programmed["switches"] == len(dpids)
    plan = RoutingPlan.of(rig.network)
    assert rig.differences(flow_tables(plan, rig.network, rig.layout), tmp_path) == {}
    assert controller.end() == 0
    assert "Traceback" not in controller.errors


def test_counters_of_real_ports(rig: Rig) -> None:
    controller = ControllerProcess(rig.scenario, "--http", "127.0.0.1:0")
    port = controller.wait_for("http")["port"]
    controller.wait_for("programmed")

    def received() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/links", timeout=20) as response:
            links = {link["id"]: link for link in json.load(response)["links"]}
        return int(links["a--b"]["b"]["counters"]["received_packets"])

    before = received()
    with rig.listening("a") as a:
        for _ in range(100):
            a.send(rig.frame("a", "b"))
        rig.openvswitch.appctl("revalidator/wait")
    wait_until(lambda: received() >= before + 100)
    assert controller.end() == 0
