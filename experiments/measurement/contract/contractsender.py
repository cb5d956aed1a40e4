"""The process that sends contract flows, all of them in one loop, and notes when each packet left.

A packet leaves when its flow's bucket allows and never before; the kernel stamps the moment. Lines of the
sent file are written as the stamps come. When the packets to be sent have been sent, a line of JSON says so.
"""

from __future__ import annotations

import heapq
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from experiments.measurement.contract.flows import (
    HEADER_BYTES,
    LARGEST_BYTES,
    MAGIC,
    PAYLOAD,
    ContractFlow,
    Pace,
)
from experiments.measurement.endpoint import socket_in_namespace
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    enable_kernel_timestamps,
    kernel_stamp_ns,
    stamped_number,
)
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.priority import RealTime
from topology.errors import MeasurementError

_BUFFER_BYTES = 4 << 20
_MAX_SLEEP_NS = 20_000_000
_LONG_NS = 400_000  # a pause long enough to read stamps in
_MOST_UNREAD = 64
_PROGRESS_NS = 200_000_000
_LAST_STAMPS_S = 0.05


class _Port:
    """A flow's socket, and its packets of which the kernel has not told yet when they left."""

    def __init__(self, number: int, flow: ContractFlow, pace: Pace) -> None:
        self.number = number
        self.flow = flow
        self.pace = pace
        self.sequence = 0
        self.unstamped: dict[int, tuple[int, int]] = {}  # size and time of sending, by sequence number
        self.socket = socket_in_namespace(flow.source)
        try:
            self.socket.setblocking(False)
            self.socket.bind((flow.source.ip, 0))
            self.socket.connect((flow.destination.ip, flow.port))
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self.socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
            enable_kernel_timestamps(self.socket, transmit=True, numbered=True)
        except OSError as error:
            raise MeasurementError(
                f"no socket for the flow {flow.id}: {error.strerror}", where=f"host of {flow.source.site}"
            ) from None
        self.packet = bytearray(LARGEST_BYTES)

    def send(self) -> None:
        """Send the next packet. One that the kernel refuses spoils the measurement: no network saw it."""
        size = self.pace.frame_bytes
        now_ns = time.time_ns()
        PAYLOAD.pack_into(self.packet, 0, MAGIC, self.number, self.sequence, now_ns)
        try:
            self.socket.send(memoryview(self.packet)[: size - HEADER_BYTES])
        except OSError as error:
            raise MeasurementError(
                f"the host refused a packet of the flow {self.flow.id}: {error.strerror}"
            ) from None
        self.unstamped[self.sequence] = (size, now_ns)
        self.sequence += 1

    def write_stamped(self, file: TextIO) -> None:
        """Write a line for each packet whose stamp has come."""
        while True:
            try:
                _data, ancillary, _flags, _address = self.socket.recvmsg(
                    0, ANCILLARY_BYTES, socket.MSG_ERRQUEUE
                )
            except BlockingIOError:
                return
            except OSError:  # an answer of the network, such as "port unreachable", not of the kernel
                continue
            number, left_ns = stamped_number(ancillary), kernel_stamp_ns(ancillary)
            if number is not None and left_ns and number in self.unstamped:
                size, _now_ns = self.unstamped.pop(number)
                file.write(f"[{self.number},{number},{left_ns},{size},1]\n")

    def write_unstamped(self, file: TextIO) -> None:
        """Write a line for each packet that the kernel never told of, with the time taken by us."""
        for number, (size, now_ns) in self.unstamped.items():
            file.write(f"[{self.number},{number},{now_ns},{size},0]\n")


def send_until_done(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows``, ``seed``, ``packets`` (to be sent of counted flows), ``most_s``,
    ``sparse_ns``, ``file``.
    """
    flows = [ContractFlow.from_dict(fields) for fields in configuration["flows"]]
    ports = [
        _Port(number, flow, Pace(flow, number, configuration["seed"], configuration["sparse_ns"]))
        for number, flow in enumerate(flows)
    ]
    with Path(configuration["file"]).open("a", encoding="utf-8") as file:
        channel.ready()
        done = _send(ports, file, configuration["packets"], configuration["most_s"], channel)
        time.sleep(_LAST_STAMPS_S)
        for port in ports:
            port.write_stamped(file)
            port.write_unstamped(file)
    channel.socket.sendall(json.dumps({"done": done}).encode() + b"\n")


def _send(ports: list[_Port], file: TextIO, packets: int, most_s: float, channel: WorkerChannel) -> int:
    """The loop. Returns how many packets of counted flows have been sent."""
    priority = RealTime()
    clock_ns, sleep = time.monotonic_ns, time.sleep
    begun_ns = clock_ns()
    end_ns = begun_ns + round(most_s * 1e9)
    progress_ns = begun_ns
    done = unread = 0
    due = [(port.pace.due_ns, port.number) for port in ports]
    heapq.heapify(due)
    while done < packets:
        now_ns = clock_ns()
        wait_ns = begun_ns + due[0][0] - now_ns
        if wait_ns > 0:
            if wait_ns > _LONG_NS or unread > _MOST_UNREAD:
                for port in ports:
                    if port.unstamped:
                        port.write_stamped(file)
                unread = 0
                wait_ns = begun_ns + due[0][0] - clock_ns()
            if wait_ns > 0:
                sleep(min(wait_ns, _MAX_SLEEP_NS) / 1e9)
            if now_ns > progress_ns:
                if now_ns > end_ns or channel.parent_is_gone():
                    break
                channel.socket.sendall(json.dumps({"sent": done}).encode() + b"\n")
                priority.watch(now_ns)
                progress_ns = now_ns + _PROGRESS_NS
            continue
        port = ports[due[0][1]]
        port.send()
        port.pace.sent(max(now_ns, begun_ns + due[0][0]) - begun_ns)
        heapq.heapreplace(due, (port.pace.due_ns, port.number))
        done += port.flow.counted
        unread += 1
    return done


if __name__ == "__main__":
    sys.exit(run_worker(send_until_done))
