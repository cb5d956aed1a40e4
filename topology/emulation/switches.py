"""The switches of a network: Open vSwitch bridges, one per site, however the machine realises them.

With the kernel datapath one ovs-vswitchd programs all bridges and the kernel forwards. Where the
kernel has none, ovs-vswitchd forwards itself, and its loop visits every bridge and port for each
packet: with 46 bridges in one process a hop took 0.5 ms where it took 0.05 ms with one. So each
site gets a switch process of its own, as real sites have; where there are many sites they share
(``room``), to bound memory.

The processes share a network namespace, so their bridges use the datapath type ``dummy``: the same
userspace datapath code as ``netdev``, without the tap devices of fixed names that a second process
would stumble over.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from socket import if_nameindex

from topology.emulation.bfd import (
    STATUS,
    BfdStatus,
    BfdTimers,
    parse_pace,
    session_rows,
    statuses_of,
    watched_ends,
)
from topology.emulation.bridges import (
    bridge_operations,
    controller_operations,
    interface_operations,
    number_of,
    refused,
    settled_operations,
)
from topology.emulation.hearing import hear_all, hear_only_of
from topology.emulation.layout import Layout, SiteLayout
from topology.emulation.links.socketbuffers import enlarge_packet_sockets
from topology.emulation.openvswitch import OpenVSwitch, empty_database
from topology.emulation.ovsdb import Operation, Transactions, transact, wait_for
from topology.emulation.room import switch_processes
from topology.errors import EmulationError

_NICE = -15
_LIVE_SECONDS, _LIVE_POLL_SECONDS = 20.0, 0.05
_STARTED = wait_for("Open_vSwitch", "datapath_types", "!=", ["set", []])  # what ovs-vswitchd says first


class Switches:
    """All bridges of a layout.

    Args:
        datapath: ``system`` (kernel) or ``netdev`` (userspace).
        rundir: the switches' sockets, databases and logs lie below it.
        controller: IPv4 address of the controller.
    """

    def __init__(self, layout: Layout, datapath: str, rundir: Path, controller: str = "127.0.0.1") -> None:
        self._rundir = rundir
        self._layout = layout
        self._controller = f"tcp:{controller}:{layout.controller_port}"
        self.in_userspace = datapath != "system"
        sites = list(layout.sites.values())
        if self.in_userspace:
            self._bridge_type, options = "dummy", ["--enable-dummy"]
        else:
            self._bridge_type, options = "system", []
        self._timers: BfdTimers | None = None
        self._watching: list[OpenVSwitch] = []
        self._groups: list[tuple[OpenVSwitch, list[SiteLayout]]] = []
        share = -(-len(sites) // max(1, switch_processes(len(sites), in_userspace=self.in_userspace)))
        for first in range(0, len(sites), max(share, 1)):
            group = sites[first : first + share]
            self._groups.append((OpenVSwitch(rundir / group[0].switch, options), group))
        self._instance_of = {site.site: openvswitch for openvswitch, group in self._groups for site in group}

    def instance_of(self, site: str) -> OpenVSwitch:
        """The Open vSwitch that a site's bridge belongs to. Raises ``KeyError`` for an unknown site."""
        return self._instance_of[site]

    @property
    def processes(self) -> int:
        """How many switch processes there are, running or not; each has a database process besides."""
        return len(self._groups)

    def begin(self) -> None:
        """Start the databases and return at once; ``start`` does the rest."""
        self._rundir.mkdir(parents=True, exist_ok=True)
        database = self._rundir / "empty.db"
        database.unlink(missing_ok=True)
        empty_database(database)
        for openvswitch in self._instances():
            openvswitch.begin(database)

    def start(self) -> None:
        """Start the switches, before there are interfaces, and return at once.

        A switch that starts later would first ask for every interface of the namespace, and one that hears
        of every change of every interface is busy with other sites' affairs: either grows with the square of
        the sites.
        """
        for openvswitch in self._instances():
            openvswitch.finish()

    def wait_until_started(self) -> None:
        """Return when all switches are there; until ``begin_bridges`` they hear of no interface."""
        transact({openvswitch.database_socket: [_STARTED] for openvswitch in self._instances()}, self.check)
        for openvswitch in self._instances():
            hear_only_of(openvswitch.switch_pid, [])

    def begin_bridges(self, *, connect: bool = True) -> Transactions:
        """Have the bridges made with their ports, whose interfaces exist; ``settle`` waits for them.

        Without ``connect`` they wait for ``connect()`` before they look for a controller.
        """
        indices = {name: index for index, name in if_nameindex()}
        for openvswitch, sites in self._groups:
            if self.in_userspace:
                own = [indices[name] for name in self._interfaces(sites) if name in indices]
                hear_only_of(openvswitch.switch_pid, own)
            else:  # the bridges are interfaces too, which come with their ports
                hear_all(openvswitch.switch_pid)
        controller = self._controller if connect else None
        return self._begin(
            {
                openvswitch: bridge_operations(self._layout, sites, self._bridge_type, controller)
                for openvswitch, sites in self._groups
            }
        )

    def settle(self, under_way: Transactions) -> None:
        """Return when a change of the databases is in effect.

        Raises ``EmulationError`` naming what a switch could not do.
        """
        changed = under_way.results(self.check)
        settled = transact(
            {path: settled_operations(number_of(results)) for path, results in changed.items()}, self.check
        )
        if complaints := [each for results in settled.values() for each in refused(results)]:
            raise EmulationError(f"Open vSwitch refused a port: {'; '.join(complaints)}")

    def prefer(self) -> None:
        """Let switches that forward themselves run before ordinary processes, from now on.

        Not while they start: whoever shares a processor with such a process waits until it sleeps, even if
        another processor has nothing to do.
        """
        if self.in_userspace:
            for openvswitch in self._instances():
                _prefer(openvswitch.switch_pid)
                _prefer(openvswitch.database_pid)  # it idles, until a port changes and somebody wants to know

    def _interfaces(self, sites: Sequence[SiteLayout]) -> Iterator[str]:
        for site in sites:
            yield site.switch_interface
            yield from (end.interface for end in self._layout.ends_of[site.site])

    def connect(self) -> None:
        """Have all switches look for their controller."""
        self._change({each: controller_operations(sites, self._controller) for each, sites in self._groups})

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
        self._watching = list(dict.fromkeys(self.instance_of(end.site) for end in ends))
        self._change(
            {
                openvswitch: interface_operations(
                    session_rows([end for end in ends if self.instance_of(end.site) is openvswitch], timers)
                )
                for openvswitch in self._watching
            }
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
        asked = dict.fromkeys(map(self.instance_of, self._layout.sites if sites is None else sites))
        told = transact({openvswitch.database_socket: [STATUS] for openvswitch in asked}, self.check)
        return statuses_of(row for (result,) in told.values() for row in result["rows"])

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

    def _change(self, operations: Mapping[OpenVSwitch, Sequence[Operation]]) -> None:
        """One transaction per process; returns once all of it is in effect. Raises as ``settle`` does."""
        self.settle(self._begin(operations))

    def _begin(self, operations: Mapping[OpenVSwitch, Sequence[Operation]]) -> Transactions:
        return Transactions({each.database_socket: asked for each, asked in operations.items()})

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


def _prefer(pid: int) -> None:
    """Let a switch that forwards itself run as soon as a packet comes, before ordinary processes.

    All its threads, and those to come, which begin as the one that makes them. With one CPU it only gets a
    larger share, since nothing could interrupt it; the kernel keeps a part of every second for the others in
    any case (``sched_rt_runtime_us``). Where the machine permits neither, the switch runs as it is.
    """
    with contextlib.suppress(OSError):
        for thread in map(int, os.listdir(f"/proc/{pid}/task")):
            os.setpriority(os.PRIO_PROCESS, thread, _NICE)
            if len(os.sched_getaffinity(0)) > 1:
                os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
