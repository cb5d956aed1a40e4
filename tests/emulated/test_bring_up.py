"""What bring-up makes, asked of the kernel and of Open vSwitch by their own tools."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from experiments.benchmarks.bringup import chorded_ring
from tests.patience import wait_until
from topology.emulation import switches
from topology.emulation.doctor import choose_datapath
from topology.emulation.hearing import hear_all, hear_only_of
from topology.emulation.interfaces import IpBatch, set_interfaces
from topology.emulation.layout import Layout
from topology.emulation.links.choose import pipe_for
from topology.emulation.network import EmulatedNetwork
from topology.emulation.portwatch import PortWatch
from topology.errors import EmulationError

pytestmark = [pytest.mark.emulated, pytest.mark.timeout(240)]

SITES = 4
_RTNLGRP_LINK = 1
_OFFLOADS = (
    "rx-checksumming",
    "tx-checksumming",
    "scatter-gather",
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
    "generic-segmentation-offload",
    "generic-receive-offload",
)


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout.of(chorded_ring(SITES))


@pytest.fixture
def network(cell: None, layout: Layout) -> Iterator[EmulatedNetwork]:
    with EmulatedNetwork(layout, pipe_for("auto"), datapath=choose_datapath("auto"), seed=1) as network:
        yield network


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def test_hosts_and_switches_are_as_the_layout_says(network: EmulatedNetwork, layout: Layout) -> None:
    for site in layout.sites.values():
        host = network.host(site.site)
        (interface,) = json.loads(host.cmd(f"ip -j addr show dev {site.host_interface}"))
        assert interface["address"] == site.host_mac
        assert [(a["local"], a["prefixlen"]) for a in interface["addr_info"]] == [(site.host_ip, 24)]
        assert {"UP", "LOWER_UP"} <= set(interface["flags"])
        (route,) = json.loads(host.cmd("ip -j route show default"))
        assert route["gateway"] == site.gateway_ip
        assert "UP" in json.loads(host.cmd("ip -j link show dev lo"))[0]["flags"]
        features = dict(
            line.strip().split(": ", 1) for line in host.cmd("ethtool -k eth0").splitlines() if ": " in line
        )
        assert {features[name].split()[0] for name in _OFFLOADS} == {"off"}
        assert host.cmd("echo $HISTFILE; cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6").split() == ["1"]
        openvswitch = network.switches.instance_of(site.site)
        ports = {site.switch_interface: 1} | {end.interface: end.port for end in layout.ends_of[site.site]}
        for name, number in ports.items():
            assert openvswitch.vsctl("get", "interface", name, "ofport").strip() == str(number)
        assert openvswitch.vsctl("get-fail-mode", site.switch).strip() == "secure"
        assert openvswitch.vsctl("get-controller", site.switch).strip() == "tcp:127.0.0.1:6653"
        assert int(openvswitch.vsctl("get", "bridge", site.switch, "datapath_id")[1:-2], 16) == site.dpid


def test_switches_that_forward_themselves_run_before_ordinary_processes(network: EmulatedNetwork) -> None:
    if not network.switches.in_userspace or len(os.sched_getaffinity(0)) == 1:
        pytest.skip("the kernel forwards, or there is one processor only")
    for pid in network.switches.pids:
        policies = {os.sched_getscheduler(int(thread)) for thread in os.listdir(f"/proc/{pid}/task")}
        assert policies == {os.SCHED_FIFO}


def test_a_step_that_ip_refuses_is_told(cell: None) -> None:
    batch = IpBatch()
    for _ in range(1000):  # more than it reads before it ends
        batch.do("link set nobody up")
    with pytest.raises(EmulationError, match="nobody"):
        batch.__exit__(None, None, None)


def test_both_ends_of_a_cut_link_hear_of_it(network: EmulatedNetwork, layout: Layout) -> None:
    link, *_others = layout.links.values()
    everybody = {network.switches.instance_of(site) for site in layout.sites}
    with PortWatch({each.database_socket for each in everybody}, layout.interface_owner) as watch:
        begun_ns = time.monotonic_ns()
        network.set_link(link.link, up=False)
        ends = {link.a.interface, link.b.interface}
        wait_until(lambda: {e.interface for e in watch.since(begun_ns) if not e.carrier} >= ends)
        assert {event.interface for event in watch.since(begun_ns) if not event.carrier} == ends


def test_a_switch_port_that_cannot_be_made_is_named(
    cell: None, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations = switches.bridge_operations

    def with_one_missing(*arguments: object) -> list[object]:
        gone = "s1-p1"
        if gone in os.listdir("/proc/sys/net/ipv4/conf"):
            ip("link", "del", gone)
        return operations(*arguments)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(switches, "bridge_operations", with_one_missing)
    with (
        pytest.raises(EmulationError, match=r"Open vSwitch refused a port: .*s1-p1"),
        EmulatedNetwork(layout, pipe_for("auto"), datapath=choose_datapath("auto"), seed=1),
    ):
        pass


def test_a_listener_hears_of_its_own_interfaces_only(cell: None) -> None:
    for name in ("mine", "other"):
        ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-peer")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as listener:
        listener.bind((0, 1 << (_RTNLGRP_LINK - 1)))
        listener.settimeout(0.2)
        for heard in ("mine", "other"):
            index = socket.if_nametoindex(heard)
            assert hear_only_of(os.getpid(), [index]) >= 1
            set_interfaces(["mine", "other"], up=True)
            set_interfaces(["mine", "other"], up=False)
            indices = set()
            try:
                while True:
                    indices.add(int.from_bytes(listener.recv(1 << 16)[20:24], sys.byteorder))
            except TimeoutError:
                pass
            assert indices == {index}
        assert hear_only_of(os.getpid(), []) >= 1
        with suppress(TimeoutError):
            while listener.recv(1 << 16):  # what was under way
                pass
        set_interfaces(["mine"], up=True)
        with pytest.raises(TimeoutError):
            listener.recv(1)
        assert hear_all(os.getpid()) >= 1
        set_interfaces(["other"], up=True)
        assert listener.recv(1)
    assert hear_only_of(0x7FFFFFF0, [1]) == 0  # nobody
