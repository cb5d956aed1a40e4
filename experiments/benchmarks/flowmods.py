"""How fast the controller writes flow entries, against ``ovs-ofctl add-flows`` in the same run.

On Open vSwitch: one switch given many entries, from making the messages to the barrier's reply; and whole
networks brought to their plans, from the first switch's joining to the last confirmation. What limits the
latter is told by the processor time that each side needed: the controller with the making of all messages,
and ``ovs-vswitchd``, which serves all bridges of a benchmark in one thread.
"""

from __future__ import annotations

import os
import queue
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller import wire
from controller.actions import DecrementTtl, Output
from controller.changes import Change
from controller.entries import ETH_TYPE_IPV4, FlowEntry, FlowTable, Match
from controller.flowtables import flow_tables
from controller.plan import RoutingPlan
from controller.service import ControllerService
from experiments.benchmarks.bringup import chorded_ring
from topology.emulation.cell import CELL_RUNTIME, private_network
from topology.emulation.doctor import choose_datapath
from topology.emulation.layout import Layout
from topology.emulation.openvswitch import OpenVSwitch
from topology.errors import MeasurementError
from topology.network import Network
from topology.scenario import load

_PATIENCE_SECONDS = 60.0


def bench_flow_mods(entries: int = 20_000, sites: int = 100, rounds: int = 3) -> list[dict[str, Any]]:
    """Medians over ``rounds``, each measuring ours and theirs in turn on emptied switches."""
    with private_network(), OpenVSwitch(CELL_RUNTIME / "flowmods") as openvswitch:
        return [
            _one_switch(openvswitch, entries, rounds),
            _whole_network(openvswitch, chorded_ring(sites), rounds),
            _whole_network(openvswitch, load("qingyang-direct"), rounds),
        ]


def _one_switch(openvswitch: OpenVSwitch, count: int, rounds: int) -> dict[str, Any]:
    network = chorded_ring(4)
    layout = Layout.of(network)
    site = next(iter(layout.sites.values()))
    table = _many_entries(count)
    changes = [Change(site.site, entry) for entry in table.entries]
    ours, theirs = [], []
    with _bridges(openvswitch, layout), _controller(network, layout) as (service, events):
        openvswitch.vsctl("set-controller", site.switch, f"tcp:127.0.0.1:{service.port}")
        events.wait_for("switch")
        switch = service.switch(site.site)
        assert switch is not None  # it has just joined
        for _ in range(rounds):
            openvswitch.ofctl("del-flows", site.switch)
            wire.put.cache_clear()  # the controller keeps messages it has made; here each round makes them
            begun = time.monotonic()
            if not switch.apply(changes, ()).wait(_PATIENCE_SECONDS):
                raise MeasurementError("the switch did not confirm its entries")
            ours.append(count / (time.monotonic() - begun))
            openvswitch.ofctl("del-flows", site.switch)
            theirs.append(count / _add_flows(openvswitch, {site.switch: table}))
    return _row(f"flow-mods to one switch, {count} entries", ours, theirs)


def _whole_network(openvswitch: OpenVSwitch, network: Network, rounds: int) -> dict[str, Any]:
    layout = Layout.of(network)
    tables = flow_tables(RoutingPlan.of(network), network, layout)
    by_switch = {layout.sites[site].switch: table for site, table in tables.items()}
    count = sum(len(table.entries) for table in tables.values())
    ours, theirs, busy = [], [], []
    for _ in range(rounds):
        wire.put.cache_clear()
        with _bridges(openvswitch, layout), _controller(network, layout) as (service, events):
            with _Busy(openvswitch.switch_pid) as shares:
                openvswitch.transaction(
                    ["set-controller", name, f"tcp:127.0.0.1:{service.port}"] for name in by_switch
                )
                ours.append(count / float(events.wait_for("programmed")["seconds"]))
            busy.append(shares)
        with _bridges(openvswitch, layout):  # sooner made anew than emptied one by one
            theirs.append(count / _add_flows(openvswitch, by_switch))
    row = _row(f"flow-mods to {len(by_switch)} switches of {network.id}, {count} entries", ours, theirs)
    return row | _limit(busy)


class _Busy:
    """Processor time of this process and of the switch over a stretch of time, as shares of one core."""

    def __init__(self, switch_pid: int) -> None:
        self._switch_pid = switch_pid
        self.controller = self.switch = 0.0

    def __enter__(self) -> _Busy:
        self._before = self._now()
        return self

    def __exit__(self, *_exception: object) -> None:
        seconds, controller, switch = (b - a for a, b in zip(self._before, self._now(), strict=True))
        self.controller, self.switch = controller / seconds, switch / seconds

    def _now(self) -> tuple[float, float, float]:
        fields = Path(f"/proc/{self._switch_pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
        return time.monotonic(), time.process_time(), ticks / os.sysconf("SC_CLK_TCK")


def _limit(busy: list[_Busy]) -> dict[str, Any]:
    controller = round(statistics.median(one.controller for one in busy), 2)
    switch = round(statistics.median(one.switch for one in busy), 2)
    name = "ovs-vswitchd" if switch >= controller else "the controller"
    limit = f"{name} (busy, of one core: switch {switch:.0%}, controller {controller:.0%})"
    return {"controller_share": controller, "switch_share": switch, "limit": limit}


def _row(what: str, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {
        "what": what,
        "ours": round(mine),
        "other": round(other),
        "unit": "/s",
        "ratio": round(mine / other, 2),
        "against": "ovs-ofctl add-flows",
    }


def _many_entries(count: int) -> FlowTable:
    """Entries like those of a plan, towards as many hosts."""
    return FlowTable.of(
        FlowEntry(
            1,
            10,
            Match(eth_type=ETH_TYPE_IPV4, ipv4_dst=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"),
            (DecrementTtl(), Output(2)),
        )
        for n in range(count)
    )


def _add_flows(openvswitch: OpenVSwitch, tables: Mapping[str, FlowTable]) -> float:
    """Seconds ``ovs-ofctl`` takes, one switch after the other; the texts are made before."""
    texts = {name: table.to_text() for name, table in tables.items()}
    begun = time.monotonic()
    for name, text in texts.items():
        openvswitch.ofctl("add-flows", name, "-", stdin=text)
    return time.monotonic() - begun


@contextmanager
def _bridges(openvswitch: OpenVSwitch, layout: Layout) -> Iterator[None]:
    """Bridges with the sites' datapath ids, joined by patch ports: no interfaces, no packets."""
    datapath = choose_datapath("auto")
    commands: list[list[str]] = []
    for site in layout.sites.values():
        settings = [
            f"datapath_type={datapath}",
            "fail_mode=secure",
            f"other_config:datapath-id={site.dpid:016x}",
            "other_config:disable-in-band=true",
        ]
        commands += [["add-br", site.switch], ["set", "bridge", site.switch, *settings]]
    for link in layout.links.values():
        for end, far in ((link.a, link.b), (link.b, link.a)):
            settings = ["type=patch", f"options:peer={far.interface}", f"ofport_request={end.port}"]
            add = ["add-port", layout.sites[end.site].switch, end.interface]
            commands.append([*add, "--", "set", "interface", end.interface, *settings])
    openvswitch.transaction(commands)
    try:
        yield
    finally:
        openvswitch.transaction(["del-br", site.switch] for site in layout.sites.values())


@contextmanager
def _controller(network: Network, layout: Layout) -> Iterator[tuple[ControllerService, _Events]]:
    events = _Events()
    service = ControllerService(network, layout, events)
    service.start("127.0.0.1", 0)
    try:
        yield service, events
    finally:
        service.stop()


class _Events:
    """Takes the controller's events in this process."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, dict[str, object]]] = queue.SimpleQueue()

    def emit(self, event: str, **fields: object) -> None:
        """Keep one event."""
        self._queue.put((event, fields))

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next event of this name. Raises ``MeasurementError`` if none comes."""
        try:
            while True:
                event, fields = self._queue.get(timeout=_PATIENCE_SECONDS)
                if event == name:
                    return fields
        except queue.Empty:
            raise MeasurementError(
                f"the controller reported no {name!r} within {_PATIENCE_SECONDS:.0f} s"
            ) from None
