"""The process that watches the packets of ``stream`` arrive, pass taps and expire, and tells of each."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from experiments.measurement import packet_filter
from experiments.measurement.endpoint import Endpoint, receiving_socket, socket_in_namespace
from experiments.measurement.stream import ARRIVED, EXPIRED, LEFT, MAGIC, PAYLOAD, Seen
from experiments.measurement.timestamps import (
    ANCILLARY_BYTES,
    enable_kernel_timestamps,
    kernel_stamp_ns,
    realtime_offset_ns,
    ttl_and_tos,
)
from experiments.measurement.worker import WorkerChannel, run_worker

_BUFFER_BYTES = 1 << 22
_PACKET_BYTES = 2048
_MOST_A_TURN = 64
_NICE = -10
_OFFSET_EVERY_NS = 1_000_000_000
_ICMP_TIME_EXCEEDED = 11
_ETHERNET, _IP, _UDP, _ICMP = 14, 20, 8, 8

Packet = tuple[bytes, list[tuple[int, int, bytes]], Any]
Reader = Callable[[Packet, int], Seen | None]


def watch_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``flows`` (fields of ``StreamFlow``)."""
    readers: dict[int, tuple[socket.socket, Reader]] = {}
    served = set()
    for number, flow in enumerate(configuration["flows"]):
        port, destination = flow["port"], Endpoint(**flow["destination"])
        opened = [(_open_for_answers(Endpoint(**flow["source"])), _expired(number, destination.ip, port))]
        if (destination, port) not in served:  # flows of several sources may share a port; packets say whose
            served.add((destination, port))
            opened.append((_prepared(receiving_socket(destination, port)), _arrived))
        if flow["tap"]:
            opened.append((_open_tap(flow["tap"], port), _left(number)))
        readers |= {each.fileno(): (each, reader) for each, reader in opened}
    poll = select.epoll()
    for descriptor in (*readers, channel.socket.fileno()):
        poll.register(descriptor, select.EPOLLIN)
    ahead_ns, measured_ns = realtime_offset_ns(), time.monotonic_ns()
    with contextlib.suppress(OSError):  # packets are stamped, but news of them is waited for
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    channel.ready()
    while True:
        for descriptor, _events in poll.poll():
            if descriptor == channel.socket.fileno():
                return
            now_ns = time.monotonic_ns()
            if now_ns - measured_ns > _OFFSET_EVERY_NS:  # the kernel's stamps are of a clock that may be set
                ahead_ns, measured_ns = realtime_offset_ns(), now_ns
            opened_socket, reader = readers[descriptor]
            seen = [reader(packet, ahead_ns) for packet in _packets(opened_socket)]
            channel.socket.sendall(b"".join(each.pack() for each in seen if each is not None))


def _packets(opened: socket.socket) -> Iterator[Packet]:
    for _ in range(_MOST_A_TURN):
        try:
            packet, ancillary, _flags, address = opened.recvmsg(_PACKET_BYTES, ANCILLARY_BYTES)
        except OSError:  # nothing more; or the interface is down
            return
        yield packet, ancillary, address


def _arrived(packet: Packet, ahead_ns: int) -> Seen | None:
    data, ancillary, _address = packet
    ttl, tos = ttl_and_tos(ancillary)
    return _read(ARRIVED, data, kernel_stamp_ns(ancillary) - ahead_ns, ttl, tos)


def _left(flow: int) -> Reader:
    """Other flows may pass the same interface, even to the same port number of another host."""

    def read(packet: Packet, ahead_ns: int) -> Seen | None:
        data, ancillary, address = packet
        if address[2] != socket.PACKET_OUTGOING:
            return None
        payload = data[_ETHERNET + _IP + _UDP :]
        at_ns = kernel_stamp_ns(ancillary) - ahead_ns
        seen = _read(LEFT, payload, at_ns, data[_ETHERNET + 8], data[_ETHERNET + 1])
        return seen if seen is not None and seen.flow == flow else None

    return read


def _read(kind: int, payload: bytes, at_ns: int, ttl: int, tos: int) -> Seen | None:
    if len(payload) < PAYLOAD.size:
        return None
    magic, flow, number, sent_ns = PAYLOAD.unpack_from(payload)
    return Seen(kind, flow, number, sent_ns, at_ns, ttl, tos >> 2) if magic == MAGIC else None


def _expired(flow: int, ip: str, port: int) -> Reader:
    """Answers quote the headers of what they are about (RFC 792), so they tell which flow it was."""
    target = socket.inet_aton(ip)

    def read(packet: Packet, _ahead_ns: int) -> Seen | None:
        data = packet[0]
        quoted = data[_IP + _ICMP :]
        if len(quoted) < _IP + 4 or data[_IP] != _ICMP_TIME_EXCEEDED:
            return None
        if quoted[16:20] != target or int.from_bytes(quoted[_IP + 2 : _IP + 4]) != port:
            return None
        return Seen(EXPIRED, flow, 0, 0, time.monotonic_ns(), 0, quoted[1] >> 2)

    return read


def _open_for_answers(endpoint: Endpoint) -> socket.socket:
    return _prepared(socket_in_namespace(endpoint, kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP))


def _open_tap(interface: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    packet_filter.attach(opened, packet_filter.udp_destination_port(port))
    opened.bind((interface, 0x0003))  # ETH_P_ALL, the only one that sees what leaves
    return _prepared(opened)


def _prepared(opened: socket.socket) -> socket.socket:
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    enable_kernel_timestamps(opened, transmit=False)
    return opened


if __name__ == "__main__":
    sys.exit(run_worker(watch_until_parent_leaves))
