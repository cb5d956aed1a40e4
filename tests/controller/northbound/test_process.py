"""The controller's process with its interface: options, restart, end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.controller.northbound.stage import DEMAND, NETWORK
from tests.patience import PATIENCE_S


class Controller:
    """``python -m controller tiny-deterministic`` with an interface on a free port."""

    def __init__(self, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "controller",
            NETWORK.id,
            "--listen",
            "127.0.0.1:0",
            "--die-with-parent",
        ]
        self.process = subprocess.Popen(
            [*command, "--die-with-parent", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def event(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == name:
                return event
        assert self.process.stderr is not None
        raise AssertionError(f"no {name}: {self.process.stderr.read()}")

    def serve(self) -> None:
        """Wait until the interface is there."""
        self.address = f"http://127.0.0.1:{self.event('http')['port']}"

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)

    def stream(self, last: str = "") -> Iterator[tuple[str, str]]:
        """Ids and names of events on a stream."""
        request = urllib.request.Request(f"{self.address}/v1/events", headers={"Last-Event-ID": last})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            event_id = ""
            for line in response:
                key, _, value = line.decode().strip().partition(": ")
                if key == "id":
                    event_id = value
                elif key == "event":
                    yield event_id, value


@contextmanager
def controller(*options: str) -> Iterator[Controller]:
    running = Controller("--http", "127.0.0.1:0", *options)
    try:
        running.serve()
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for pipe in (running.process.stdout, running.process.stderr):
            assert pipe is not None
            pipe.close()


def test_promises_token_and_streams_outlive_a_restart(tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "state"), "--http-token-file", str(tmp_path / "token"))
    with controller(*options) as first:
        token = (tmp_path / "token").read_text().strip()
        admitted = first.ask("POST", "/v1/demands", DEMAND, token)
        before = first.ask("GET", "/v1/demands")
        seen = next(event_id for event_id, name in first.stream("none") if name == "admitted")
        first.process.send_signal(signal.SIGKILL)
    with controller(*options) as second:
        assert second.ask("GET", "/v1/demands") == before
        # The former run's ids mean nothing here, so everything of this run is told.
        names = second.stream(seen)
        assert [next(names)[1] for _ in range(3)] == ["state", "listening", "http"]
        assert second.ask("DELETE", f"/v1/demands/{DEMAND['id']}", token=token) == admitted
        with pytest.raises(urllib.error.HTTPError, match="404"):
            second.ask("GET", f"/v1/demands/{DEMAND['id']}")


def test_it_ends_quickly_with_open_streams() -> None:
    with controller() as running:
        stream = running.stream()
        assert next(stream)[1] == "state"
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_S) == 0
        list(stream)  # ends


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--http", "0.0.0.0:0"], "--http-anywhere"),
        (["--http", "here"], "no address and port"),
        (["--http-token-file", "token"], "without --http"),
        (["--tls-key", "key.pem"], "--tls-cert and --tls-ca missing"),
        (["--tls-bind-dpid"], "missing"),
        (["--http-fd", "77"], "no listening socket"),
    ],
)
def test_mistaken_options_are_told_before_anything_starts(options: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "controller", "tiny", *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_http_nothing_of_it_is_imported() -> None:
    code = (
        "import sys; import controller.launcher, controller.service;"
        "heavy = {'fastapi', 'uvicorn', 'starlette', 'prometheus_client', 'h11'} & sys.modules.keys();"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


def test_it_serves_a_socket_it_inherits(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "controller", "tiny", "--listen", "127.0.0.1:0", "--die-with-parent"]
        command += ["--http-fd", str(listener.fileno()), "--http-token-file", str(tmp_path / "token")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, pass_fds=[listener.fileno()])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S) as response:
                assert json.load(response)["scenario"] == "tiny"
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
