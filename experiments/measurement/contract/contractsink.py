"""The process that receives contract flows and writes a line for every packet that comes."""

from __future__ import annotations

import select
import socket
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from experiments.measurement.contract.flows import MAGIC, PAYLOAD, ContractFlow
from experiments.measurement.endpoint import socket_in_namespace
from experiments.measurement.timestamps import ANCILLARY_BYTES, enable_kernel_timestamps, kernel_stamp_ns
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.packetsocket import enlarge
from topology.errors import MeasurementError

_BUFFER_BYTES = 32 << 20
_PACKET_BYTES = 64  # the rest is not looked at
_MOST_A_TURN = 64


def receive_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows``, ``file``."""
    sockets: dict[int, socket.socket] = {}
    poll = select.epoll()
    flows = [ContractFlow.from_dict(fields) for fields in configuration["flows"]]
    for flow in {(flow.destination.ip, flow.port): flow for flow in flows}.values():  # some share a port
        opened = _open(flow)
        sockets[opened.fileno()] = opened
        poll.register(opened.fileno(), select.EPOLLIN)
    poll.register(channel.socket.fileno(), select.EPOLLIN)
    with Path(configuration["file"]).open("a", encoding="utf-8") as file:
        channel.ready()
        while True:
            for descriptor, _events in poll.poll():
                if descriptor == channel.socket.fileno():
                    return
                _write_arrived(sockets[descriptor], file)


def _open(flow: ContractFlow) -> socket.socket:
    opened = socket_in_namespace(flow.destination)
    try:
        opened.setblocking(False)
        opened.bind((flow.destination.ip, flow.port))
        enlarge(opened, _BUFFER_BYTES)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        enable_kernel_timestamps(opened, transmit=False)
    except OSError as error:
        raise MeasurementError(
            f"UDP port {flow.port} of {flow.destination.ip} cannot be opened: {error.strerror}",
            where=f"host of {flow.destination.site}",
            hint="is another measurement running there?",
        ) from None
    return opened


def _write_arrived(opened: socket.socket, file: TextIO) -> None:
    for _ in range(_MOST_A_TURN):
        try:
            packet, ancillary, _flags, _sender = opened.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES)
        except BlockingIOError:
            return
        if len(packet) < PAYLOAD.size:
            continue
        magic, flow, number, _sent_ns = PAYLOAD.unpack_from(packet)
        if magic != MAGIC:
            continue
        tos = 0
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == socket.IP_TOS:
                tos = data[0]
        arrived_ns = kernel_stamp_ns(ancillary) or time.time_ns()
        file.write(f"[{flow},{number},{arrived_ns},{tos >> 2}]\n")


if __name__ == "__main__":
    sys.exit(run_worker(receive_until_parent_leaves))
