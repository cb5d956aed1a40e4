"""Real switches for tests of the controller: OVS bridges joined by plain veth pairs, without delay or hosts.

Where a host would be stands the far end of a veth pair; tests put frames in there and see what comes out.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from controller.entries import FlowTable
from tests.patience import PATIENCE_S
from topology.emulation.layout import Layout
from topology.emulation.openvswitch import OpenVSwitch
from topology.scenario import load

PORT = 6653

# ``a`` reaches ``d`` best over ``b``; *compute* traffic avoids the narrow link b--d and goes over ``c``.
SQUARE = """
onehop: 1
id: square
title: {en: Square, zh: 方}
figures: {fibre_us_per_km: {value: 4.9, assumption: test}}
routing: {compute_min_capacity_gbps: 100}
sites:
  a: {name: {en: A, zh: 甲}, kind: pop, location: [30, 100], assumption: test}
  b: {name: {en: B, zh: 乙}, kind: pop, location: [31, 100], assumption: test}
  c: {name: {en: C, zh: 丙}, kind: pop, location: [30, 101], assumption: test}
  d: {name: {en: D, zh: 丁}, kind: pop, location: [31, 101], assumption: test}
links:
  - {ends: [a, b], latency_ms: 1, capacity_gbps: 100, assumption: test}
  - {ends: [b, d], latency_ms: 1, capacity_gbps: 10, assumption: test}
  - {ends: [a, c], latency_ms: 2, capacity_gbps: 100, assumption: test}
  - {ends: [c, d], latency_ms: 2, capacity_gbps: 100, assumption: test}
"""

# The square with two promises from ``a`` to ``d`` over ``c``: one with a way round over ``b``, one without.
RESERVED_SQUARE = (
    SQUARE.replace(
        "routing: {", "emulation: {rate_scale: 10000}\nrouting: {reserved: {burst_ms: 100}, "
    ).replace("capacity_gbps: 10,", "capacity_gbps: 50,")
    + """demands:
  video: {from: a, to: d, rate_gbps: 10, burst_mbit: 480, class: reserved, max_one_way_ms: 500,
    protection: link, assumption: test}
  bulk: {from: a, to: d, rate_gbps: 5, burst_mbit: 240, class: reserved, max_one_way_ms: 500,
    assumption: test}
"""
)


class ControllerProcess:
    """``python -m controller`` with its events."""

    def __init__(self, scenario: Path, *options: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "controller", str(scenario), "--die-with-parent", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, event: str, *, after: int = 0, **expected: object) -> dict[str, Any]:
        """The first such event, counted from number ``after``; fails the test if none comes."""

        def find() -> dict[str, Any] | None:
            for seen in self.events[after:]:
                if seen["event"] == event and expected.items() <= seen.items():
                    return seen
            return None

        with self._changed:
            self._changed.wait_for(lambda: find() is not None or not self.is_running(), PATIENCE_S)
        found = find()
        assert found is not None, f"no {event} {expected} among {self.events[after:]}; {self.errors}"
        return found

    @property
    def errors(self) -> str:
        return "".join(self._errors)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        code = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code

    def is_running(self) -> bool:
        return self._process.poll() is None

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


class Rig:
    """The square of switches. ``host(site)`` names the interface where the site's host would be."""

    def __init__(self, folder: Path, scenario: str = SQUARE) -> None:
        self.scenario = folder / "square.yaml"
        self.scenario.write_text(scenario)
        self.network = load(str(self.scenario))
        self.layout = Layout.of(self.network)
        self.openvswitch = OpenVSwitch()

    def start(self) -> None:
        ip = []
        for site in self.layout.sites.values():
            ip.append(f"link add {site.switch_interface} type veth peer name {self.host(site.site)}")
            ip += [f"link set {name} up" for name in (site.switch_interface, self.host(site.site))]
        for link in self.layout.links.values():
            ip.append(f"link add {link.a.interface} type veth peer name {link.b.interface}")
            ip += [f"link set {end.interface} up" for end in (link.a, link.b)]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(ip), text=True, check=True)
        self.openvswitch.start()
        commands = []
        for site in self.layout.sites.values():
            commands += self.bridge(site.switch, site.dpid)
            commands.append(_port(site.switch, site.switch_interface, 1))
        for link in self.layout.links.values():
            commands += [
                _port(self.layout.sites[end.site].switch, end.interface, end.port) for end in (link.a, link.b)
            ]
        self.openvswitch.transaction(commands)

    @staticmethod
    def bridge(name: str, dpid: int) -> list[list[str]]:
        settings = [
            "datapath_type=netdev",
            "fail_mode=secure",
            f"other_config:datapath-id={dpid:016x}",
            "other_config:disable-in-band=true",
        ]
        return [
            ["add-br", name],
            ["set", "bridge", name, *settings],
            ["set-controller", name, f"tcp:127.0.0.1:{PORT}"],
        ]

    def host(self, site: str) -> str:
        return f"h{self.layout.sites[site].number}"

    def switch(self, site: str) -> str:
        return self.layout.sites[site].switch

    def set_link(self, link: str, state: str) -> None:
        subprocess.run(["ip", "link", "set", self.layout.links[link].a.interface, state], check=True)

    def differences(self, tables: Mapping[str, FlowTable], folder: Path) -> dict[str, str]:
        """What ``ovs-ofctl diff-flows`` finds between the switches and ``tables``, by site."""
        found = {}
        for site, table in tables.items():
            expected = folder / f"{site}.flows"
            expected.write_text(table.to_text())
            done = subprocess.run(
                ["ovs-ofctl", "-O", "OpenFlow13", "diff-flows", self.switch(site), str(expected)],
                env=self.openvswitch.environment | {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin"},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                found[site] = done.stdout + done.stderr
        return found

    def packets_towards(self, site: str, destination: str) -> int:
        """How many packets the routing entries of a switch have sent on towards a host."""
        address = self.layout.sites[destination].host_ip
        self.openvswitch.appctl("revalidator/wait")  # counters of cached flows arrive late otherwise
        lines = self.openvswitch.ofctl("dump-flows", self.switch(site), f"table=1,ip,nw_dst={address}")
        return sum(int(part.split("n_packets=")[1].split(",")[0]) for part in lines.splitlines()[1:])

    def frame(self, source: str, destination: str, *, ttl: int = 64, dscp: int = 0, port: int = 9) -> Packet:
        """A UDP datagram as the source's host would send it to its gateway."""
        here, there = self.layout.sites[source], self.layout.sites[destination]
        ethernet = Ether(src=here.host_mac, dst=here.gateway_mac)
        return (
            ethernet
            / IP(src=here.host_ip, dst=there.host_ip, ttl=ttl, tos=dscp << 2)
            / UDP(dport=port)
            / b"hello"
        )

    @contextmanager
    def listening(self, site: str) -> Iterator[Listener]:
        listener = Listener(self.host(site))
        try:
            yield listener
        finally:
            listener.close()


class Listener:
    """Sends and receives frames where a site's host would be."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind((interface, 0))

    def close(self) -> None:
        self._socket.close()

    def send(self, frame: Packet) -> None:
        self._socket.send(bytes(frame))

    def receive(self, kind: type[Packet], seconds: float = PATIENCE_S) -> Packet | None:
        """The next frame that came in (none of our own) holding such a layer, or ``None``."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                data, address = self._socket.recvfrom(2048)
                if address[2] != socket.PACKET_OUTGOING and kind in (frame := Ether(data)):
                    return frame
        return None


def _port(switch: str, interface: str, number: int) -> list[str]:
    return ["add-port", switch, interface, "--", "set", "interface", interface, f"ofport_request={number}"]
