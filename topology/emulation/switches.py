"""The switches of a network: Open vSwitch bridges, one per site, however the machine realises them.

With the kernel datapath one ovs-vswitchd programs all bridges and the kernel forwards. Where the
kernel has none, ovs-vswitchd forwards itself, and its loop visits every bridge and port for each
packet: with 46 bridges in one process a hop took 0.5 ms where it took 0.05 ms with one. So each
site gets a switch process of its own, as real sites have; beyond ``MAX_PROCESSES`` sites they
share, to bound memory (about 10 MB each).

The processes share a network namespace, so their bridges use the datapath type ``dummy``: the same
userspace datapath code as ``netdev``, without the tap devices of fixed names that a second process
would stumble over.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from topology.emulation.bfd import (
    STATUS_COMMAND,
    BfdStatus,
    BfdTimers,
    enable_commands,
    parse_pace,
    parse_status,
    watched_ends,
)
from topology.emulation.layout import HOST_PORT, Layout, SiteLayout
from topology.emulation.links.socketbuffers import enlarge_packet_sockets
from topology.emulation.openvswitch import OpenVSwitch, empty_database
from topology.errors import EmulationError

MAX_PROCESSES = 128
_NICE = -15
_LIVE_SECONDS, _LIVE_POLL_SECONDS = 20.0, 0.05
_AT_A_TIME = 4  # ovs-vsctl calls; more would only wait for the same cores


class Switches:
    """All bridges of a layout.

    Args:
        datapath: ``system`` (kernel) or ``netdev`` (userspace).
        rundir: the switches' sockets, databases and logs lie below it.
        controller: IPv4 address of the controller.
    """

    def __init__(self, layout: Layout, datapath: str, rundir: Path, controller: str = "127.0.0.1") -> None:
        self._rundir = rundir
        self._controller = controller
        self._layout = layout
        self.in_userspace = datapath != "system"
        sites = list(layout.sites.values())
        if self.in_userspace:
            self._bridge_type, options, share = "dummy", ["--enable-dummy"], -(-len(sites) // MAX_PROCESSES)
        else:
            self._bridge_type, options, share = "system", [], len(sites)
        self._timers: BfdTimers | None = None
        self._watching: list[OpenVSwitch] = []
        self._groups: list[tuple[OpenVSwitch, list[SiteLayout]]] = []
        for first in range(0, len(sites), max(share, 1)):
            group = sites[first : first + share]
            self._groups.append((OpenVSwitch(rundir / group[0].switch, options), group))

    def instance_of(self, site: str) -> OpenVSwitch:
        """The Open vSwitch that a site's bridge belongs to. Raises ``KeyError`` for an unknown site."""
        for openvswitch, sites in self._groups:
            if any(entry.site == site for entry in sites):
                return openvswitch
        raise KeyError(site)

    def start(self) -> None:
        """Start the processes; bridges come with ``configure``."""
        self._rundir.mkdir(parents=True, exist_ok=True)
        database = self._rundir / "empty.db"
        database.unlink(missing_ok=True)
        empty_database(database)
        for openvswitch in self._instances():
            openvswitch.begin(database)
        for openvswitch in self._instances():
            openvswitch.finish()
            if self.in_userspace:
                _prefer(openvswitch.switch_pid)
                _prefer(openvswitch.database_pid)  # it idles, until a port changes and somebody wants to know

    def configure(self, *, connect: bool = True) -> None:
        """Make the bridges with their ports, whose interfaces exist; one transaction per process.

        Without ``connect`` they wait for ``connect()`` before they look for a controller.
        """
        self._everywhere(
            lambda sites: self._commands(sites) + (self._controller_commands(sites) if connect else [])
        )

    def connect(self) -> None:
        """Have all switches look for their controller."""
        self._everywhere(self._controller_commands)

    def watch(self, links: Collection[str], timers: BfdTimers) -> None:
        """Start BFD on both ends of the links, which carry frames already; returns when all are up to speed.

        Raises ``EmulationError`` naming the ports that are not, ``KeyError`` for an unknown link.
        """
        self.pace(links, timers)
        ends = watched_ends(self._layout, links)
        self.wait_until_live({end.interface for end in ends}, since="BFD was started")

    def pace(self, links: Collection[str], timers: BfdTimers) -> None:
        """Have BFD on both ends of the links go by these timers, from now on or anew."""
        ends = list(watched_ends(self._layout, links))
        self._timers = timers
        self._watching = list({id(o): o for o in (self.instance_of(end.site) for end in ends)}.values())
        self._everywhere(
            lambda sites: enable_commands(
                [end for end in ends if end.site in {s.site for s in sites}], timers
            )
        )

    def wait_until_live(self, interfaces: Collection[str], *, since: str = "the link was mended") -> None:
        """Return when BFD calls all these ports live. Raises ``EmulationError`` naming those that are not."""
        sites = {self._layout.interface_owner[name][0] for name in interfaces}
        deadline = time.monotonic() + _LIVE_SECONDS
        while True:
            status = self.bfd_status(sites)
            dead = [i for i in sorted(interfaces) if i not in status or not status[i].forwarding]
            if not dead and not (dead := self.slow_sessions()):
                return
            if time.monotonic() > deadline:
                raise EmulationError(
                    f"not live {_LIVE_SECONDS:.0f} s after {since}: {', '.join(dead)}",
                    hint="the machine may be too busy for BFD; see docs/failover.md",
                )
            time.sleep(_LIVE_POLL_SECONDS)

    def bfd_status(self, sites: Collection[str] | None = None) -> dict[str, BfdStatus]:
        """What the switches say of their sessions, by interface; of all sites, or of some."""
        found: dict[str, BfdStatus] = {}
        for openvswitch, group in self._groups:
            if sites is None or any(entry.site in sites for entry in group):
                found |= parse_status(openvswitch.vsctl(*STATUS_COMMAND))
        return found

    def slow_sessions(self) -> list[str]:
        """The interfaces whose session is up, but not yet at the pace it was asked for."""
        assert self._timers is not None
        return sorted(
            name
            for openvswitch in self._watching
            for name, pace_ms in parse_pace(openvswitch.appctl("bfd/show")).items()
            if pace_ms > self._timers.interval_ms
        )

    def kill_switch(self, site: str) -> None:
        """End the switch process of one site as a crash or a power cut would.

        Only where each site has a process of its own. Raises ``EmulationError`` otherwise.
        """
        self._own_process(site).kill_switch()

    def revive_switch(self, site: str) -> None:
        """Start a killed switch process again. Its ports come back; its flows come from the controller."""
        openvswitch = self._own_process(site)
        openvswitch.revive_switch()
        _prefer(openvswitch.switch_pid)

    def has_own_process(self, site: str) -> bool:
        """Whether a site's switch is a process by itself, which can die alone."""
        return self.in_userspace and any(
            [entry.site for entry in group] == [site] for _openvswitch, group in self._groups
        )

    def _own_process(self, site: str) -> OpenVSwitch:
        if not self.has_own_process(site):
            raise EmulationError(f"the switch of {site} shares its process with others; it cannot die alone")
        return self.instance_of(site)

    def _everywhere(self, commands: Callable[[Sequence[SiteLayout]], list[list[str]]]) -> None:
        """One transaction per process, some at a time."""

        def work(group: tuple[OpenVSwitch, list[SiteLayout]]) -> None:
            openvswitch, sites = group
            openvswitch.transaction(commands(sites))

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for _ in pool.map(work, self._groups):
                pass

    @property
    def pids(self) -> list[int]:
        """Process ids of all daemons that should be running."""
        return [pid for openvswitch in self._instances() for pid in openvswitch.pids]

    def check(self) -> None:
        """Raise ``EmulationError`` if a daemon has died by itself; ``kill_switch`` is no fault."""
        for openvswitch in self._instances():
            openvswitch.check()

    def enlarge_buffers(self) -> None:
        """Give switches that forward themselves room for full queues; counts once they have sent a frame."""
        if self.in_userspace:
            for openvswitch in self._instances():
                enlarge_packet_sockets(openvswitch.switch_pid)

    def kill(self) -> None:
        """End all processes without waiting for them."""
        for openvswitch in self._instances():
            openvswitch.kill()

    def stop(self) -> None:
        """End all processes and wait until they have gone. Safe to call twice."""
        self.kill()
        for openvswitch in self._instances():
            openvswitch.stop()

    def _instances(self) -> Iterator[OpenVSwitch]:
        return (openvswitch for openvswitch, _sites in self._groups)

    def _commands(self, sites: Sequence[SiteLayout]) -> list[list[str]]:
        """Bridges and ports with fixed numbers.

        ``secure``: without a controller a switch keeps its flows and learns nothing by itself.
        ``disable-in-band``: no hidden flows that would let the controller be reached over the data ports.
        """
        commands = []
        for site in sites:
            bridge = site.switch
            commands += [
                ["add-br", bridge],
                [
                    *("set", "bridge", bridge, f"datapath_type={self._bridge_type}", "fail_mode=secure"),
                    *("protocols=OpenFlow13", f"other_config:datapath-id={site.dpid:016x}"),
                    "other_config:disable-in-band=true",
                ],
                *_port_commands(bridge, site.switch_interface, HOST_PORT),
            ]
            for link in self._layout.links.values():
                for end in (link.a, link.b):
                    if end.site == site.site:
                        commands += _port_commands(bridge, end.interface, end.port)
        return commands

    def _controller_commands(self, sites: Sequence[SiteLayout]) -> list[list[str]]:
        """Where the controller listens. One that restarts is found again within a second, not eight."""
        address = f"tcp:{self._controller}:{self._layout.controller_port}"
        return [
            command
            for site in sites
            for command in (
                ["set-controller", site.switch, address],
                ["set", "controller", site.switch, "max_backoff=1000", "inactivity_probe=5000"],
            )
        ]


def _prefer(pid: int) -> None:
    """Let a switch that forwards itself run as soon as a packet comes, before ordinary processes.

    Its main thread only, the one that forwards. With one CPU it only gets a larger share, since nothing
    could interrupt it; the kernel keeps a part of every second for the others in any case
    (``sched_rt_runtime_us``). Where the machine permits neither, the switch runs as it is.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        if len(os.sched_getaffinity(0)) > 1:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))


def _port_commands(bridge: str, interface: str, port: int) -> list[list[str]]:
    return [
        ["add-port", bridge, interface],
        ["set", "interface", interface, f"ofport_request={port}"],
    ]
