"""The running lab and all that its faults are observed by: packet streams, ports, the controller's words."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType

from controller.reservations import Reservation
from experiments.failover.subjects import Target, latency_ns
from experiments.failover.timeline import BEFORE_NS, Observation
from experiments.lab import Lab
from experiments.measurement.stream import ARRIVED, HEADER_BYTES, PacketStreams, Seen, StreamFlow
from experiments.protection import protected
from topology.emulation.bfd import watched_ends
from topology.emulation.faults import Faults
from topology.emulation.portwatch import PortWatch
from topology.errors import MeasurementError
from topology.network import ReservedClass

PAYLOAD_BYTES = 64
MOST_PACKETS_PER_S = 1000
MOST_FLOWS = 3
CONTRACT_SHARE = 0.6  # of the reserved rate, at most: a sender held up must be able to catch up
PROBE_INTERVAL_S = 0.05
RECOVERY_S = 90.0
SLOWER_AFTER_S = 12.0  # far longer than BFD needs to come back
_NICE = -10
PACE_NS = 1_200_000_000  # so long after they have come up sessions may still expect one packet a second
QUIET_NS = 100_000_000  # so long must all flows have been on their paths, all ports alive
RECENT = 1000  # packets: about the last third of a second
STALE_NS = 1_000_000_000  # older news say nothing of the present
LATE_NS = 250_000_000  # a packet not seen so long after its time will not come


def watched_flows(reservations: Mapping[str, Reservation]) -> dict[str, Reservation]:
    """The protected reservations that get a stream: at most ``MOST_FLOWS``, those of the longest paths."""
    ranked = sorted(protected(reservations).values(), key=lambda one: -len(one.primary.sites))
    chosen = {one.id for one in ranked[:MOST_FLOWS]}
    return {name: one for name, one in reservations.items() if name in chosen}


def packets_per_s(reservations: Mapping[str, Reservation], most: int = MOST_PACKETS_PER_S) -> int:
    """How many packets of the stream a second every contract has room for, ``most`` at most."""
    frame_bits = 8 * (PAYLOAD_BYTES + HEADER_BYTES)
    least_bps = min(one.rate_bps for one in reservations.values())
    return min(most, int(CONTRACT_SHARE * least_bps / frame_bits))


@contextlib.contextmanager
def _preferred() -> Iterator[None]:
    """Run this thread and those it starts before ordinary ones, so that who watches is not kept waiting."""
    former = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, former)


class Bench:
    """All protected flows of a lab under a steady stream, watched while entered.

    ``most_packets_per_s``: of each flow; fewer where its contract has no room for them.
    """

    def __init__(self, lab: Lab, *, most_packets_per_s: int = MOST_PACKETS_PER_S) -> None:
        marks = lab.network.routing.reserved
        assert marks is not None
        self.lab = lab
        self.marks: ReservedClass = marks
        self.faults = Faults(lab.emulated)
        self.flows = watched_flows(lab.reservations)
        self._number = {name: number for number, name in enumerate(self.flows)}
        switches = lab.emulated.switches
        ends = list(watched_ends(lab.layout, lab.emulated.watched))
        sockets = {switches.instance_of(end.site).database_socket for end in ends}
        self.watch = PortWatch(sockets, {end.interface for end in ends})
        self.streams = PacketStreams(
            [self._flow(one) for one in self.flows.values()],
            packets_per_s=packets_per_s(self.flows, most_packets_per_s),
            payload_bytes=PAYLOAD_BYTES,
        )
        self._recent: list[Seen] = []
        self._stack = ExitStack()

    def __enter__(self) -> Bench:
        with ExitStack() as stack:
            stack.enter_context(_preferred())
            stack.enter_context(self.watch)
            stack.enter_context(self.streams)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def settle(self) -> None:
        """Return when every watched port is alive and every flow is on its path, and was for a moment.

        Where that does not come soon, the machine is too slow for the pace of BFD, and the pace is halved.
        Raises ``MeasurementError`` if it does not come at all.
        """
        deadline = time.monotonic() + RECOVERY_S
        slower_at = time.monotonic() + SLOWER_AFTER_S
        while True:
            time.sleep(PROBE_INTERVAL_S)
            self.collect()
            unsettled = self._unsettled()
            if not unsettled:
                return
            if time.monotonic() > slower_at and self.lab.emulated.watch_slower():
                slower_at = time.monotonic() + SLOWER_AFTER_S
            if time.monotonic() > deadline:
                raise MeasurementError(f"not back to normal after {RECOVERY_S:.0f} s: {unsettled}")

    def _unsettled(self) -> str:
        dead = [name for name, live in self.watch.live.items() if not live]
        if dead:
            return f"ports {', '.join(dead)} are dead"
        if self.watch.quiet_ns < PACE_NS:
            return "BFD is not up to speed"
        arrived = [one for one in self._recent if one.kind == ARRIVED]
        # The latest that was told of, which on a busy machine is not the latest there is.
        latest_ns = max((one.at_ns for one in arrived), default=0)
        if latest_ns < time.monotonic_ns() - STALE_NS:
            return "nothing is known to arrive"
        for name, number in self._number.items():
            lately = [one for one in arrived if one.flow == number and one.at_ns > latest_ns - QUIET_NS]
            if len(lately) < 0.5 * QUIET_NS / self.streams.interval_ns:
                return f"packets of {name} do not arrive"
            if any(one.dscp != self.marks.dscp for one in lately):
                return f"packets of {name} go round"
        return ""

    def collect(self) -> None:
        """Take in what has been seen since the last call."""
        self._recent += self.streams.take()

    def forget(self) -> None:
        """Drop what has been seen so far, except what a fault from now on needs."""
        from_ns = time.monotonic_ns() - 5 * BEFORE_NS
        self._recent = [one for one in self._recent if one.at_ns >= from_ns]

    def wait_for_stragglers(self) -> None:
        """Let the packets sent so far arrive, and the news of them.

        Raises ``MeasurementError`` if news stay away.
        """
        now_ns = time.monotonic_ns()
        deadline = time.monotonic() + RECOVERY_S
        while not any(one.at_ns > now_ns + LATE_NS for one in self._recent[-RECENT:]):
            if time.monotonic() > deadline:
                raise MeasurementError(f"no packet of any flow arrived for {RECOVERY_S:.0f} s")
            time.sleep(PROBE_INTERVAL_S)
            self.collect()

    def observation(
        self, target: Target, began_ns: int, mended_ns: int, barrier_ns: int | None
    ) -> Observation:
        """What has been seen of the target's flow; left out are packets that may still come."""
        flow = self._number[target.reservation]
        until_ns = time.monotonic_ns() - LATE_NS
        numbers = self.streams.numbers(flow, began_ns - BEFORE_NS, until_ns)
        before = self.flows[target.reservation].primary.sites[: target.position + 1]
        return Observation(
            began_ns=began_ns,
            mended_ns=mended_ns,
            scheduled_ns={number: self.streams.scheduled_ns(flow, number) for number in numbers},
            seen=[one for one in self._recent if one.flow == flow],
            upstream_ns=latency_ns(self.lab.network, before),
            noticed_ns=self._noticed_ns(target, began_ns),
            barrier_ns=barrier_ns,
        )

    def arrived(self) -> set[tuple[int, int]]:
        """What is remembered of packets that arrived: flow and number."""
        return {(one.flow, one.number) for one in self._recent if one.kind == ARRIVED}

    def stray_alarms(self, target: Target, began_ns: int, mended_ns: int) -> int:
        """Ports that were taken for dead during a fault that they had no part in."""
        ends = watched_ends(self.lab.layout, target.links)
        concerned = {end.interface for end in ends}
        return sum(
            not event.live and event.interface not in concerned and event.at_ns < mended_ns
            for event in self.watch.since(began_ns)
        )

    def duplicates(self) -> int:
        """Packets of any flow that came more than once, among all that are remembered."""
        arrived = [(one.flow, one.number) for one in self._recent if one.kind == ARRIVED]
        return len(arrived) - len(set(arrived))

    def _noticed_ns(self, target: Target, began_ns: int) -> int | None:
        here, there = target.guard
        link = next(iter(self.lab.network.path_links((here, there)))).id
        ends = self.lab.layout.links[link]
        interface = ends.a.interface if ends.a.site == here else ends.b.interface
        told = [e.at_ns for e in self.watch.since(began_ns) if e.interface == interface and not e.live]
        return min(told, default=None)

    def _flow(self, one: Reservation) -> StreamFlow:
        assert one.backup is not None
        source, first = one.backup.sites[:2]
        return StreamFlow(
            self.lab.endpoint(source),
            self.lab.endpoint(one.backup.sites[-1]),
            one.port,
            self._interface(source, self.lab.layout.port_towards(source, first)),
        )

    def _interface(self, site: str, port: int) -> str:
        ends = [end for link in self.lab.layout.links.values() for end in (link.a, link.b)]
        return next(end.interface for end in ends if (end.site, end.port) == (site, port))
