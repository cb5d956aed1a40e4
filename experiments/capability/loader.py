"""The process that loads links under test: frames of one size at a steady rate, many to a system call.

A load costs the machine as little as it can, since what it costs is missing elsewhere: whole batches go out
by one ``sendmmsg(2)``, every ``TICK_NS`` as many as are due. The frames are of Ethernet's configuration test
(ethertype 0x9000) towards an address nobody has: the pipe carries them like any other, and behind it nobody
wants them. Through switches, whose flows know IP only, they are UDP datagrams from a host.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import sys
import time
from typing import Any

from experiments.measurement.endpoint import Endpoint, socket_in_namespace
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.packetsocket import enlarge
from topology.emulation.links.priority import RealTime
from topology.errors import MeasurementError

TICK_NS = 500_000
LARGEST_BATCH = 256
ETH_P_LOOPBACK = 0x9000  # linux/if_ether.h
_PARENT_CHECK_TICKS = 40
_SEND_BUFFER_BYTES = 64 << 20  # never the limit: what waits in a shaper counts
_ADDRESSES = bytes.fromhex("026f6e65686f026f6e656870")  # to and from addresses nobody has
_CATCH_UP_NS = 20_000_000  # what a held-up sender may owe at most; more is not sent, and seen as not sent

_libc = ctypes.CDLL(None, use_errno=True)


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr, recvmsg(2)."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr, sendmmsg(2)."""

    _fields_ = (("header", _Header), ("sent_bytes", ctypes.c_uint))


class Batch:
    """One frame, as often as wanted, by one system call."""

    def __init__(self, frame: bytes) -> None:
        self._frame = ctypes.create_string_buffer(frame, len(frame))
        self._vector = _IoVector(ctypes.addressof(self._frame), len(frame))
        self._messages = (_Message * LARGEST_BATCH)()
        for message in self._messages:
            message.header.vectors = ctypes.addressof(self._vector)
            message.header.vector_count = 1

    def send(self, descriptor: int, count: int) -> int:
        """Send ``count`` frames, or until the first that is refused; how many went. Raises ``OSError``."""
        gone = 0
        while gone < count:
            some = min(count - gone, LARGEST_BATCH)
            sent: int = _libc.sendmmsg(descriptor, self._messages, some, 0)
            if sent < 0:
                error = ctypes.get_errno()
                if error in (errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
                    return gone
                raise OSError(error, os.strerror(error))
            gone += sent
            if sent < some:
                return gone
        return gone


def load_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``targets``, ``frames_per_s`` to each of them, ``frame_bytes`` (of UDP: of payload).

    A target is an ``interface``, or ``ip`` and ``port`` as seen from a ``namespace``. ``real_time``: whether
    the load comes before other work, as frames that arrive from elsewhere would. When the parent shuts its
    end down for writing, the report follows as JSON: ``seconds``, and ``sent``, the frames to all targets
    together.
    """
    frame_bytes = configuration["frame_bytes"]
    batch = Batch((_ADDRESSES + ETH_P_LOOPBACK.to_bytes(2, "big")).ljust(frame_bytes, b"\0"))
    sockets = [_open(target) for target in configuration["targets"]]
    channel.ready()
    priority = RealTime() if configuration["real_time"] else None
    told = _send(batch, sockets, configuration["frames_per_s"], channel, priority)
    channel.socket.sendall(json.dumps(told).encode())


def _open(target: dict[str, Any]) -> socket.socket:
    if "interface" in target:
        place, address = target["interface"], (target["interface"], ETH_P_LOOPBACK)
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        join = opened.bind
    else:
        place, address = target["ip"], (target["ip"], target["port"])
        opened = socket_in_namespace(Endpoint(place, "", target["namespace"]))
        join = opened.connect
    try:
        join(address)
        opened.setblocking(False)
        enlarge(opened, _SEND_BUFFER_BYTES, sending=True)
    except OSError as error:
        opened.close()
        raise MeasurementError(f"cannot send to {place}: {error.strerror}") from None
    return opened


def _send(
    batch: Batch,
    sockets: list[socket.socket],
    frames_per_s: float,
    channel: WorkerChannel,
    priority: RealTime | None,
) -> dict[str, float]:
    # Links take turns in beginning a tick, as sources that know nothing of each other would.
    descriptors = [opened.fileno() for opened in sockets]
    begun_ns = time.monotonic_ns()
    owed_since_ns = [begun_ns - TICK_NS * place // len(sockets) for place in range(len(sockets))]
    frame_ns = 1e9 / frames_per_s
    sent = ticks = 0
    while True:
        ticks += 1
        if ticks % _PARENT_CHECK_TICKS == 0 and channel.parent_is_gone():
            break
        if priority is not None:
            priority.watch(time.monotonic_ns())
        for place, descriptor in enumerate(descriptors):
            now_ns = time.monotonic_ns()
            since_ns = max(owed_since_ns[place], now_ns - _CATCH_UP_NS)
            due = int((now_ns - since_ns) / frame_ns)
            owed_since_ns[place] = since_ns + round(due * frame_ns)
            if due:
                sent += batch.send(descriptor, due)
        left_ns = begun_ns + ticks * TICK_NS - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / 1e9)
        else:
            ticks -= left_ns // TICK_NS  # late: the ticks that have passed are not made up for
    return {"seconds": (time.monotonic_ns() - begun_ns) / 1e9, "sent": sent}


if __name__ == "__main__":
    sys.exit(run_worker(load_until_parent_leaves))
