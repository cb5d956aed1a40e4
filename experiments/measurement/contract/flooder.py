"""The process that floods the best-effort queues of links, a millisecond's worth at a time."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from experiments.measurement.contract.adversary import FRAME_BYTES
from experiments.measurement.worker import WorkerChannel, run_worker
from topology.emulation.links.packetsocket import ETH_P_LOAD
from topology.errors import MeasurementError

_TICK_NS = 1_000_000
_ON_MS, _OFF_MS = (50.0, 400.0), (1.0, 40.0)
DUTY = sum(_ON_MS) / (sum(_ON_MS) + sum(_OFF_MS))
_PARENT_CHECK_TICKS = 50
_SEND_BUFFER_BYTES = 4 << 20
_ADDRESSES = bytes.fromhex("026f6e65686f026f6e656870")  # to and from addresses nobody has


class _Target:
    """One load: its socket, and when it is on."""

    def __init__(self, load: dict[str, Any], seed: str) -> None:
        try:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            self.socket.bind((load["interface"], ETH_P_LOAD))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        except OSError as error:
            raise MeasurementError(
                f"cannot send at {load['interface']}: {error.strerror}", where=load["link"]
            ) from None
        self.frames_per_ns = load["rate_mbps"] * 1e6 / 8 / FRAME_BYTES / DUTY / 1e9
        self.owed = 0.0
        self.offered = 0
        self._changes = switching_ns(seed)
        self.on = False
        self.change_ns = 0

    def turn(self, until_ns: int, passed_ns: int) -> int:
        """How many frames are to be sent now."""
        while until_ns >= self.change_ns:
            self.on = not self.on
            self.change_ns += next(self._changes)
        if self.on:
            self.owed += passed_ns * self.frames_per_ns
        count = int(self.owed)
        self.owed -= count
        return count


def switching_ns(seed: str) -> Iterator[int]:
    """How long it is on, off, on, ... without end. Pure."""
    chance = random.Random(seed)
    while True:
        yield round(chance.uniform(*_ON_MS) * 1e6)
        yield round(chance.uniform(*_OFF_MS) * 1e6)


def flood_until_parent_leaves(configuration: dict[str, Any], channel: WorkerChannel) -> None:
    """``configuration``: ``loads`` (fields of ``Load``), ``seed``. The report follows as JSON: ``seconds``;
    ``offered`` frames by load.
    """
    seed = configuration["seed"]
    targets = [_Target(load, f"{seed}/{number}") for number, load in enumerate(configuration["loads"])]
    frame = (_ADDRESSES + ETH_P_LOAD.to_bytes(2, "big")).ljust(FRAME_BYTES, b"\0")
    channel.ready()
    begun_ns = last_ns = time.monotonic_ns()
    ticks = 0
    while True:
        ticks += 1
        if ticks % _PARENT_CHECK_TICKS == 0 and channel.parent_is_gone():
            break
        now_ns = time.monotonic_ns()
        passed_ns, last_ns = now_ns - last_ns, now_ns
        for target in targets:
            send = target.socket.send
            count = target.turn(now_ns - begun_ns, passed_ns)
            for _ in range(count):
                with contextlib.suppress(OSError):  # the queue is full; it counts what it drops
                    send(frame)
            target.offered += count
        left_ns = last_ns + _TICK_NS - time.monotonic_ns()
        if left_ns > 0:
            time.sleep(left_ns / 1e9)
    told = {
        "seconds": (time.monotonic_ns() - begun_ns) / 1e9,
        "offered": [target.offered for target in targets],
    }
    channel.socket.sendall(json.dumps(told).encode())


if __name__ == "__main__":
    sys.exit(run_worker(flood_until_parent_leaves))
