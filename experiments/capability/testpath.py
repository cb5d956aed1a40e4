"""A flow through switches: the same trial as of bare links, on a whole lab, from host to host.

A chain of sites with fast links, brought up as any lab with its controller. The load is UDP from the first
host to the last; STAMP probes beside it measure the one-way delay. Where Open vSwitch forwards in userspace
the switches take more of the machine than the links do, and this finds out how much.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from experiments.capability.search import Trial
from experiments.capability.testlinks import QUEUE_MS, reshape, settled
from experiments.lab import Lab, LabOptions
from experiments.measurement.endpoint import receiving_socket
from experiments.measurement.latency import measure_latency
from experiments.measurement.samples import LatencyResult
from experiments.measurement.worker import Worker
from experiments.results.calibration import Lateness
from topology.errors import EmulationError
from topology.network import Comparison, Link, Network, Routing, Site, SiteKind, Text

DELAY_MS = 2.0  # of each link
LINK_GBPS = 10.0
HEADER_BYTES = 14 + 20 + 8  # Ethernet, IPv4, UDP
_PORT = 5203
_LOADER = "experiments.capability.loader"
_INTERVAL_MS = 4.0  # between two probes: each wakes every switch, and more would be a load of their own
LONGEST_S = 3.9  # of probing: percentiles are of fewer than 1000 values
_WAIT_MS = 500.0
_WARM_UPS = 3


class TestPath:
    """A chain of so many links, up. A context manager; inside a cell."""

    __test__ = False  # the name is no test's

    def __init__(self, options: LabOptions, links: int) -> None:
        self.links = links
        self._lab = Lab(chain(links), options)
        self._stack = ExitStack()

    def __enter__(self) -> TestPath:
        with ExitStack() as stack:
            lab = stack.enter_context(self._lab)
            first, *_, last = lab.layout.sites
            self._pair = (lab.endpoint(first), lab.endpoint(last))
            self._counters = Path(f"/proc/{lab.emulated.host(last).pid}/net/dev")
            self._arrives_at = (lab.layout.sites[last].host_interface,)
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onehop-calibrate-")))
            # Never read: what does not fit its buffer has arrived all the same.
            stack.enter_context(receiving_socket(self._pair[1], _PORT))
            self._probe(0.1)
            lab.emulated.switches.enlarge_buffers()  # they exist once frames have passed
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def idle(self, seconds: float) -> Lateness:
        """One-way delay beyond that of the links, while nothing else is sent. Raises ``EmulationError``."""
        added = self._added(self._probe(seconds))
        if added is None:
            raise EmulationError("no probe came through the path under test")
        return added

    def trial(self, frames_per_s: float, frame_bytes: int, seconds: float) -> Trial:
        """Load the path with so many frames a second, and see."""
        configuration = {
            "targets": [
                {"namespace": self._pair[0].namespace, "ip": self._pair[1].ip, "port": _PORT},
            ],
            "frames_per_s": frames_per_s,
            "frame_bytes": frame_bytes - HEADER_BYTES,
            "real_time": False,  # programs on a lab's hosts are ordinary ones
        }
        reshape(self._lab.layout, frames_per_s * frame_bytes)
        before = settled(self._arrives_at, self._counters)
        with Worker(_LOADER, configuration) as loader:
            seen = self._probe(seconds)
            told = loader.report("the load of the path")
        arrived = settled(self._arrives_at, self._counters) - before
        entered = told["sent"]
        lost = max(0, entered + _WARM_UPS + seen.sent - seen.forward.lost - arrived)
        return Trial(
            load=frames_per_s,
            sent_ratio=entered / (frames_per_s * told["seconds"]),
            lost_ratio=lost / max(1, entered),
            added=self._added(seen),
        )

    def _probe(self, seconds: float) -> LatencyResult:
        results = measure_latency(
            [self._pair],
            samples=max(20, round(seconds * 1e3 / _INTERVAL_MS)),
            interval_ms=_INTERVAL_MS,
            dscp=0,
            seed=1,
            samples_file=self._folder / "samples.jsonl",
            wait_ms=_WAIT_MS,
        )
        return results[self._pair[0].site, self._pair[1].site]

    def _added(self, seen: LatencyResult) -> Lateness | None:
        delay = seen.forward.delay_ms
        if delay is None:
            return None
        of_links_ms = self.links * DELAY_MS
        p50, p99, most = ((ms - of_links_ms) * 1e3 for ms in (delay.median, delay.p99, delay.maximum))
        # Of fewer than 1000 values the largest is the 99.9th percentile; of more it bounds it.
        return Lateness(
            count=delay.count,
            p50_us=round(p50, 1),
            p99_us=round(p99, 1),
            p99_9_us=round(most, 1),
            max_us=round(most, 1),
        )


def chain(links: int) -> Network:
    """Sites in a row, joined by fast links of ``DELAY_MS`` each."""
    names = [f"c{number}" for number in range(links + 1)]
    joined = [
        Link(
            id=f"{a}--{b}",
            a=a,
            b=b,
            capacity_gbps=LINK_GBPS,
            route_km=DELAY_MS * 200,
            route_basis="stated",
            propagation_ms=DELAY_MS,
            queue_ms=QUEUE_MS,
        )
        for a, b in pairwise(names)
    ]
    return Network(
        id=f"chain-{links}",
        title=Text("A chain", "链状网络"),
        description=Text("", ""),
        sites={n: Site(n, Text(n, n), SiteKind.POP, 35.0, 107.0, 0.0, True) for n in names},
        links={link.id: link for link in joined},
        operators={},
        services={},
        demands={},
        sources={},
        routing=Routing(),
        comparison=Comparison(names[0], (names[-1],)),
        rate_scale=1.0,
        figures={},
    )
