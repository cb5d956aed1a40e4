"""The process that sends background traffic, and counts what of it arrives.

All flows together are one Poisson stream; each arrival belongs to a flow with the probability of its share of
the frames, which makes each flow a Poisson stream of its own (Kingman, "Poisson Processes", 1993, chapter 5).
Times and choices follow from the seed. The process sleeps until the next frame is due and then sends all that
are; frames are never left out, so a machine that is too slow shows as lateness and as a rate below the one
asked for.

Sinks cost nothing: a filter in the kernel drops every frame on arrival, and the socket counts the drops.
"""

from __future__ import annotations

import json
import math
import random
import socket
import struct
import sys
import time
from bisect import bisect
from itertools import accumulate
from typing import Any

from experiments.measurement import packet_filter
from experiments.measurement.background import HEADER_BYTES
from experiments.measurement.endpoint import Endpoint, socket_in_namespace
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.priority import RealTime

_SO_MEMINFO = 55  # linux/sock_diag.h: nine counters, the last being drops
_MEMINFO_DROPS = 8
_MAX_SLEEP_NS = 20_000_000
_PARENT_CHECK_NS = 50_000_000
_LATE_EVERY = 16
_MAX_LATE_SAMPLES = 200_000
_DRAIN_S = 0.3  # longer than any path of the lab
_SEND_BUFFER_BYTES = 1 << 21


def generate_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows`` (fields of ``Flow``), ``seed``, ``frame_bytes``.

    When the parent shuts its end down for writing, the report follows as JSON: ``seconds``; ``sent``,
    ``refused`` and ``arrived`` frames by flow; ``late_ms``.
    """
    sinks, sources = [], []
    for flow in configuration["flows"]:
        sink = _sink(Endpoint(**flow["destination"]))
        sinks.append(sink)
        sources.append(_source(Endpoint(**flow["source"]), sink.getsockname()))
    frame_bytes = configuration["frame_bytes"]
    frames_per_s = [flow["rate_mbps"] * 1e6 / 8 / frame_bytes for flow in configuration["flows"]]
    channel.ready()
    told = _send(sources, frames_per_s, bytes(frame_bytes - HEADER_BYTES), configuration["seed"], channel)
    time.sleep(_DRAIN_S)
    told["arrived"] = [_drops(sink) for sink in sinks]
    channel.socket.sendall(json.dumps(told).encode())


def _sink(destination: Endpoint) -> socket.socket:
    sink = socket_in_namespace(destination)
    packet_filter.attach(sink, packet_filter.DROP_ALL)
    sink.bind((destination.ip, 0))
    return sink


def _source(source: Endpoint, target: tuple[str, int]) -> socket.socket:
    opened = socket_in_namespace(source)
    opened.bind((source.ip, 0))
    opened.connect(target)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    opened.setblocking(False)
    return opened


def _send(
    sources: list[socket.socket],
    frames_per_s: list[float],
    payload: bytes,
    seed: int,
    channel: WorkerChannel,
) -> dict[str, Any]:
    priority = RealTime()  # frames that wait for a processor leave in bursts, and bursts are not Poisson
    uniform, log = random.Random(seed).random, math.log
    boundaries = list(accumulate(frames_per_s))
    mean_gap_ns = 1e9 / boundaries[-1]
    total = boundaries.pop()  # whatever lies beyond the last boundary belongs to the last flow
    senders = [source.send for source in sources]
    sent, refused = [0] * len(sources), [0] * len(sources)
    late_ms: list[float] = []
    frames = 0
    begun = time.monotonic_ns()
    due_ns = begun - mean_gap_ns * log(1.0 - uniform())
    next_check_ns = begun + _PARENT_CHECK_NS
    while True:
        now_ns = time.monotonic_ns()
        while due_ns <= now_ns:
            flow = bisect(boundaries, uniform() * total)
            try:
                senders[flow](payload)
                sent[flow] += 1
            except OSError:
                refused[flow] += 1
            frames += 1
            if frames % _LATE_EVERY == 0 and len(late_ms) < _MAX_LATE_SAMPLES:
                late_ms.append((time.monotonic_ns() - due_ns) / 1e6)
            due_ns -= mean_gap_ns * log(1.0 - uniform())
            if now_ns > next_check_ns:
                break
        if now_ns > next_check_ns:
            if channel.parent_is_gone():
                break
            next_check_ns = now_ns + _PARENT_CHECK_NS
            priority.watch(now_ns)
        wait_ns = due_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(min(wait_ns, _MAX_SLEEP_NS) / 1e9)
    seconds = (time.monotonic_ns() - begun) / 1e9
    return {"seconds": seconds, "sent": sent, "refused": refused, "late_ms": late_ms}


def _drops(sink: socket.socket) -> int:
    counters = sink.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 64)
    (drops,) = struct.unpack_from("=I", counters, _MEMINFO_DROPS * 4)
    return int(drops)


if __name__ == "__main__":
    sys.exit(run_worker(generate_until_parent_leaves))
