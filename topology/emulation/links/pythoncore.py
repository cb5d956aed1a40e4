"""The core of the delay line in Python: what the compiled one does, to be read, and for want of a compiler.

How it keeps time: the kernel stamps each frame as it arrives, so reading it late costs nothing while its
delay runs. A timer wakes the process some microseconds before a frame is due; what is left it waits by
polling. How much before is learnt from how late the wake-ups were, so a frame is late only when a wake-up
takes longer than is usual on this machine, and early never. Polling is rationed, and in dense traffic
arrivals wake nobody: under heavy load the processors are left to others.
"""

from __future__ import annotations

import heapq
import select
import socket
import time

from topology.emulation.links import LinkProperties
from topology.emulation.links.core import PRIORITY_NS, Wanted
from topology.emulation.links.packetsocket import (
    ANCILLARY_BYTES,
    LARGEST_FRAME_BYTES,
    VNET_HEADER_BYTES,
    stamp_ns,
)
from topology.emulation.links.schedule import Counters, DelayQueue, queue_of
from topology.emulation.links.timer import Allowance, Timer, WakeUps

FRAMES_PER_TURN = 16  # read from one socket before looking at the clock again
SEND_NS = 3_000  # from the decision to send until the frame is stamped at the far side
LARGEST_AGE_NS = 1_000_000_000  # a stamp older than this means that the clock was set
CLOCKS_APART_NS = 2_000  # two clocks read further apart than this say nothing about their difference
AWAKE_SHARE, AWAKE_MOST_NS = 0.25, 2_000_000  # of one processor, for waiting awake
DENSE_NS = 1_000_000  # arrivals closer together than this are dense traffic
LEAST_NAP_NS = 50_000


class Lane:
    """One direction of one link: where its frames come from, wait, and go to."""

    __slots__ = ("number", "queue", "sink", "source")

    def __init__(self, number: int, source: socket.socket, sink: socket.socket, queue: DelayQueue) -> None:
        self.number = number
        self.source = source
        self.sink = sink
        self.queue = queue


class PythonCore:
    """A ``Core``; see there."""

    def __init__(self, control: socket.socket) -> None:
        self._lanes: dict[int, Lane] = {}  # by the source's file descriptor
        self._numbered: list[Lane] = []
        self._due: list[tuple[int, int]] = []  # heap of (due time, lane): each lane with frames, once
        self._timer = Timer()
        self._wake_ups = WakeUps()
        self._awake = Allowance(AWAKE_SHARE, AWAKE_MOST_NS)
        self._real_ahead_ns = time.time_ns() - time.monotonic_ns()
        self._priority_ns = 0
        self._armed_ns = 0
        self._nap_ns = 0
        self._last_arrival_ns = 0
        self._last_gap_ns = DENSE_NS
        self._unread = False
        self._epoll = select.epoll()
        self._epoll.register(control.fileno(), select.EPOLLIN)
        self._epoll.register(self._timer.fd, select.EPOLLIN | select.EPOLLET)

    def add(self, source: socket.socket, sink: socket.socket, properties: LinkProperties, seed: str) -> None:
        """See ``Core.add``."""
        lane = Lane(len(self._numbered), source, sink, queue_of(properties, seed))
        self._lanes[source.fileno()] = lane
        self._numbered.append(lane)
        self._epoll.register(source.fileno(), select.EPOLLIN)

    def change(self, lane: int, properties: LinkProperties) -> None:
        """See ``Core.change``."""
        self._numbered[lane].queue.change(properties)

    def silence(self, lane: int, silent: bool) -> None:
        """See ``Core.silence``."""
        self._numbered[lane].queue.silent = silent

    def set_nap(self, nap_ns: int) -> None:
        """See ``Core.set_nap``."""
        self._nap_ns = nap_ns

    def set_joins(self, joins: bool) -> None:
        """See ``Core.set_joins``. Here each packet is sent by itself."""

    def gives_way(self) -> bool:
        """See ``Core.gives_way``."""
        return False

    def counters(self, lane: int) -> Counters:
        """See ``Core.counters``."""
        return self._numbered[lane].queue.counters()

    def lead_ns(self) -> int:
        """See ``Core.lead_ns``."""
        return self._wake_ups.lead_ns

    def carry(self) -> Wanted:
        """See ``Core.carry``."""
        due, timer, clock_ns = self._due, self._timer, time.monotonic_ns
        while True:
            now_ns = clock_ns()
            if due and due[0][0] - SEND_NS <= now_ns:
                self._release()
                now_ns = clock_ns()
            if now_ns - self._priority_ns >= PRIORITY_NS:
                self._priority_ns = now_ns
                return Wanted.PRIORITY
            requested = False
            for descriptor, _mask in self._wait(now_ns):
                lane = self._lanes.get(descriptor)
                if lane is not None:
                    self._receive(lane)
                    if due and due[0][0] - SEND_NS <= clock_ns():
                        self._release()
                elif descriptor != timer.fd:
                    requested = True
            if requested:
                return Wanted.REQUEST

    def _wait(self, now_ns: int) -> list[tuple[int, int]]:
        """Wait until the next frame is nearly due, or something has arrived; what has."""
        if not self._due:
            return self._epoll.poll(-1)
        awake, wake_ups = self._awake, self._wake_ups
        # A frame is sent SEND_NS before it is due, so that is when to wake up at the latest.
        wake_ns = self._due[0][0] - (wake_ups.lead_ns if awake.left(now_ns) else SEND_NS)
        if wake_ns <= now_ns:
            events = self._epoll.poll(0)
            if not events:
                awake.spend(time.monotonic_ns() - now_ns)
            return events
        if self._unread:
            self._unread = False
            return self._epoll.poll(0)
        if self._dense(now_ns):
            # In dense traffic nobody need be woken for each arrival: the kernel has stamped it.
            wake_ns = min(wake_ns, now_ns + self._nap_ns)
            time.sleep((wake_ns - now_ns) / 1e9)
            wake_ups.learn(time.monotonic_ns() - wake_ns)
            return self._epoll.poll(0)
        if wake_ns != self._armed_ns:
            self._armed_ns = wake_ns
            self._timer.set(wake_ns)
        events = self._epoll.poll(-1)
        if len(events) == 1 and events[0][0] == self._timer.fd:
            wake_ups.learn(time.monotonic_ns() - wake_ns)
        return events

    def _dense(self, now_ns: int) -> bool:
        return self._last_gap_ns < DENSE_NS > now_ns - self._last_arrival_ns and self._nap_ns > LEAST_NAP_NS

    def _receive(self, lane: Lane) -> None:
        """Read what has arrived on one lane and give each frame its due time."""
        receive, push = lane.source.recvmsg, lane.queue.push
        # Stamps are of the real-time clock, which may be set; only a frame's age is taken from them.
        before_ns, real_ns, now_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if now_ns - before_ns < CLOCKS_APART_NS:
            self._real_ahead_ns = real_ns - now_ns
        self._last_gap_ns, self._last_arrival_ns = now_ns - self._last_arrival_ns, now_ns
        for _ in range(FRAMES_PER_TURN):
            try:
                frame, ancillary, _flags, _address = receive(LARGEST_FRAME_BYTES, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError:  # the interface went down; it may come up again
                return
            stamped_ns = stamp_ns(ancillary)
            arrived_ns = stamped_ns - self._real_ahead_ns
            if abs(now_ns - arrived_ns) > LARGEST_AGE_NS:
                stamped_ns, arrived_ns = real_ns, now_ns
            first_due_ns = push(frame, arrived_ns, stamped_ns)
            if first_due_ns is not None:
                heapq.heappush(self._due, (first_due_ns, lane.number))
        self._unread = True

    def _release(self) -> None:
        """Send every frame that is due."""
        due, clock_ns = self._due, time.monotonic_ns
        lanes = self._numbered
        now_ns = clock_ns()
        while due:
            due_ns, number = due[0]
            if due_ns - SEND_NS > now_ns:
                return
            lane = lanes[number]
            queue = lane.queue
            frame = queue.pop()
            next_ns = queue.next_due_ns()
            if next_ns is None:
                heapq.heappop(due)
            else:
                heapq.heapreplace(due, (next_ns, number))
            if queue.silent:
                queue.silenced += 1
                continue
            try:
                lane.sink.send(frame)
            except OSError:  # the interface is down or its buffer full: the link loses the frame
                queue.overflow += 1
            else:
                late_ns = now_ns - due_ns if now_ns > due_ns else 0
                queue.frames += 1
                queue.size_bytes += len(frame) - VNET_HEADER_BYTES
                queue.late_sum_ns += late_ns
                if late_ns > queue.late_max_ns:
                    queue.late_max_ns = late_ns
            now_ns = clock_ns()
