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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from topology.emulation.layout import HOST_PORT, Layout, SiteLayout
from topology.emulation.links.socketbuffers import enlarge_packet_sockets
from topology.emulation.openvswitch import OpenVSwitch, empty_database

MAX_PROCESSES = 128
_NICE = -15
_AT_A_TIME = 4  # ovs-vsctl calls; more would only wait for the same cores


class Switches:
    """All bridges of a layout.

    Args:
        datapath: ``system`` (kernel) or ``netdev`` (userspace).
        rundir: the switches' sockets, databases and logs lie below it.
    """

    def __init__(self, layout: Layout, datapath: str, rundir: Path) -> None:
        self._rundir = rundir
        self._layout = layout
        self.in_userspace = datapath != "system"
        sites = list(layout.sites.values())
        if self.in_userspace:
            self._bridge_type, options, share = "dummy", ["--enable-dummy"], -(-len(sites) // MAX_PROCESSES)
        else:
            self._bridge_type, options, share = "system", [], len(sites)
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

    def configure(self) -> None:
        """Make the bridges with their ports, whose interfaces exist; one transaction per process."""

        def make(group: tuple[OpenVSwitch, list[SiteLayout]]) -> None:
            openvswitch, sites = group
            openvswitch.transaction(self._commands(sites))

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for _ in pool.map(make, self._groups):
                pass

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
        """Bridges, ports with fixed numbers, and where the controller listens.

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
                ["set-controller", bridge, f"tcp:127.0.0.1:{self._layout.controller_port}"],
                # A controller that restarts is found again within a second, not eight.
                ["set", "controller", bridge, "max_backoff=1000", "inactivity_probe=5000"],
                *_port_commands(bridge, site.switch_interface, HOST_PORT),
            ]
            for link in self._layout.links.values():
                for end in (link.a, link.b):
                    if end.site == site.site:
                        commands += _port_commands(bridge, end.interface, end.port)
        return commands


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
