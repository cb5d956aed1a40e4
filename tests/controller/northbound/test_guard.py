"""Who may do what, and how much of it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from controller.northbound import routes
from controller.northbound.settings import Limits
from tests.controller.northbound.stage import DEMAND, TOKEN, Stage
from tests.patience import PATIENCE_S, wait_until

WRONG = ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()]
READ = ["/v1/topology", "/v1/plan", "/v1/links", "/v1/demands", "/metrics", "/healthz", "/openapi.json"]


@contextlib.contextmanager
def raw(stage: Stage) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", stage.port), timeout=PATIENCE_S) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """All until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            data += part
    return data


@pytest.mark.parametrize("token", WRONG)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/demands"), ("DELETE", "/v1/demands/train-beijing")]
)
def test_changes_need_the_token(stage: Stage, method: str, path: str, token: str) -> None:
    before = stage.backend.snapshot.reservations
    answer = stage.ask(method, path, DEMAND, token=token)
    assert answer.status == 401
    assert answer.is_problem
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert stage.backend.snapshot.reservations == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_unknown_methods_count_as_changes(stage: Stage, method: str) -> None:
    assert stage.ask(method, "/v1/topology").status == 401
    answer = stage.ask(method, "/v1/topology", token=TOKEN)
    assert (answer.status, answer.is_problem) == (405, True)


def test_the_token_fits_only_as_a_bearer(stage: Stage) -> None:
    for shown in (f"Basic {TOKEN}", TOKEN, f"Bearer{TOKEN}", f"Bearer {TOKEN} {TOKEN}"):
        assert stage.ask("DELETE", "/v1/demands/none", headers={"Authorization": shown}).status == 401
    assert (
        stage.ask("DELETE", "/v1/demands/none", headers={"Authorization": f"bearer  {TOKEN}"}).status == 404
    )


@pytest.mark.parametrize("path", READ)
def test_reading_needs_no_token(stage: Stage, path: str) -> None:
    assert stage.get(path).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8653", "127.0.0.1.evil.example", "", "[::1"])
def test_other_names_of_this_machine_are_not_served(stage: Stage, host: str) -> None:
    answer = stage.get("/v1/topology", Host=host)
    assert (answer.status, answer.is_problem) == (421, True)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8653", "127.0.0.1:8653"])
def test_addresses_and_localhost_are_served(stage: Stage, host: str) -> None:
    assert stage.get("/healthz", Host=host).status == 200


def test_an_error_of_ours_is_a_problem_without_a_traceback(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_health", lambda _backend: 1 / 0)
    answer = stage.get("/healthz")
    assert (answer.status, answer.is_problem) == (500, True)
    assert b"division" not in answer.body


def test_large_bodies_are_refused_stated_or_not(stage: Stage) -> None:
    answer = stage.ask("POST", "/v1/demands", b" " * 70_000, token=TOKEN)
    assert (answer.status, answer.is_problem) == (413, True)
    with raw(stage) as connection:
        head = f"POST /v1/demands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert received(connection).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"POST /v1/demands HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + bytes(100),
    ],
    ids=["nonsense", "no host", "long head", "negative length", "tls"],
)
def test_what_is_no_http_is_told_so(stage: Stage, text: bytes) -> None:
    with raw(stage) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    assert not answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    if answer:
        assert b"application/problem+json" in answer


def test_clients_that_ask_too_often_wait(stage: Stage) -> None:
    with running_after(stage, Limits(requests_per_second=0.01, burst=3)) as limited:
        answers = [limited.get("/healthz") for _ in range(5)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].is_problem
        assert 50 <= int(answers[-1].headers["retry-after"]) <= 200


def test_slow_heads_and_bodies_are_cut_off(stage: Stage) -> None:
    with running_after(stage, Limits(header_seconds=0.3)) as limited:
        with raw(limited) as connection:
            assert received(connection) == b""  # said nothing
        with raw(limited) as connection:
            with contextlib.suppress(OSError):
                for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            assert received(connection) == b""
    with running_after(stage, Limits(body_seconds=0.3)) as limited, raw(limited) as connection:
        head = f"POST /v1/demands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall((head + "Content-Length: 50\r\n\r\n{").encode())
        assert received(connection).startswith(b"HTTP/1.1 408")
    # A second request on the same connection has no more time; a busy machine needs some even for the first.
    with running_after(stage, Limits(header_seconds=2)) as limited, raw(limited) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(b"GET /he")
        assert b"HTTP/1.1" not in received(connection)


def test_answers_that_take_too_long_are_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    with running_after(stage, Limits(answer_seconds=2.0)) as limited:
        monkeypatch.setattr(routes, "_health", lambda _backend: given_up.wait(PATIENCE_S))
        answer = limited.get("/healthz")
        given_up.set()
        assert (answer.status, answer.is_problem) == (503, True)
        assert limited.get("/v1/topology").status == 200


def test_connections_are_limited(stage: Stage) -> None:
    with running_after(stage, Limits(connections=3, header_seconds=2 * PATIENCE_S)) as limited:
        idle = [socket.create_connection(("127.0.0.1", limited.port), timeout=PATIENCE_S) for _ in range(8)]
        for connection in idle[3:]:
            assert received(connection) == b""
        for connection in idle:
            connection.close()
        wait_until(lambda: answers(limited))


def answers(stage: Stage) -> bool:
    with contextlib.suppress(OSError):
        return stage.get("/healthz").status == 200
    return False


def test_reservations_are_limited(stage: Stage) -> None:
    with running_after(stage, Limits(demands=4)) as limited:
        statuses = [
            limited.ask("POST", "/v1/demands", DEMAND | {"id": f"d{n}"}, token=TOKEN).status for n in range(3)
        ]
        assert statuses == [201, 409, 409]
        answer = limited.ask("POST", "/v1/demands", DEMAND, token=TOKEN)
        assert answer.json["type"] == "urn:onehop:problem:too-many-demands"


@contextlib.contextmanager
def running_after(stage: Stage, limits: Limits) -> Iterator[Stage]:
    """The same controller under an interface with other limits."""
    from controller.northbound.server import Northbound
    from controller.northbound.settings import Settings, Token, listening

    settings = Settings("127.0.0.1", 0, Token(TOKEN), limits=limits)
    listener = listening("127.0.0.1", 0, anywhere=False)
    other = Northbound(stage.backend, stage.feed, settings, listener)
    other.start()
    port, stage.port = stage.port, other.port
    try:
        yield stage
    finally:
        stage.port = port
        other._feed = type(stage.feed)(stage.feed)  # the feed lives on
        other.stop()
        for name in stage.backend.snapshot.reservations:
            if name.startswith("d"):
                stage.ask("DELETE", f"/v1/demands/{name}", token=TOKEN)
