"""The process that sends the packets of ``stream``: each at its time, or as soon as it can after that."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from typing import Any

from experiments.measurement.endpoint import Endpoint, socket_in_namespace
from experiments.measurement.stream import MAGIC, PAYLOAD
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.priority import RealTime
from topology.errors import MeasurementError

_PARENT_CHECK_NS = 50_000_000
_SEND_BUFFER_BYTES = 1 << 21
_START_IN_NS = 20_000_000
_LEAST_GAP = 0.6  # of the interval; a sender that was held up catches up without a burst a meter would cut


def send_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows`` (fields of ``StreamFlow``), ``interval_ns``, ``payload_bytes``.

    After the ready byte comes the time of the first packet, 8 bytes. A packet that the kernel refuses is
    lost, and shows as that.
    """
    flows, interval_ns = configuration["flows"], configuration["interval_ns"]
    sockets = [_open(Endpoint(**flow["source"])) for flow in flows]
    targets = [(flow["destination"]["ip"], flow["port"]) for flow in flows]
    packet = bytearray(configuration["payload_bytes"])
    priority = RealTime()
    clock_ns = time.monotonic_ns
    begun_ns = clock_ns() + _START_IN_NS
    channel.ready()
    channel.socket.sendall(struct.pack("=q", begun_ns))
    count = len(flows)
    turn = 0
    free_ns = [begun_ns] * count
    least_gap_ns = round(_LEAST_GAP * interval_ns)
    next_check_ns = begun_ns
    while True:
        number, flow = divmod(turn, count)
        due_ns = begun_ns + number * interval_ns + flow * interval_ns // count
        wait_ns = max(due_ns, free_ns[flow]) - clock_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        now_ns = clock_ns()
        PAYLOAD.pack_into(packet, 0, MAGIC, flow, number, now_ns)
        with contextlib.suppress(OSError):
            sockets[flow].sendto(packet, targets[flow])
        turn += 1
        free_ns[flow] = now_ns + least_gap_ns
        if now_ns > next_check_ns:
            next_check_ns = now_ns + _PARENT_CHECK_NS
            priority.watch(now_ns)
            if channel.parent_is_gone():
                return


def _open(source: Endpoint) -> socket.socket:
    opened = socket_in_namespace(source)
    try:
        opened.bind((source.ip, 0))
    except OSError as error:
        raise MeasurementError(
            f"the address {source.ip} cannot be used: {error.strerror}", where=f"host of {source.site}"
        ) from None
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return opened


if __name__ == "__main__":
    sys.exit(run_worker(send_until_parent_leaves))
