"""The delay line: a process that carries frames between wire ends, each at its time.

Run as ``python -m topology.emulation.links.delayline FD CORE`` by ``userspace.UserspacePipe``; FD is one end
of a socket pair over which requests and answers pass as JSON lines, CORE what carries the frames:
``compiled`` or ``python``. The first request names the wires. The process ends when the socket pair's other
end closes, on a ``stop`` request, or with its parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from threading import Thread
from typing import Any

from topology.emulation.links import LinkProperties
from topology.emulation.links.core import Core, Wanted
from topology.emulation.links.packetsocket import kernel_drops, open_wire
from topology.emulation.links.priority import RealTime
from topology.emulation.links.schedule import limit_bytes
from topology.emulation.links.segmentation import send_packets

MOST_NAP_NS = 500_000
CLOSING_THREADS = 40
_PR_SET_PDEATHSIG = 1


def core_of(name: str, control: socket.socket) -> Core:
    """The core of that name, which comes back when ``control`` is readable."""
    if name == "compiled":
        from topology.emulation.links.compiledcore import CompiledCore

        return CompiledCore(control)
    from topology.emulation.links.pythoncore import PythonCore

    return PythonCore(control)


class DelayLine:
    """All links, by one core, and the answers to requests. A link is two lanes, forth and back."""

    def __init__(self, control: socket.socket, core: str) -> None:
        self._control = control
        self._received = b""
        self._core_name = core
        self._core = core_of(core, control)
        self._links: dict[str, int] = {}  # the first of its two lanes
        self._properties: dict[str, LinkProperties] = {}
        self._sources: list[socket.socket] = []  # by lane
        self._dropped: list[int] = []
        self._priority: RealTime | None = None
        self._running = False

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
        while self._running:
            if self._core.carry() is Wanted.PRIORITY:
                priority.watch(time.monotonic_ns(), gives_way=self._core.gives_way())
            elif not self._listen():
                return

    def _close(self) -> None:
        """Close all sockets at once: each close waits some 10 ms for RCU (packet_release)."""
        threads = [
            Thread(target=_close_each, args=(self._sources[first::CLOSING_THREADS],))
            for first in range(min(CLOSING_THREADS, len(self._sources)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

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
                return self._start(request["wires"], request["seed"], request["packets"])
            case "change":
                return self._change(request["link"], LinkProperties.from_dict(request["properties"]))
            case "silence":
                first = self._links[request["link"]]
                for lane, silent in enumerate(request["silent"], start=first):
                    self._core.silence(lane, silent)
                return {"done": True}
            case "declared":
                return {link: asdict(properties) for link, properties in self._properties.items()}
            case "counters":
                return {
                    link: [self._counters(lane) for lane in (first, first + 1)]
                    for link, first in self._links.items()
                }
            case "state":
                priority = self._priority
                return {
                    "core": self._core_name,
                    "priority": priority.name if priority else "",
                    "steps_down": priority.steps_down if priority else 0,
                    "lead_us": self._core.lead_ns() / 1e3,
                    "cpu_seconds": time.process_time(),
                }
            case "stop":
                self._running = False
                return {"done": True}
        return {"error": f"unknown request {request['do']}"}

    def _start(self, wires: list[list[Any]], seed: int, packets: bool) -> dict[str, Any] | None:
        """Open all sockets. The answer to a good start comes when the loop runs."""
        for link, a, b, described in wires:
            properties = LinkProperties.from_dict(described)
            # The kernel charges a small frame with several times its size, so room for twice the bytes.
            buffer_bytes = 2 * limit_bytes(properties)
            try:
                end_a = open_wire(a, buffer_bytes)
                end_b = open_wire(b, buffer_bytes)
                self._core.add(end_a, end_b, properties, f"{seed}/{link}/ab")
                self._core.add(end_b, end_a, properties, f"{seed}/{link}/ba")
            except OSError as error:
                return {"error": f"cannot open {a} and {b}: {error.strerror}", "link": link}
            self._links[link] = len(self._sources)
            self._properties[link] = properties
            self._sources += [end_a, end_b]
            self._dropped += [0, 0]
        self._set_nap()
        self._core.set_joins(packets and send_packets([end for _link, a, b, _it in wires for end in (a, b)]))
        self._running = True
        return None

    def _change(self, link: str, properties: LinkProperties) -> dict[str, Any]:
        if self._properties[link].reorders != properties.reorders:
            return {"error": "whether a running link reorders cannot change", "link": link}
        first = self._links[link]
        for lane in (first, first + 1):
            self._core.change(lane, properties)
        self._properties[link] = properties
        self._set_nap()
        return {"done": True}

    def _set_nap(self) -> None:
        """How long arrivals may be left unread: half the least delay, so that none is read too late."""
        least_ms = min((each.least_delay_ms for each in self._properties.values()), default=0.0)
        self._core.set_nap(min(MOST_NAP_NS, round(least_ms * 1e6 / 2)))

    def _counters(self, lane: int) -> dict[str, float]:
        self._dropped[lane] += kernel_drops(self._sources[lane])
        counters = self._core.counters(lane)
        return asdict(replace(counters, overflow=counters.overflow + self._dropped[lane]))

    def _reply(self, answer: dict[str, Any]) -> None:
        self._control.setblocking(True)
        self._control.sendall(json.dumps(answer).encode() + b"\n")
        self._control.setblocking(not self._running)


def _close_each(sources: Sequence[socket.socket]) -> None:
    for source in sources:
        source.close()


def main() -> None:
    """Serve on the file descriptor given as the first argument, by the core named by the second."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that started us
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        DelayLine(control, sys.argv[2]).serve()
    except BrokenPipeError:
        pass
    except Exception as error:
        with contextlib.suppress(OSError):
            control.sendall(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
