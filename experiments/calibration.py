"""The switches' own processing time, measured on the idle network and allowed for.

A real router's forwarding is part of the scenario's delays; the emulated switch's is not, and where Open
vSwitch forwards in userspace it is about 0.1 ms at every hop. So it is measured once, before any experiment,
and the pipe of every link is shortened by it. The figure is told wherever results are: it is the emulator's,
not the network's. What it adds under load stays in the measurement.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from statistics import median

from experiments.lab import Lab
from topology.emulation.reading import LinkReading

MOST_MS = 0.3  # more is not forwarding but other work on the machine, which must not be hidden
_PROBES = 15
_PAIRS = 10


def measure_switch_processing_ms(lab: Lab, readings: list[LinkReading]) -> float:
    """Median time from entering a switch to leaving it, over the switches of up to ten measured pairs.

    Taken as the time per hop beyond what the read-back found the link itself to need. Between 0 and
    ``MOST_MS``. The probes are also the first frames the switches send, so their buffers are set here.
    """
    alone_ms = {
        (r.source, r.destination): r.delay_median_ms for r in readings if r.delay_median_ms is not None
    }
    comparison = lab.network.comparison
    ends = comparison.destinations[:_PAIRS]
    pairs = [(lab.endpoint(comparison.source), lab.endpoint(end)) for end in ends]
    beyond_ms = [
        hop_ms - alone_ms[hop]
        for pair in pairs  # one pair at a time: probes of several would wait for each other
        for path in lab.observe_paths([pair], probes=_PROBES).values()
        for hop, hop_ms in zip(pairwise(path.sites), path.per_hop_ms, strict=True)
        if hop in alone_ms
    ]
    lab.enlarge_buffers()
    return round(min(max(median(beyond_ms), 0.0), MOST_MS), 4) if beyond_ms else 0.0


def allow_for(lab: Lab, processing_ms: float) -> None:
    """Shorten the pipe of every link by the processing of the switch behind it."""
    for link in lab.layout.links.values():
        delay_ms = max(0.0, link.properties.delay_ms - processing_ms)
        lab.change_link(link.link, replace(link.properties, delay_ms=delay_ms))
