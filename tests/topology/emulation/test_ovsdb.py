"""Transactions with several databases, which answer late, in pieces, or not. No root, no Open vSwitch."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from topology.emulation.ovsdb import as_map, map_of, transact
from topology.errors import EmulationError

ASKED = {"op": "select", "table": "Open_vSwitch", "where": []}
Answer = Callable[[socket.socket, dict[str, Any]], None]


def serve(path: Path, answer: Answer) -> Path:
    """A database that hands the first request of its one client to ``answer`` and then hangs up."""
    path.parent.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def work() -> None:
        client, _ = server.accept()
        with client, server:
            answer(client, json.loads(client.recv(65536)))

    threading.Thread(target=work, daemon=True).start()
    return path


def result(asked: dict[str, Any], *results: Any) -> bytes:
    return json.dumps({"id": asked["id"], "result": results, "error": None}).encode()


def in_pieces(client: socket.socket, asked: dict[str, Any]) -> None:
    text = result(asked, {"rows": [{"next_cfg": 3}]})
    client.sendall(b'{"id":"echo","method":"echo","params":[]}' + text[:20])
    assert json.loads(client.recv(65536)) == {"result": [], "error": None, "id": "echo"}
    client.sendall(text[20:])


def test_all_are_asked_at_once_and_each_answer_is_put_to_its_database(tmp_path: Path) -> None:
    turn = threading.Event()

    def last_first(client: socket.socket, asked: dict[str, Any]) -> None:
        assert turn.wait(10)  # until the one asked after this has been asked too
        in_pieces(client, asked)

    def at_once(client: socket.socket, asked: dict[str, Any]) -> None:
        assert asked["params"] == ["Open_vSwitch", ASKED]
        turn.set()
        client.sendall(result(asked, {"rows": []}))

    first = serve(tmp_path / "s1" / "db.sock", last_first)
    second = serve(tmp_path / "s2" / "db.sock", at_once)
    assert transact({first: [ASKED], second: [ASKED]}) == {
        first: [{"rows": [{"next_cfg": 3}]}],
        second: [{"rows": []}],
    }
    assert transact({}) == {}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            lambda client, asked: client.sendall(
                result(asked, {}, {"error": "timed out", "details": "wait is over"}, None)
            ),
            "s7 said: timed out: wait is over",
        ),
        (
            lambda client, asked: client.sendall(
                result(asked, {}, {}, {"error": "referential integrity violation"})
            ),
            "s7 said: referential integrity violation: no details",
        ),
        (
            lambda client, asked: client.sendall(
                json.dumps({"id": asked["id"], "result": None, "error": "unknown database"}).encode()
            ),
            's7 said: "unknown database"',
        ),
        (lambda _client, _asked: None, "s7 has hung up"),
    ],
)
def test_whoever_refuses_is_named_with_its_reason(tmp_path: Path, answer: Answer, expected: str) -> None:
    path = serve(tmp_path / "s7" / "db.sock", answer)
    with pytest.raises(EmulationError, match=f"the database of Open vSwitch {expected}"):
        transact({path: [ASKED]})


def test_nobody_waits_for_a_database_whose_daemon_has_died(tmp_path: Path) -> None:
    def died() -> None:
        raise EmulationError("ovs-vswitchd of s7 was killed by SIGKILL")

    with pytest.raises(EmulationError, match="was killed by SIGKILL"):
        transact({tmp_path / "s7" / "db.sock": [ASKED]}, died)  # nobody listens
    silent = serve(tmp_path / "s8" / "db.sock", lambda client, _asked: client.recv(1) and None)
    with pytest.raises(EmulationError, match="was killed by SIGKILL"):
        transact({silent: [ASKED]}, died)
    with pytest.raises(EmulationError, match="s9 cannot be reached: No such file"):
        transact({tmp_path / "s9" / "db.sock": [ASKED]})


def test_maps_as_the_database_writes_them() -> None:
    assert as_map({"enable": "true"}) == ["map", [["enable", "true"]]]
    assert map_of(as_map({"a": "1", "b": "2"})) == {"a": "1", "b": "2"}
