"""Links to be tried: as a lab builds them, without switches or hosts, and loaded by a process of its own.

Each link is a pair of shaped interfaces with a pipe between their wire ends (``topology.emulation.links``).
The load enters at end a and is counted as it arrives at end b; beside it small frames of the read-back
measure the delay from the shaper to the far end.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from experiments.capability.search import Trial
from experiments.measurement.worker import Worker
from experiments.results.calibration import Lateness
from topology.emulation.injection import Direction, Injector, Sightings
from topology.emulation.layout import MIN_QUEUE_BYTES, Layout, LinkEnd, LinkLayout
from topology.emulation.links import LinkProperties, Pipe, Wire, shaping, tc
from topology.errors import EmulationError

DELAY_MS = 2.0
FILL = 0.95  # of a link's rate is what its load sends: a shaper at its limit would be what is measured
LARGEST_RATE_MBPS = 40_000.0
QUEUE_MS = 20.0
_COUNTERS = Path("/proc/self/net/dev")
_LOADER = "experiments.capability.loader"
_SETTLE_S = 0.15
_STILL_S, _LONGEST_DRAIN_S = 0.06, 3.0
_PROBES_PER_SECOND = 1000.0


class TestLinks:
    """So many links, side by side. A context manager; inside a cell, in a network namespace of its own."""

    __test__ = False  # the name is no test's

    def __init__(self, pipe: Pipe, links: int) -> None:
        self._pipe = pipe
        self._layout = _layout(links)
        self._ends = [(link.a.interface, link.b.interface) for link in self._layout.links.values()]

    def __enter__(self) -> TestLinks:
        every = [end for link in self._layout.links.values() for end in (link.a, link.b)]
        quiet_interfaces()
        ip(
            *(f"link add name {end.interface} type veth peer name {end.wire}" for end in every),
            *(f"link set {name} up" for end in every for name in (end.interface, end.wire)),
        )
        try:
            shaping.apply(self._layout)
            wires = [Wire(k.link, k.a.wire, k.b.wire, k.properties) for k in self._layout.links.values()]
            self._pipe.start(wires, 1)
            self._injector = Injector([Direction(a, b, DELAY_MS, LARGEST_RATE_MBPS) for a, b in self._ends])
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._injector.__exit__(kind, error, trace)
        self._close()

    def idle(self, seconds: float) -> Lateness:
        """The delay beyond the declared one while nothing else is sent. Raises ``EmulationError``."""
        late_us = self._probe(seconds)
        if not late_us:
            raise EmulationError("no frame came through the link under test")
        return Lateness.of(late_us)

    def trial(self, frames_per_s: float, frame_bytes: int, seconds: float) -> Trial:
        """Load the links with so many frames a second, shared evenly, and see. Raises ``EmulationError``."""
        each_per_s = frames_per_s / len(self._ends)
        reshape(self._layout, each_per_s * frame_bytes)
        entrances, exits = zip(*self._ends, strict=True)
        before = _received(exits, _COUNTERS)
        configuration = {
            "targets": [{"interface": entrance} for entrance in entrances],
            "frames_per_s": each_per_s,
            "frame_bytes": frame_bytes,
            "real_time": True,
        }
        with Worker(_LOADER, configuration) as loader:
            time.sleep(_SETTLE_S)
            late_us = self._probe(seconds)
            told = loader.report("the load of the links")
        arrived = settled(exits) - before
        entered = told["sent"]
        lost = max(0, entered + len(late_us) - arrived)
        return Trial(
            load=frames_per_s,
            sent_ratio=entered / (frames_per_s * told["seconds"]),
            lost_ratio=lost / max(1, entered),
            added=Lateness.of(late_us) if late_us else None,
        )

    def _probe(self, seconds: float) -> list[float]:
        """Delays beyond the declared one, of small frames over all links in turn."""
        each = max(2, round(seconds * _PROBES_PER_SECOND / len(self._ends)))
        try:
            seen = self._injector.probes(range(len(self._ends)), each, seconds)
        except EmulationError:  # the machine is too busy even to look
            return []
        return [late for sightings in seen.values() for late in added_us(sightings, DELAY_MS)]

    def _close(self) -> None:
        self._pipe.stop()
        ip(*(f"link del {a}" for a, _b in self._ends), *(f"link del {b}" for _a, b in self._ends))


def reshape(layout: Layout, load_bytes_per_s: float) -> None:
    """Shape the links of a running layout so that a load is ``FILL`` of their rate.

    What waited in a shaper is lost. Raises ``EmulationError``.
    """
    rate_mbps = min(load_bytes_per_s * 8 / 1e6 / FILL, LARGEST_RATE_MBPS)
    queue_bytes = max(MIN_QUEUE_BYTES, round(rate_mbps * 1e3 / 8 * QUEUE_MS))
    ends = [end.interface for link in layout.links.values() for end in (link.a, link.b)]
    tc.run_regardless([f"qdisc del dev {end} root" for end in ends])
    links = {
        name: replace(link, properties=replace(link.properties, rate_mbps=rate_mbps, queue_bytes=queue_bytes))
        for name, link in layout.links.items()
    }
    shaping.apply(replace(layout, links=links))


def added_us(seen: Sightings, delay_ms: float) -> list[float]:
    """Delay beyond ``delay_ms`` in µs of every frame that was seen at both ends. Pure."""
    left = dict(seen.left)
    return [(at - left[number]) / 1e3 - delay_ms * 1e3 for number, at in seen.arrived if number in left]


def quiet_interfaces() -> None:
    """Keep the kernel from sending IPv6 neighbour frames of its own over new interfaces."""
    setting = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")
    if setting.exists():
        setting.write_text("1")


def ip(*commands: str) -> None:
    """Run ``ip`` commands in one batch. Raises ``EmulationError``."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EmulationError(f"the links under test cannot be made: {done.stderr.strip()}")


def _layout(links: int) -> Layout:
    queue_bytes = round(LARGEST_RATE_MBPS * 1e3 / 8 * QUEUE_MS)
    properties = LinkProperties(LARGEST_RATE_MBPS, DELAY_MS, queue_bytes=queue_bytes)
    numbers = range(1, links + 1)
    return Layout(
        "links under test",
        "",
        1.0,
        {},
        {
            f"l{n}": LinkLayout(
                f"l{n}",
                n,
                LinkEnd(f"a{n}", 2, f"ta{n}", f"tv{n}"),
                LinkEnd(f"b{n}", 2, f"tb{n}", f"tw{n}"),
                properties,
            )
            for n in numbers
        },
    )


def _received(interfaces: Sequence[str], counters: Path) -> int:
    """Frames that have arrived at all these interfaces together: /proc/net/dev, proc(5)."""
    wanted = set(interfaces)
    total = 0
    for line in counters.read_text().splitlines()[2:]:
        name, _, figures = line.partition(":")
        if name.strip() in wanted:
            total += int(figures.split()[1])
    return total


def settled(interfaces: Sequence[str], counters: Path = _COUNTERS) -> int:
    """Frames that have arrived at all these interfaces together, once nothing more arrives.

    What an overloaded link still holds comes late. ``counters``: a /proc/PID/net/dev.
    """
    until = time.monotonic() + _LONGEST_DRAIN_S
    count = _received(interfaces, counters)
    while time.monotonic() < until:
        time.sleep(_STILL_S)
        now = _received(interfaces, counters)
        if now == count:
            break
        count = now
    return count
