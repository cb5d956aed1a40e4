"""The port watch against a database that speaks RFC 7047 and nothing else. No root, no Open vSwitch."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S, wait_until
from topology.emulation.portwatch import PortWatch
from topology.errors import EmulationError


def row(name: str, *, carrier: bool = True, watched: bool = True, forwarding: bool = True) -> dict[str, Any]:
    bfd = [["enable", "true"]] if watched else []
    status = [["forwarding", json.dumps(forwarding)], ["state", "up"]] if watched else []
    return {
        "name": name,
        "link_state": "up" if carrier else "down",
        "bfd": ["map", bfd],
        "bfd_status": ["map", status],
    }


class Database:
    """Accepts one client, answers its ``monitor`` with two ports, then says what it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.echoed = threading.Event()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._client: socket.socket | None = None
        self._connected = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self._server.accept()
        asked = json.loads(client.recv(65536))
        assert asked["method"] == "monitor"
        rows = {"u1": {"new": row("s1-p2")}, "u2": {"new": row("s1-p9", watched=False)}}
        client.sendall(json.dumps({"id": asked["id"], "result": {"Interface": rows}, "error": None}).encode())
        self._client = client
        self._connected.set()
        while data := client.recv(65536):
            if b'"result"' in data:
                self.echoed.set()

    def tell(self, *rows: dict[str, Any], split: int = 0) -> None:
        """One update; in two pieces if ``split``."""
        changes = {str(number): {"new": each} for number, each in enumerate(rows)}
        self.send(
            json.dumps({"id": None, "method": "update", "params": [None, {"Interface": changes}]}), split
        )

    def send(self, text: str, split: int = 0) -> None:
        assert self._connected.wait(PATIENCE_S)
        assert self._client is not None
        for piece in (text[:split], text[split:]):
            self._client.sendall(piece.encode())
            time.sleep(0.01)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._server.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "db.sock")
    yield made
    made.close()


def seen(watch: PortWatch, count: int) -> list[tuple[str, bool]]:
    wait_until(lambda: len(watch.events) >= count)
    return [(event.interface, event.live) for event in watch.events]


def test_changes_of_liveness_are_told_once_each(database: Database) -> None:
    with PortWatch([database.path], ["s1-p2", "s1-p9"]) as watch:
        assert watch.live == {"s1-p2": True, "s1-p9": True}
        assert watch.events == []
        began_ns = time.monotonic_ns()
        database.tell(row("s1-p2", forwarding=False), split=40)
        database.tell(row("s1-p2", forwarding=False, carrier=False))  # dead already
        database.tell(row("s1-p9", watched=False, carrier=False), row("s9-p9", carrier=False))
        database.tell(row("s1-p2"))
        assert seen(watch, 3) == [("s1-p2", False), ("s1-p9", False), ("s1-p2", True)]
        assert watch.live == {"s1-p2": True, "s1-p9": False}
        assert len(watch.since(began_ns)) == 3
        assert watch.since(time.monotonic_ns()) == []
        assert 0 < watch.quiet_ns < PATIENCE_S * 1e9


def test_questions_for_life_are_answered_and_an_end_is_no_event(database: Database) -> None:
    with PortWatch([database.path], ["s1-p2"]) as watch:
        database.send(json.dumps({"id": "echo", "method": "echo", "params": []}))
        assert database.echoed.wait(PATIENCE_S)
        database.close()
        time.sleep(0.05)
        assert watch.events == []


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmulationError, match="cannot be reached"), PortWatch([tmp_path / "none"], ["s1-p2"]):
        pass
