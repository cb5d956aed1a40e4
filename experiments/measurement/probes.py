"""Marked probes: sent from host to host, and caught on every interface they pass.

On each machine one capture socket sees all interfaces of the lab's network namespace; a filter in the kernel
passes only the probes' UDP port. The kernel queues each sighting as it happens, so on one machine their order
is that of events.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from experiments.measurement.crossing import INITIAL_TTL, Sighting
from experiments.measurement.endpoint import Endpoint, socket_in_namespace
from experiments.measurement.probewatch import (
    PORT,
    TOKEN_BYTES,
    WARM_UP,
    ProbeWatch,
    Seen,
    probe_payload,
)
from experiments.measurement.worker import Worker
from topology.emulation.parts.reach import Reach
from topology.errors import MeasurementError

_WATCHER = "experiments.measurement.probewatch"
_ROUNDS = 4  # a link may be declared lossy, so a probe may fail without anything being wrong
_ROUND_TIMEOUT_S = 1.5
_SPACING_S = 0.002
_WARM_UP_S = 0.05
_SETTLE_S = 0.02  # what a probe leaves behind on the last wires may be read a little later than its arrival
_SETTLE_ELSEWHERE_S = 0.3  # what another machine has seen comes by its ssh
_TOLD_BYTES = 1 << 16


class ProbeCapture:
    """The sockets that send and catch probes, and what they have seen. A context manager: opens on entry.

    Args:
        elsewhere: the other machines that carry parts of the network.

    Attributes:
        sightings: by number of the pair and of the probe; on one machine in the order in which they happened.
        arrived: per pair, the TTL on arrival of each probe that reached the destination host.
    """

    def __init__(
        self, pairs: Sequence[tuple[Endpoint, Endpoint]], dscp: int, elsewhere: Sequence[Reach] = ()
    ) -> None:
        self.sightings: dict[tuple[int, int], list[Sighting]] = {}
        self.arrived: list[dict[int, int]] = [{} for _ in pairs]
        self._pairs = pairs
        self._dscp = dscp
        self._elsewhere = elsewhere
        self._token = os.urandom(TOKEN_BYTES)
        self._senders: list[socket.socket] = []
        self._watchers: dict[int, Worker] = {}
        self._told: dict[int, bytes] = {}

    def __enter__(self) -> ProbeCapture:
        with ExitStack() as stack:
            self._watch = stack.enter_context(ProbeWatch(self._token, len(self._pairs), self._ends_at(None)))
            for reach in self._elsewhere:
                worker = stack.enter_context(Worker(_WATCHER, self._configuration(reach), reach))
                self._watchers[worker.channel.fileno()] = worker
                self._told[worker.channel.fileno()] = b""
            for source, _ in self._pairs:
                sender = stack.enter_context(socket_in_namespace(source))
                self._senders.append(sender)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, INITIAL_TTL)
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _ends_at(self, reach: Reach | None) -> list[Endpoint]:
        return [destination for _, destination in self._pairs if destination.reach == reach]

    def _configuration(self, reach: Reach) -> dict[str, object]:
        return {
            "token": self._token.hex(),
            "pairs": len(self._pairs),
            "destinations": [destination.for_worker() for destination in self._ends_at(reach)],
        }

    def send_until_arrived(self, probes: int) -> None:
        """Send in rounds, each time what is missing, until ``probes`` of every pair have arrived."""
        for number, (_, destination) in enumerate(self._pairs):
            self._send(number, WARM_UP, destination)
        self._collect(_WARM_UP_S)
        next_probe = [0] * len(self._pairs)
        for _ in range(_ROUNDS):
            for number, (_, destination) in enumerate(self._pairs):
                for _ in range(probes - len(self.arrived[number])):
                    self._send(number, next_probe[number], destination)
                    next_probe[number] += 1
                    self._collect(_SPACING_S)
            deadline = time.monotonic() + _ROUND_TIMEOUT_S
            while time.monotonic() < deadline and not self._all_arrived(probes):
                self._collect(_SETTLE_S)
            if self._all_arrived(probes):
                break
        self._collect(_SETTLE_ELSEWHERE_S if self._watchers else _SETTLE_S)

    def _all_arrived(self, probes: int) -> bool:
        return all(len(arrived) >= probes for arrived in self.arrived)

    def _send(self, number: int, probe: int, destination: Endpoint) -> None:
        try:
            self._senders[number].sendto(probe_payload(self._token, number, probe), (destination.ip, PORT))
        except OSError as error:
            raise MeasurementError(
                f"a probe to {destination.ip} cannot be sent: {error.strerror}",
                where=f"host of {self._pairs[number][0].site}",
            ) from None

    def _collect(self, wait_s: float) -> None:
        """Take in what comes until it has been silent for ``wait_s``."""
        poll = select.poll()
        for descriptor in (*self._watch.descriptors, *self._watchers):
            poll.register(descriptor, select.POLLIN)
        while ready := poll.poll(wait_s * 1000):
            for descriptor, _ in ready:
                if descriptor in self._watchers:
                    self._hear(descriptor)
                elif (seen := self._watch.take(descriptor)) is not None:
                    self._keep(seen)

    def _hear(self, descriptor: int) -> None:
        """Take in what another machine tells."""
        worker = self._watchers[descriptor]
        data = worker.channel.recv(_TOLD_BYTES)
        if not data:
            raise MeasurementError(f"the capture on another machine ended early: {worker.last_words()}")
        *lines, self._told[descriptor] = (self._told[descriptor] + data).split(b"\n")
        for line in lines:
            self._keep(Seen.from_dict(json.loads(line)))

    def _keep(self, seen: Seen) -> None:
        if seen.sighting is None:
            self.arrived[seen.pair][seen.probe] = seen.ttl
        else:
            self.sightings.setdefault((seen.pair, seen.probe), []).append(seen.sighting)
