"""An emulated link against a bare veth pair, in one run: what the pipe costs. Each pipe this machine can run.

Throughput: two hosts joined by a veth pair, and by two veth pairs with a pipe of 1 ms between them; no
shaper, so what is seen is the pipe. Both in turns, five times, since a scheduler that places sender, pipe and
receiver otherwise changes a flow by half. The same with the two pairs joined in the kernel, without a pipe:
more than that no pipe can carry. Delays and many links: as ``onehop calibrate`` measures them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from typing import Any

from experiments.benchmarks.joinedhosts import Carried, joined_hosts
from experiments.capability.floor import bare_delay
from experiments.capability.search import largest
from experiments.capability.testlinks import TestLinks, ip, quiet_interfaces
from experiments.results.calibration import Lateness, Limit
from topology.emulation.cell import private_network
from topology.emulation.links import LinkProperties, Pipe, Wire, compiledcore, tc
from topology.emulation.links.buckets import FRAME_BYTES
from topology.emulation.links.choose import probe_netem
from topology.emulation.links.netem import NetemPipe, start_commands
from topology.emulation.links.userspace import UserspacePipe

UDP_PAYLOAD_BYTES = 1400
IDLE_LINKS = 80
LOADED_PER_S = 10_000.0  # full frames over one link: 121 Mbit/s
SATURATED = 0.9  # of all processors
TURNS = 5
_LOADS = ((1, 64), (40, FRAME_BYTES))  # links, bytes of a frame
_UNSHAPED = LinkProperties(rate_mbps=20_000, delay_ms=1.0)
_UDP = ("--udp", "--bitrate", "0", "--length", str(UDP_PAYLOAD_BYTES))
_VETH = "veth pair without a pipe"
_TRIAL_S, _FIRST_PER_S, _LEAST_PER_S, _MOST_PER_S, _RESOLUTION = 0.4, 80_000.0, 1_000.0, 2_000_000.0, 1.25

Row = dict[str, Any]
_MakePipe = Callable[[bool], Pipe]  # told whether frames must leave as packets


class Redirect(NetemPipe):
    """What carries frames by netem, without the netem: from wire to wire in the kernel, at once."""

    def start(self, wires: Sequence[Wire], seed: int) -> None:
        """See ``Pipe.start``."""
        self._wires = {wire.link: wire for wire in wires}
        tc.run([each for wire in wires for each in start_commands(wire, None) if " netem " not in each.text])


def bench_links(seconds: float = 2) -> list[Row]:
    """Throughput, delay and cost of each pipe; inside a cell. ``seconds`` per measurement."""
    rows: list[Row] = []
    with private_network():
        floor = bare_delay(seconds)
    redirected = {load: _most(Redirect(), *load) for load in _LOADS}
    rows += _throughput("in the kernel, no delay", lambda _packets: Redirect(), max(1, round(seconds)))
    for name, make in _pipes():
        rows += _throughput(name, make, max(1, round(seconds)))
        with private_network():
            rows += _delays(name, make(True), floor, seconds)
        rows += [_most_row(name, load, _most(make(True), *load), other) for load, other in redirected.items()]
    for core in _cores():
        with private_network():
            rows.append(_idle(core, seconds))
    return rows


def _cores() -> list[str]:
    return ["python"] if compiledcore.missing() else ["compiled", "python"]


def _pipes() -> Iterator[tuple[str, _MakePipe]]:
    for core in _cores():
        yield f"userspace, {core}", partial(_userspace, core)
    if probe_netem()[0]:
        yield "netem", lambda _packets: NetemPipe()


def _userspace(core: str, packets: bool) -> Pipe:
    return UserspacePipe(core, packets=packets)


def _throughput(name: str, make: _MakePipe, seconds: int) -> Iterator[Row]:
    for offloads, options, what in (
        (True, (), "TCP with offloads"),
        (False, (), "TCP of real-size packets"),
        (False, _UDP, "UDP of real-size packets"),
    ):
        pipe = make(not offloads)
        with private_network(), joined_hosts(_UNSHAPED) as (hosts, wire):
            hosts.set_offloads(offloads)
            pipe.start([wire], 1)
            try:
                turns = [
                    (hosts.carried("piped", options, seconds), hosts.carried("bare", options, seconds))
                    for _ in range(TURNS)
                ]
            finally:
                pipe.stop()
        yield from _carried_rows(f"{name}: {what}", turns, datagrams=bool(options))


def _carried_rows(what: str, turns: Sequence[tuple[Carried, Carried]], *, datagrams: bool) -> Iterator[Row]:
    """What was carried, and the work it took; medians of all turns, of the pipe and of the bare pair."""
    ratios = [piped.mbps / bare.mbps for piped, bare in turns]
    piped_mbps, bare_mbps = (median(each[side].mbps for each in turns) for side in (0, 1))
    if datagrams:
        per_mbit = 1e6 / 8 / UDP_PAYLOAD_BYTES
        row = _row(what, piped_mbps * per_mbit, bare_mbps * per_mbit, "packets/s")
    else:
        row = _row(what, piped_mbps / 1e3, bare_mbps / 1e3, "Gbit/s", 2)
    row["ratio"] = round(median(ratios), 2)
    row["against"] = f"{_VETH}; {min(ratios):.2f} to {max(ratios):.2f} in {len(turns)} turns"
    piped_busy, bare_busy = (median(each[side].busy_ratio for each in turns) for side in (0, 1))
    if piped_busy > SATURATED:
        row["limit"] = f"the processors, {piped_busy:.0%} busy ({bare_busy:.0%} without a pipe)"
    yield row
    piped_work, bare_work = (median(each[side].cpu_s_per_gbit for each in turns) for side in (0, 1))
    cost = _row(f"{what}, work", piped_work, bare_work, "CPU s/Gbit", 3)
    yield {**cost, "ratio": round(bare_work / piped_work, 2)}


def _delays(name: str, pipe: Pipe, floor: Lateness, seconds: float) -> Iterator[Row]:
    """Delay beyond what was declared, idle and under a load, beside that of a veth pair alone, idle."""
    with TestLinks(pipe, 1) as links:
        idle = links.idle(seconds)
        loaded = links.trial(LOADED_PER_S, FRAME_BYTES, seconds).added
    for state, seen in (("idle", idle), ("121 Mbit/s", loaded)):
        for label, field in (("median", "p50_us"), ("99 %", "p99_us"), ("99.9 %", "p99_9_us")):
            ours = "" if seen is None else getattr(seen, field)
            yield {
                "what": f"{name}: added delay, {state}, {label}",
                "ours": ours,
                "other": getattr(floor, field),
                "unit": "µs",
                "ratio": "",
                "against": _VETH,
            }


def _most(pipe: Pipe, count: int, frame_bytes: int) -> float:
    """How many frames a second links carry, all together, within the limit of a calibration."""
    with private_network(), TestLinks(pipe, count) as links:
        found = largest(
            lambda load: links.trial(load, frame_bytes, _TRIAL_S),
            Limit(),
            start=_FIRST_PER_S,
            least=_LEAST_PER_S,
            most=_MOST_PER_S,
            resolution=_RESOLUTION,
        )
    return 0.0 if found.best is None else found.best.load


def _most_row(name: str, load: tuple[int, int], ours: float, other: float) -> Row:
    count, frame_bytes = load
    what = f"{name}: {count} link{'s' if count > 1 else ''} loaded, {frame_bytes} bytes"
    if frame_bytes == FRAME_BYTES:
        row = _row(what, ours * frame_bytes * 8 / 1e6, other * frame_bytes * 8 / 1e6, "Mbit/s")
    else:
        row = _row(what, ours, other, "frames/s")
    return {**row, "against": "links without delay (tc mirred)"}


def _idle(core: str, seconds: float) -> Row:
    """Share of one processor that a delay line with many links takes while nothing is sent."""
    pipe = UserspacePipe(core)
    numbers = range(IDLE_LINKS)
    quiet_interfaces()
    ends = [f"{end}{number}" for number in numbers for end in "ab"]
    ip(
        *(f"link add name s{end} type veth peer name w{end}" for end in ends),
        *(f"link set {side}{end} up" for end in ends for side in "sw"),
    )
    pipe.start([Wire(f"l{number}", f"wa{number}", f"wb{number}", _UNSHAPED) for number in numbers], 1)
    try:
        time.sleep(0.5)
        before, begun = pipe.state()["cpu_seconds"], time.monotonic()
        time.sleep(seconds)
        share = (pipe.state()["cpu_seconds"] - before) / (time.monotonic() - begun)
    finally:
        pipe.stop()
    return {
        "what": f"userspace, {core}: {IDLE_LINKS} links without traffic",
        "ours": round(share * 100, 2),
        "other": "",
        "unit": "% of a CPU",
        "ratio": "",
        "against": "",
    }


def _row(what: str, ours: float, other: float, unit: str, digits: int = 0) -> Row:
    return {
        "what": what,
        "ours": round(ours, digits or None),
        "other": round(other, digits or None),
        "unit": unit,
        "ratio": round(ours / other, 2) if other else "",
        "against": _VETH,
    }
