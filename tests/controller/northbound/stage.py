"""The interface over a whole controller, with simulated switches, on free ports of loopback."""

from __future__ import annotations

import http.client
import json
import os
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.northbound.feed import EventFeed
from controller.northbound.server import Northbound
from controller.northbound.serving import ServiceBackend
from controller.northbound.settings import Limits, Settings, Token, listening
from controller.service import ControllerService
from tests.controller.openflow_switch import OpenFlowSwitch
from tests.patience import PATIENCE_S
from topology.emulation.layout import Layout
from topology.scenario import load

TOKEN = "a-token-for-tests-only"
GENEROUS = Limits(requests_per_second=100_000, burst=100_000)
NETWORK = load("tiny-deterministic")
LAYOUT = Layout.of(NETWORK)
_PORT_STATS, _GROUP_DESC, _METER_CONFIG = 4, 7, 10
_MULTIPART_REQUEST, _MULTIPART_REPLY, _GROUP_MOD, _METER_MOD = 18, 19, 15, 29
_LOCAL = 0xFFFFFFFE


class CountingSwitch(OpenFlowSwitch):
    """A switch that also takes groups and meters and tells its port counters: port N received N thousand
    packets of 100 bytes, sent twice as many, and does not count what it drops."""

    answers_statistics = True

    def _answer(self, message: bytes) -> None:
        kind, xid = message[1], int.from_bytes(message[4:8], "big")
        if kind in (_GROUP_MOD, _METER_MOD):
            return
        multipart = int.from_bytes(message[8:10], "big") if kind == _MULTIPART_REQUEST else -1
        if multipart == _PORT_STATS:
            if self.answers_statistics:
                body = b"".join(_port_stats(number) for number in (*self.ports, _LOCAL))
                self._send(_MULTIPART_REPLY, xid, struct.pack("!HH4x", _PORT_STATS, 0) + body)
        elif multipart in (_GROUP_DESC, _METER_CONFIG):
            self._send(_MULTIPART_REPLY, xid, struct.pack("!HH4x", multipart, 0))
        else:
            super()._answer(message)

    def _check_actions(self, instructions: bytes) -> None:
        """What reservations need is tested where it is made."""


def _port_stats(number: int) -> bytes:
    received, unknown = 1000 * number, (1 << 64) - 1
    return struct.pack(
        "!I4x12QII",
        *(number, received, 2 * received, 100 * received, 200 * received, unknown, unknown, 0, 0),
        *(0, 0, 0, 0, 1, 0),
    )


class NoEvents:
    """Where events go that only streams are to have."""

    def emit(self, event: str, **fields: object) -> None:
        """Forget it."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_problem(self) -> bool:
        """Whether it is an error as RFC 9457 has it, with the status it came with."""
        return (
            self.headers.get("content-type") == "application/problem+json"
            and self.json["status"] == self.status
            and {"type", "title", "detail"} <= self.json.keys()
            and b"Traceback" not in self.body
        )


class Stage:
    """A running controller with its interface."""

    def __init__(self, limits: Limits = GENEROUS, state: Path | None = None) -> None:
        self.feed = EventFeed(NoEvents())
        self.service = ControllerService(NETWORK, LAYOUT, self.feed, state=state)
        self.service.start("127.0.0.1", 0)
        settings = Settings("127.0.0.1", 0, Token(TOKEN), limits=limits)
        self.backend = ServiceBackend(self.service)
        listener = listening("127.0.0.1", 0, anywhere=False)
        self.northbound = Northbound(self.backend, self.feed, settings, listener)
        self.northbound.start()
        self.port = self.northbound.port
        self.switches: dict[str, CountingSwitch] = {}

    def connect(self, *sites: str) -> None:
        """Let the switches of these sites, or of all, connect; returns when they hold their tables."""
        mark = self.feed.last
        for site in sites or tuple(LAYOUT.sites):
            switch = CountingSwitch(LAYOUT.sites[site].dpid, range(1, 6), self.service.port)
            self.switches[site] = switch
            switch.connect()
        self.wait_for("programmed" if not sites else "switch", after=mark)

    def wait_for(self, event: str, *, after: int = 0, **expected: object) -> dict[str, Any]:
        """The first such event after a number."""
        happened = threading.Event()
        unsubscribe = self.feed.subscribe(happened.set)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline:
                happened.clear()
                for fed in self.feed.after(after)[0]:
                    data: dict[str, Any] = json.loads(fed.data)
                    if fed.name == event and expected.items() <= data.items():
                        return data
                happened.wait(0.1)
        finally:
            unsubscribe()
        raise AssertionError((event, expected, [fed.name for fed in self.feed.after(after)[0]]))

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        lines = dict(headers or {})
        if token:
            lines["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if data is not None:
            lines.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, lines)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Read."""
        return self.ask(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def stop(self) -> None:
        """End all of it."""
        self.northbound.stop()
        self.service.stop()
        for switch in self.switches.values():
            switch.closed.wait(PATIENCE_S)


@contextmanager
def running(limits: Limits = GENEROUS, *, keep: bool = False) -> Iterator[Stage]:
    """A stage for as long as it is needed; with ``keep`` its reservations are in a file meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(limits, Path(os.path.join(folder, "state")) if keep else None)
        try:
            yield stage
        finally:
            stage.stop()


DEMAND = {"id": "one-more", "from": "beijing", "to": "qingyang", "rate_gbps": 1, "max_one_way_ms": 40}
