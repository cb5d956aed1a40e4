"""Layout -> a running network of Mininet hosts, OVS switches and emulated links.

Bring-up is a handful of batches, not a process per step: all veth pairs through one ``ip -batch``,
all shapers through one ``tc -batch``, the bridges of a switch process through one OVSDB
transaction. Take-down is leaving: the network lives in a network namespace of its own, which
vanishes with its processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection

from topology.emulation.bfd import BfdTimers
from topology.emulation.cell import CELL_RUNTIME
from topology.emulation.hostsetup import set_up_host, switch_ipv6_off
from topology.emulation.interfaces import IpBatch, set_interfaces
from topology.emulation.layout import HOST_PORT, Layout
from topology.emulation.links import Pipe, Wire, shaping
from topology.emulation.nodes import LabNet, SiteHost
from topology.emulation.openvswitch import how_it_ended
from topology.emulation.room import require_room
from topology.emulation.switches import Switches
from topology.errors import EmulationError

Progress = Callable[[str], None]


class EmulatedNetwork:
    """A layout made real, in the current network namespace. Use inside ``cell.private_network()``.

    Args:
        layout: what to build.
        pipe: what carries frames between the wire ends (delay, jitter, loss).
        datapath: OVS datapath type, ``system`` (kernel) or ``netdev`` (userspace).
        seed: seed of every random choice of the links.
        watched: links on which the switches watch for silent loss (``bfd``), with these ``timers``.
        progress: called with a short sentence at each step.
    """

    def __init__(
        self,
        layout: Layout,
        pipe: Pipe,
        *,
        datapath: str,
        seed: int,
        watched: Collection[str] = (),
        timers: BfdTimers | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.layout = layout
        self.pipe = pipe
        self.seed = seed
        self.watched = frozenset(watched)
        self.timers = self.timers_asked = timers or BfdTimers.affordable(2 * len(self.watched))
        self.switches = Switches(layout, datapath, CELL_RUNTIME / "switches")
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

    @property
    def pids(self) -> list[int]:
        """Process ids of everything the network needs."""
        pids = [*self.switches.pids, *(host.pid for host in self._hosts()), self.pipe.pid]
        return [pid for pid in pids if pid]

    def check(self) -> None:
        """Raise ``EmulationError`` if something the network needs has died by itself."""
        self.switches.check()
        if not self.pipe.alive():
            raise EmulationError("the delay line has died; all links are dead")
        for host in self._hosts():
            if host.shell is not None and host.shell.poll() is not None:
                raise EmulationError(f"the shell of host {host.name} {how_it_ended(host.shell.returncode)}")

    def _hosts(self) -> list[SiteHost]:
        return [] if self.mininet is None else list(self.mininet.hosts)

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut a link (carrier goes at both switches) or mend it. Other faults: ``faults``."""
        ends = self.layout.links[link]
        set_interfaces((ends.a.interface, ends.b.interface), up=up)

    def _build(self) -> None:
        layout = self.layout
        require_room(len(layout.sites), self.switches.processes)
        self._progress(f"starting Open vSwitch and {len(layout.sites)} hosts")
        switch_ipv6_off("default")
        self.pipe.prepare()
        self.switches.begin()
        self.switches.start()
        self.switches.wait_until_started()
        self._progress(f"joining them by {len(layout.links)} links")
        net = self.mininet = LabNet()
        self._make_hosts_and_interfaces(net)
        self._declare_links(net)
        self._reach_other_machines(net)
        bridges = self.switches.begin_bridges(connect=not self.watched)
        self.pipe.start(self._wires(), self.seed)
        self.switches.settle(bridges)
        self.switches.prefer()
        self._progress("shaping the links")
        self._shape()  # Open vSwitch has taken the ports, and with them their former queues
        if self.watched:
            self._progress(f"watching {len(self.watched)} links for silent loss")
            self.switches.watch(self.watched, self.timers)
            # Only now: a controller would take the ports for dead and route around them all.
            self.switches.connect()

    def _declare_links(self, net: LabNet) -> None:
        """Tell Mininet of all links; what it is told of is made by others."""
        layout = self.layout
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

    def _reach_other_machines(self, net: LabNet) -> None:
        """Make the ends of links that lead to other machines; a whole network has none."""

    def _shape(self) -> None:
        shaping.apply(self.layout)

    def _wires(self) -> list[Wire]:
        """What the pipe carries frames between."""
        return [
            Wire(link.link, link.a.wire, link.b.wire, link.properties) for link in self.layout.links.values()
        ]

    def watch_slower(self) -> bool:
        """Halve the pace of BFD, if it is not at its slowest: then ``False``."""
        slower = self.timers.slower()
        if slower is None:
            return False
        self.timers = slower
        self.switches.pace(self.watched, slower)
        return True

    def _make_hosts_and_interfaces(self, net: LabNet) -> None:
        """The hosts, and every veth pair: those of links while the hosts' shells come up, then theirs.

        Switch ports are promiscuous from the start: Open vSwitch would set that one by one, and the kernel
        tells of each change.
        """
        with IpBatch() as ip:
            for link in self.layout.links.values():
                for end in (link.a, link.b):
                    # A veth cannot come up before its peer, so the second one needs a word of its own.
                    ip.do(f"link add {end.interface} promisc on up type veth peer name {end.wire}")
                    ip.do(f"link set {end.wire} up")
            for site in self.layout.sites.values():
                net.addHost(site.host, ip=None, mac=site.host_mac)
                net.addSwitch(site.switch, dpid=f"{site.dpid:016x}")
            for site in self.layout.sites.values():
                host = self.host(site.site)
                host.finish_shell()
                ip.do(
                    f"link add {site.switch_interface} promisc on up type veth"
                    f" peer name {site.host_interface} address {site.host_mac} netns {host.pid}"
                )
        for site in self.layout.sites.values():
            set_up_host(self.namespace(site.site), site)

    def _take_down(self) -> None:
        """Stop what runs; interfaces and qdiscs go with the namespace when the caller leaves it."""
        # All are told to end before any is waited for: the kernel closes each packet socket after a grace
        # period of some 10 ms, and so it does that for many processes at once.
        hosts = self._hosts()
        self.switches.kill()
        for host in hosts:
            if host.shell is not None and host.shell.poll() is None:
                os.killpg(host.shell.pid, signal.SIGKILL)
        self.pipe.stop()
        for host in hosts:
            _hang_up(host)
        self.mininet = None
        self.switches.stop()


def _hang_up(host: SiteHost) -> None:
    """Reap a host's shell and close its terminal, without Mininet's per-interface clean-up."""
    if host.shell is not None:
        host.shell.wait()
    host.shell = None
    if host.stdin is not None:
        host.outToNode.pop(host.stdout.fileno(), None)
        host.inToNode.pop(host.stdin.fileno(), None)
        host.stdin.close()
        os.close(host.slave)
