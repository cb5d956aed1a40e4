"""A part on another machine, as the leading machine sees it: a process that is started by way of ssh."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.event_process import EventProcess
from experiments.lab import LabOptions
from experiments.machines.requests import BEAT_S
from experiments.measurement.endpoint import Endpoint
from topology.emulation.links import LinkProperties
from topology.emulation.parts.reach import OutsideNetwork, Reach
from topology.emulation.reading import LinkReading
from topology.errors import EmulationError
from topology.placement.parts import Part

_UP_S = 60.0  # and a second for each site
_ANSWER_S = 120.0
_END_S = 15.0


class RemotePart(EventProcess):
    """``onehop part up -`` on another machine; it ends with its connection. Use as a context manager."""

    def __init__(self, part: Part, options: LabOptions, outside: OutsideNetwork, log: Path) -> None:
        self.part = part
        self._reach = Reach.to(part.machine, outside)
        self._program = part.machine.program
        self._asked = 0
        self._pid = 0
        self._hosts: dict[str, int] = {}
        self._over = threading.Event()
        self._writing = threading.Lock()
        words = [*self._program, "part", "up", "-", "--datapath", options.datapath]
        words += ["--pipe", options.pipe, "--seed", str(options.seed)]
        super().__init__(
            f"the part on machine {part.machine.name}", self._reach.command(words), log, listens=True
        )

    def start(self) -> None:
        """Send the part there and have it built; returns at once, see ``wait_until_up``."""
        super().start()
        self._write(json.dumps(json.loads(self.part.to_json())))
        threading.Thread(target=self._beat, daemon=True).start()

    def wait_until_up(self) -> None:
        """Return when it stands. Raises ``EmulationError`` with its last words if that does not come."""
        event = self.wait_for("up", timeout_s=_UP_S + len(self.part.layout.sites))
        self.backend = {key: event[key] for key in ("datapath", "pipe", "kernel")}
        self._pid, self._hosts = event["pid"], event["hosts"]

    def stop(self) -> None:
        """End its stdin, which takes it down, and wait for that; end the connection if it takes too long."""
        self._over.set()
        process, self._process = self._process, None  # first: ``check`` shall not call it a fault
        if process is None:
            return
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
        try:
            process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def endpoint(self, site: str) -> Endpoint:
        """Where to measure from or to at a site there."""
        return Endpoint(
            site,
            self.part.layout.sites[site].host_ip,
            f"/proc/{self._hosts[site]}/ns/net",
            self.reach,
        )

    @property
    def reach(self) -> Reach:
        """How to run things in its cell, see ``onehop part exec``."""
        return self._reach.then([*self._program, "part", "exec", "--pid", str(self._pid)])

    def read_back(self, links: Collection[str]) -> list[LinkReading]:
        """What links with both ends there really do."""
        answer = self._ask({"do": "read back", "links": sorted(links)})
        return [LinkReading.from_dict(fields) for fields in answer]

    def change(self, link: str, properties: LinkProperties) -> None:
        """Give a link whose pipe is there other properties."""
        self._ask({"do": "change", "link": link, "properties": asdict(properties)})

    def set_link(self, link: str, *, up: bool) -> None:
        """Cut or mend what is there of a link."""
        self._ask({"do": "set link", "link": link, "up": up})

    def enlarge_buffers(self) -> None:
        """See ``Switches.enlarge_buffers``."""
        self._ask({"do": "enlarge buffers"})

    def _ask(self, request: dict[str, Any]) -> Any:
        self._asked += 1
        number = self._asked
        before = len(self.events)
        self._write(json.dumps({**request, "id": number}))
        while True:
            event = self.wait_for_next("answer", before, timeout_s=_ANSWER_S)
            if event["to"] == number:
                break
            before += 1
        if "error" in event:
            raise EmulationError(event["error"], where=event["where"] or f"machine {self.part.machine.name}")
        return event["answer"]

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            with contextlib.suppress(EmulationError):
                self._write("")

    def _write(self, line: str) -> None:
        try:
            with self._writing:
                self.requests.write(line + "\n")
                self.requests.flush()
        except (OSError, ValueError):
            self.check()
            raise EmulationError(f"{self.name} does not listen") from None
