"""The delay line: a process that carries frames between wire ends, each at its time.

Run as ``python -m topology.emulation.links.delayline FD`` by ``userspace.UserspacePipe``; FD is one end of a
socket pair over which requests and answers pass as JSON lines. The first request names the wires. The process
ends when the socket pair's other end closes, on a ``stop`` request, or with its parent.

How it keeps time: the kernel stamps each frame as it arrives, so reading it late costs nothing while its
delay runs. A timer wakes the process some microseconds before a frame is due; what is left it waits by
polling. How much before is learnt from how late the wake-ups were, so a frame is late only when a wake-up
takes longer than is usual on this machine, and early never. Polling is rationed, and in dense traffic
arrivals wake nobody: under heavy load the processors are left to others.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import heapq
import json
import select
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from topology.emulation.links import LinkProperties
from topology.emulation.links.packetsocket import (
    ANCILLARY_BYTES,
    LARGEST_FRAME_BYTES,
    VNET_HEADER_BYTES,
    kernel_drops,
    open_wire,
    stamp_ns,
)
from topology.emulation.links.priority import RealTime
from topology.emulation.links.schedule import DelayQueue, limit_bytes, queue_of
from topology.emulation.links.timer import Allowance, Timer, WakeUps

FRAMES_PER_TURN = 16  # read from one socket before looking at the clock again
SEND_NS = 3_000  # from the decision to send until the frame is stamped at the far side
LARGEST_AGE_NS = 1_000_000_000  # a stamp older than this means that the clock was set
CLOCKS_APART_NS = 2_000  # two clocks read further apart than this say nothing about their difference
AWAKE_SHARE, AWAKE_MOST_NS = 0.25, 2_000_000  # of one processor, for waiting awake
DENSE_NS = 1_000_000  # arrivals closer together than this are dense traffic
LEAST_NAP_NS, MOST_NAP_NS = 50_000, 500_000
CLOSING_THREADS = 40
_PR_SET_PDEATHSIG = 1


class Lane:
    """One direction of one link: where its frames come from, wait, and go to."""

    __slots__ = ("number", "queue", "sink", "source")

    def __init__(self, number: int, source: socket.socket, sink: socket.socket, queue: DelayQueue) -> None:
        self.number = number
        self.source = source
        self.sink = sink
        self.queue = queue


class DelayLine:
    """All lanes, one clock, one loop."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._received = b""
        self._lanes: dict[int, Lane] = {}  # by the source's file descriptor
        self._links: dict[str, tuple[Lane, Lane]] = {}
        self._due: list[tuple[int, int]] = []  # heap of (due time, lane): each lane with frames, once
        self._timer = Timer()
        self._wake_ups = WakeUps()
        self._awake = Allowance(AWAKE_SHARE, AWAKE_MOST_NS)
        self._real_ahead_ns = time.time_ns() - time.monotonic_ns()
        self._priority: RealTime | None = None
        self._armed_ns = 0
        self._nap_ns = 0
        self._last_arrival_ns = 0
        self._last_gap_ns = DENSE_NS
        self._unread = False
        self._running = False
        self._epoll = select.epoll()
        self._epoll.register(control.fileno(), select.EPOLLIN)
        self._epoll.register(self._timer.fd, select.EPOLLIN | select.EPOLLET)

    def serve(self) -> None:
        """Wait for the wires, then carry frames until told to stop or left alone."""
        self._control.setblocking(True)
        while not self._running:
            if not self._listen():
                return
        self._control.setblocking(False)
        self._priority = RealTime()
        gc.collect()
        gc.freeze()
        gc.disable()  # nothing in the loop makes cycles
        self._reply({"ready": True, "priority": self._priority.name})
        self._loop(self._priority)
        self._close()

    def _loop(self, priority: RealTime) -> None:
        due, timer, clock_ns = self._due, self._timer, time.monotonic_ns
        while self._running:
            now_ns = clock_ns()
            if due and due[0][0] - SEND_NS <= now_ns:
                self._release()
                now_ns = clock_ns()
            priority.watch(now_ns)
            for descriptor, _mask in self._wait(now_ns):
                lane = self._lanes.get(descriptor)
                if lane is not None:
                    self._receive(lane)
                    if due and due[0][0] - SEND_NS <= clock_ns():
                        self._release()
                elif descriptor != timer.fd and not self._listen():
                    return

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
            arrived_ns = stamp_ns(ancillary) - self._real_ahead_ns
            if abs(now_ns - arrived_ns) > LARGEST_AGE_NS:
                arrived_ns = now_ns
            first_due_ns = push(frame, arrived_ns)
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

    def _close(self) -> None:
        """Close all sockets at once: each close waits some 10 ms for RCU (packet_release)."""
        with ThreadPoolExecutor(CLOSING_THREADS) as pool:
            for lane in self._lanes.values():
                pool.submit(lane.source.close)

    # --- requests ---------------------------------------------------------------------------------------

    def _listen(self) -> bool:
        """Read and answer requests; false when there is nobody left to serve."""
        try:
            data = self._control.recv(1 << 20)
        except BlockingIOError:
            return True
        if not data:
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            try:
                answer = self._answer(json.loads(line))
            except OSError as error:
                answer = {"error": error.strerror or str(error)}
            if answer is not None:
                self._reply(answer)
        return True

    def _answer(self, request: dict[str, Any]) -> dict[str, Any] | None:
        match request["do"]:
            case "start":
                return self._start(request["wires"], request["seed"])
            case "change":
                properties = LinkProperties.from_dict(request["properties"])
                lanes = self._links[request["link"]]
                if any(lane.queue.properties.reorders != properties.reorders for lane in lanes):
                    return {"error": "whether a running link reorders cannot change", "link": request["link"]}
                for lane in lanes:
                    lane.queue.change(properties)
                self._set_nap()
                return {"done": True}
            case "silence":
                for lane, silent in zip(self._links[request["link"]], request["silent"], strict=True):
                    lane.queue.silent = silent
                return {"done": True}
            case "declared":
                return {link: asdict(forth.queue.properties) for link, (forth, _back) in self._links.items()}
            case "counters":
                return {link: [self._counters(lane) for lane in pair] for link, pair in self._links.items()}
            case "state":
                priority = self._priority
                return {
                    "priority": priority.name if priority else "",
                    "steps_down": priority.steps_down if priority else 0,
                    "lead_us": self._wake_ups.lead_ns / 1e3,
                    "cpu_seconds": time.process_time(),
                }
            case "stop":
                self._running = False
                return {"done": True}
        return {"error": f"unknown request {request['do']}"}

    def _start(self, wires: list[list[Any]], seed: int) -> dict[str, Any] | None:
        """Open all sockets. The answer to a good start comes when the loop runs."""
        for link, a, b, described in wires:
            properties = LinkProperties.from_dict(described)
            # The kernel charges a small frame with several times its size, so room for twice the bytes.
            buffer_bytes = 2 * limit_bytes(properties)
            try:
                end_a = open_wire(a, buffer_bytes)
                end_b = open_wire(b, buffer_bytes)
            except OSError as error:
                return {"error": f"cannot open {a} and {b}: {error.strerror}", "link": link}
            number = len(self._lanes)
            forth = Lane(number, end_a, end_b, queue_of(properties, f"{seed}/{link}/ab"))
            back = Lane(number + 1, end_b, end_a, queue_of(properties, f"{seed}/{link}/ba"))
            self._links[link] = (forth, back)
            for lane in (forth, back):
                self._lanes[lane.source.fileno()] = lane
                self._epoll.register(lane.source.fileno(), select.EPOLLIN)
        self._numbered = list(self._lanes.values())
        self._set_nap()
        self._running = True
        return None

    def _set_nap(self) -> None:
        """How long arrivals may be left unread: half the least delay, so that none is read too late."""
        every = [lane.queue.properties for lane in self._numbered]
        least_ms = min((each.least_delay_ms for each in every), default=0.0)
        self._nap_ns = min(MOST_NAP_NS, round(least_ms * 1e6 / 2))

    @staticmethod
    def _counters(lane: Lane) -> dict[str, float]:
        lane.queue.overflow += kernel_drops(lane.source)
        return asdict(lane.queue.counters())

    def _reply(self, answer: dict[str, Any]) -> None:
        self._control.setblocking(True)
        self._control.sendall(json.dumps(answer).encode() + b"\n")
        self._control.setblocking(not self._running)


def main() -> None:
    """Serve on the file descriptor given as the only argument."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        DelayLine(control).serve()
    except BrokenPipeError:
        pass
    except Exception as error:
        with contextlib.suppress(OSError):
            control.sendall(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
