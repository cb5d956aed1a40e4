"""Layout -> a running network of Mininet hosts, OVS switches and emulated links.

Bring-up is a handful of batches, not a process per step: all veth pairs through one ``ip -batch``, all
bridges through one OVSDB transaction, all shapers through one ``tc -batch``. Take-down is leaving: the
network lives in a network namespace of its own, which vanishes with its processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

from topology.emulation.cell import CELL_RUNTIME
from topology.emulation.layout import HOST_PORT, Layout, LinkLayout
from topology.emulation.links import Pipe, Wire, shaping
from topology.emulation.nodes import LabNet, SiteHost
from topology.emulation.openvswitch import OpenVSwitch
from topology.errors import EmulationError

Progress = Callable[[str], None]


class EmulatedNetwork:
    """A layout made real, in the current network namespace. Use inside ``cell.private_network()``.

    Args:
        layout: what to build.
        pipe: what carries frames between the wire ends (delay, jitter, loss).
        datapath: OVS datapath type, ``system`` (kernel) or ``netdev`` (userspace).
        seed: seed of every random choice of the links.
        progress: called with a short sentence at each step.
    """

    def __init__(
        self, layout: Layout, pipe: Pipe, *, datapath: str, seed: int, progress: Progress = lambda _: None
    ) -> None:
        self.layout = layout
        self.pipe = pipe
        self.datapath = datapath
        self.seed = seed
        self.openvswitch = OpenVSwitch(CELL_RUNTIME / "ovs")
        self.mininet: LabNet | None = None
        self._progress = progress

    def __enter__(self) -> EmulatedNetwork:
        try:
            self._build()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._take_down()

    def host(self, site: str) -> SiteHost:
        """The Mininet host of a site. Raises ``KeyError`` for an unknown site."""
        assert self.mininet is not None
        host: SiteHost = self.mininet[self.layout.sites[site].host]
        return host

    def namespace(self, site: str) -> str:
        """Path of the network namespace of a site's host."""
        return f"/proc/{self.host(site).pid}/ns/net"

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut a link (carrier goes at both switches) or mend it."""
        ends = self.layout.links[link]
        word = "up" if up else "down"
        _batch("ip", [f"link set {end.interface} {word}" for end in (ends.a, ends.b)])

    def _build(self) -> None:
        layout = self.layout
        self._progress(f"starting Open vSwitch and {len(layout.sites)} hosts")
        self.openvswitch.start()
        os.environ.update(self.openvswitch.environment)
        _write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
        net = self.mininet = LabNet()
        for site in layout.sites.values():
            net.addHost(site.host, ip=None, mac=site.host_mac)
            net.addSwitch(site.switch, dpid=f"{site.dpid:016x}")
        self._progress(f"joining them by {len(layout.links)} links")
        _batch("ip", self._interface_commands())
        for link in layout.links.values():
            net.addLink(
                layout.sites[link.a.site].switch,
                layout.sites[link.b.site].switch,
                port1=link.a.port,
                port2=link.b.port,
                intfName1=link.a.interface,
                intfName2=link.b.interface,
            )
        for site in layout.sites.values():
            net.addLink(
                site.host,
                site.switch,
                port2=HOST_PORT,
                intfName1=site.host_interface,
                intfName2=site.switch_interface,
            )
            self.host(site.site).begin_configuration(site)
        self.openvswitch.transaction(self._bridge_commands())
        for site in layout.sites.values():
            outcome = self.host(site.site).finish_configuration()
            if outcome.strip() != "configured":
                raise EmulationError(f"the host of {site.site} could not be configured: {outcome.strip()}")
        self._progress("shaping the links")
        shaping.apply(layout)
        self.pipe.start([_wire(link) for link in layout.links.values()], self.seed)

    def _interface_commands(self) -> list[str]:
        commands = []
        for site in self.layout.sites.values():
            commands += [
                f"link add {site.switch_interface} type veth peer name {site.host_interface} "
                f"address {site.host_mac} netns {self.host(site.site).pid}",
                f"link set {site.switch_interface} up",
            ]
        for link in self.layout.links.values():
            for end in (link.a, link.b):
                commands += [
                    f"link add {end.interface} type veth peer name {end.wire}",
                    f"link set {end.interface} up",
                    f"link set {end.wire} up",
                ]
        return commands

    def _bridge_commands(self) -> list[list[str]]:
        """One OVSDB transaction: bridges, ports with fixed numbers, and where their controller listens.

        ``secure``: without a controller a switch keeps its flows and learns nothing by itself.
        ``disable-in-band``: no hidden flows that would let the controller be reached over the data ports.
        """
        target = f"tcp:127.0.0.1:{self.layout.controller_port}"
        commands = []
        for site in self.layout.sites.values():
            bridge = site.switch
            commands += [
                ["add-br", bridge],
                [
                    "set",
                    "bridge",
                    bridge,
                    f"datapath_type={self.datapath}",
                    "fail_mode=secure",
                    "protocols=OpenFlow13",
                    f"other_config:datapath-id={site.dpid:016x}",
                    "other_config:disable-in-band=true",
                ],
                ["set-controller", bridge, target],
                # A controller that restarts is found again within a second, not eight.
                ["set", "controller", bridge, "max_backoff=1000", "inactivity_probe=5000"],
            ]
            commands += _port_commands(bridge, site.switch_interface, HOST_PORT)
        for link in self.layout.links.values():
            for end in (link.a, link.b):
                commands += _port_commands(self.layout.sites[end.site].switch, end.interface, end.port)
        return commands

    def _take_down(self) -> None:
        """Stop what runs; interfaces and qdiscs go with the namespace when the caller leaves it."""
        self.pipe.stop()
        if self.mininet is not None:
            for host in self.mininet.hosts:
                _hang_up(host)
            self.mininet = None
        self.openvswitch.stop()


def _port_commands(bridge: str, interface: str, port: int) -> list[list[str]]:
    return [
        ["add-port", bridge, interface],
        ["set", "interface", interface, f"ofport_request={port}"],
    ]


def _wire(link: LinkLayout) -> Wire:
    return Wire(link.link, link.a.wire, link.b.wire, link.properties)


def _hang_up(host: SiteHost) -> None:
    """End a host's shell and everything it started, without Mininet's per-interface clean-up."""
    shell = host.shell
    if shell is not None and shell.poll() is None:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    host.shell = None
    if host.stdin is not None:
        host.outToNode.pop(host.stdout.fileno(), None)
        host.inToNode.pop(host.stdin.fileno(), None)
        host.stdin.close()
        os.close(host.slave)


def _batch(program: str, commands: list[str]) -> None:
    done = subprocess.run(
        [program, "-batch", "-"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EmulationError(f"{program} refused a step of the set-up: {done.stderr.strip()}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
