"""The process that sends background traffic into the queues of links.

All flows together are one Poisson stream; each arrival belongs to a flow with the probability of its share of
the frames, which makes each flow a Poisson stream of its own (Kingman, "Poisson Processes", 1993, chapter 5).
Times and choices follow from the seed. The process sleeps until the next frame is due and then sends all that
are; frames are never left out, so a machine that is too slow shows as lateness and as frames overdue at the
end.
"""

from __future__ import annotations

import json
import math
import random
import socket
import sys
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.packetsocket import ETH_P_LOAD, open_sender
from topology.emulation.links.priority import RealTime
from topology.errors import MeasurementError

_MAX_SLEEP_NS = 20_000_000
_PARENT_CHECK_NS = 50_000_000
_LATE_EVERY = 16
_MAX_LATE_SAMPLES = 200_000
_SEND_BUFFER_BYTES = 256 << 20  # never the limit: frames count until they leave, and many queues may be full
_ADDRESSES = bytes.fromhex("026f6e65686f026f6e656870")  # to and from addresses nobody has


def generate_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows`` (fields of ``Flow``), ``seed``, ``frame_bytes``.

    When the parent shuts its end down for writing, the report follows as JSON: ``seconds``; ``sent``,
    ``refused`` and ``overdue`` frames by flow; ``late_ms``.

    Raises ``MeasurementError`` for an interface that does not exist.
    """
    flows = configuration["flows"]
    for flow in flows:
        try:
            socket.if_nametoindex(flow["interface"])
        except OSError:
            raise MeasurementError(f"there is no interface {flow['interface']}", where=flow["link"]) from None
    frame_bytes = configuration["frame_bytes"]
    frame = (_ADDRESSES + ETH_P_LOAD.to_bytes(2, "big")).ljust(frame_bytes, b"\0")
    frames_per_s = [flow["rate_mbps"] * 1e6 / 8 / frame_bytes for flow in flows]
    arrivals = poisson_arrivals(frames_per_s, configuration["seed"])
    with open_sender(_SEND_BUFFER_BYTES) as sender:
        channel.ready()
        told = _send(sender, [flow["interface"] for flow in flows], frame, arrivals, channel)
    channel.socket.sendall(json.dumps(told).encode())


def poisson_arrivals(frames_per_s: Sequence[float], seed: int) -> Iterator[tuple[float, int]]:
    """Arrivals of all flows in order, without end: time in ns from the start, and the flow's number. Pure."""
    uniform, log = random.Random(seed).random, math.log
    boundaries = list(accumulate(frames_per_s))
    total = boundaries.pop()  # whatever lies beyond the last boundary belongs to the last flow
    mean_gap_ns = 1e9 / total
    due_ns = 0.0
    while True:
        due_ns -= mean_gap_ns * log(1.0 - uniform())
        yield due_ns, bisect(boundaries, uniform() * total)


def _send(
    sender: socket.socket,
    interfaces: Sequence[str],
    frame: bytes,
    arrivals: Iterator[tuple[float, int]],
    channel: WorkerChannel,
) -> dict[str, Any]:
    priority = RealTime()  # frames that wait for a processor leave in bursts, and bursts are not Poisson
    addresses = [(interface, ETH_P_LOAD) for interface in interfaces]
    sent, refused, overdue = ([0] * len(addresses) for _ in range(3))
    late_ms: list[float] = []
    clock_ns, send = time.monotonic_ns, sender.sendto
    frames = 0
    begun_ns = clock_ns()
    next_check_ns = begun_ns + _PARENT_CHECK_NS
    ahead_ns, flow = next(arrivals)
    due_ns = begun_ns + ahead_ns
    while True:
        now_ns = clock_ns()
        while due_ns <= now_ns:
            try:
                send(frame, addresses[flow])
                sent[flow] += 1
            except OSError:
                refused[flow] += 1
            planned_ns = due_ns
            ahead_ns, flow = next(arrivals)
            due_ns = begun_ns + ahead_ns
            frames += 1
            if frames % _LATE_EVERY == 0:
                now_ns = clock_ns()
                if len(late_ms) < _MAX_LATE_SAMPLES:
                    late_ms.append((now_ns - planned_ns) / 1e6)
                if now_ns > next_check_ns:
                    break
        if now_ns > next_check_ns:
            if channel.parent_is_gone():
                break
            next_check_ns = now_ns + _PARENT_CHECK_NS
            priority.watch(now_ns)
        wait_ns = due_ns - clock_ns()
        if wait_ns > 0:
            time.sleep(min(wait_ns, _MAX_SLEEP_NS) / 1e9)
    while due_ns < now_ns:
        overdue[flow] += 1
        ahead_ns, flow = next(arrivals)
        due_ns = begun_ns + ahead_ns
    return {
        "seconds": (now_ns - begun_ns) / 1e9,
        "sent": sent,
        "refused": refused,
        "overdue": overdue,
        "late_ms": late_ms,
    }


if __name__ == "__main__":
    sys.exit(run_worker(generate_until_parent_leaves))
