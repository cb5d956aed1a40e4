"""Talking to the databases of Open vSwitch at once, without a process for each word.

JSON-RPC 1.0 over a Unix socket (RFC 7047, section 4). Loading ``ovs-vsctl`` takes longer than all that it has
to do; and any number of databases are asked at the same time.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from topology.errors import EmulationError

DATABASE = "Open_vSwitch"
_PATIENCE_SECONDS = 60
_CHECK_SECONDS = 0.5  # how often who waits makes sure that there is somebody to wait for

Operation = Mapping[str, Any]
"""One of RFC 7047, section 5.2: ``{"op": "insert", "table": ...}``."""
Row = Mapping[str, Any]


class Connection:
    """To one database. Messages follow each other in the stream without any separator."""

    def __init__(self, path: Path) -> None:
        """Raises ``OSError`` if nobody listens there."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._text = ""
        self._decoder = json.JSONDecoder()
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; one that cannot be sent shows at the next ``receive``."""
        with contextlib.suppress(OSError):
            self.socket.sendall(json.dumps(message).encode())

    def receive(self) -> list[dict[str, Any]] | None:
        """The messages that have arrived whole, echo requests answered; ``None`` at the end of the stream."""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            return None
        if not data:
            return None
        self._text += data.decode()  # ovsdb-server writes ASCII, with escapes
        messages = []
        while self._text:
            try:
                message, end = self._decoder.raw_decode(self._text)
            except ValueError:
                break
            self._text = self._text[end:].lstrip()
            if message.get("method") == "echo":
                self.send({"result": message["params"], "error": None, "id": message["id"]})
            else:
                messages.append(message)
        return messages

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Transactions:
    """One transaction in each of some databases, all at the same time: sent at once, answered when they will.

    Args:
        operations: by the socket of the database.

    Raises ``EmulationError``, naming the database by its folder, where one cannot be reached.
    """

    def __init__(self, operations: Mapping[Path, Sequence[Operation]]) -> None:
        self._selector = selectors.DefaultSelector()
        self._deadline = time.monotonic() + _PATIENCE_SECONDS + 5
        for path, asked in operations.items():
            try:
                connection = Connection(path)
            except OSError as error:
                self._hang_up()
                raise _failed(path, f"cannot be reached: {error.strerror}") from None
            self._selector.register(connection.socket, selectors.EVENT_READ, (path, connection))
            connection.send({"method": "transact", "params": [DATABASE, *asked], "id": 0})

    def results(self, check: Callable[[], None]) -> dict[Path, list[dict[str, Any]]]:
        """The results of the operations, by database; to be called once.

        Args:
            check: called now and then while answers are awaited; raises if nobody is left who could answer.

        Raises ``EmulationError`` where a database refuses an operation or does not answer within a minute.
        """
        found: dict[Path, list[dict[str, Any]]] = {}
        try:
            while self._selector.get_map():
                ready = self._selector.select(_CHECK_SECONDS)
                for key, _mask in ready:
                    path, connection = key.data
                    messages = connection.receive()
                    if messages is None:
                        check()
                        raise _failed(path, "has hung up")
                    for message in messages:
                        found[path] = _results(path, message)
                        self._selector.unregister(connection.socket)
                        connection.close()
                if not ready:
                    check()
                if time.monotonic() > self._deadline and self._selector.get_map():
                    path, _connection = next(iter(self._selector.get_map().values())).data
                    raise _failed(path, f"did not answer within {_PATIENCE_SECONDS + 5} s")
        finally:
            self._hang_up()
        return found

    def _hang_up(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.data[1].close()
        self._selector.close()


def transact(
    operations: Mapping[Path, Sequence[Operation]], check: Callable[[], None] = lambda: None
) -> dict[Path, list[dict[str, Any]]]:
    """``Transactions``, with the wait for their results. Raises ``EmulationError`` as both parts do."""
    try:
        under_way = Transactions(operations)
    except EmulationError:
        check()
        raise
    return under_way.results(check)


def wait_for(table: str, column: str, until: str, value: Any) -> Operation:
    """An operation that ends once the only row of a table has (``==``) or no longer has (``!=``) a value."""
    return {
        "op": "wait",
        "timeout": _PATIENCE_SECONDS * 1000,
        "table": table,
        "where": [],
        "columns": [column],
        "until": until,
        "rows": [{column: value}],
    }


def as_map(entries: Mapping[str, str]) -> list[Any]:
    """A map as OVSDB writes it in JSON (RFC 7047, section 5.1). Pure."""
    return ["map", [[key, value] for key, value in entries.items()]]


def map_of(value: Any) -> dict[str, str]:
    """What ``as_map`` wrote, read back. Pure."""
    return dict(value[1])


def _results(path: Path, message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of all operations; one after the last tells why the transaction failed as a whole."""
    if message["error"] is not None:
        raise _failed(path, f"said: {json.dumps(message['error'])}")
    results: list[dict[str, Any] | None] = message["result"]
    for result in results:
        if result is not None and "error" in result:
            raise _failed(path, f"said: {result['error']}: {result.get('details', 'no details')}")
    return [result or {} for result in results]


def _failed(path: Path, what: str) -> EmulationError:
    return EmulationError(f"the database of Open vSwitch {path.parent.name} {what}")
