"""A helper process of a measurement: started with a configuration, heard over a socket, gone with its parent.

The reflector and the traffic generator run beside the measuring process, so that neither waits for the
other's Python. Parent and worker share one stream socket: the parent writes the configuration as a line of
JSON, the worker answers with a byte when it is ready, and then with whatever its module documents. When the
parent closes the socket, or dies, the worker ends. On another machine the socket goes as far as the command
that leads there, and a relay (``experiments.machines.tether``) beside the worker passes on what comes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from topology.emulation.cell import die_with_parent
from topology.emulation.openvswitch import how_it_ended
from topology.emulation.parts.reach import Reach
from topology.errors import MeasurementError, OneHopError

_READY = b"R"
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0
_REPORT_TIMEOUT_S = 10.0
_CHANNEL_BYTES = 1 << 20
_ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """A running helper process. ``channel`` is the socket to it."""

    def __init__(self, module: str, configuration: dict[str, Any], reach: Reach | None = None) -> None:
        """Start ``module``, here or where ``reach`` leads, and wait until it is ready.

        Raises ``MeasurementError`` if it fails to.
        """
        self.name = module.rpartition(".")[2]
        self.channel, theirs = socket.socketpair()
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHANNEL_BYTES)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHANNEL_BYTES)
        with theirs:
            search_path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
            stream = subprocess.DEVNULL if reach is None else theirs.fileno()
            here = [sys.executable, "-m", module, str(theirs.fileno())]
            self._process = subprocess.Popen(
                here if reach is None else reach.command(["--worker", module]),
                pass_fds=[theirs.fileno()],
                stdin=stream,
                stdout=stream,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": search_path},
            )
        try:
            self._wait_until_ready(configuration)
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self, configuration: dict[str, Any]) -> None:
        self.channel.settimeout(_START_TIMEOUT_S)
        try:
            self.channel.sendall(json.dumps(configuration).encode() + b"\n")
            answer = self.channel.recv(1)
        except TimeoutError:
            raise MeasurementError(f"the {self.name} did not start within {_START_TIMEOUT_S:g} s") from None
        except OSError:
            answer = b""
        if answer != _READY:
            raise MeasurementError(f"the {self.name} did not start: {self.last_words()}")
        self.channel.settimeout(None)

    def has_ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """What the worker said on its way out. Ends it if it still runs."""
        try:
            _, errors = self._process.communicate(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, errors = self._process.communicate()
        lines = errors.strip().splitlines()
        return lines[-1] if lines else f"it {how_it_ended(self._process.returncode)}"

    def report(self, what: str) -> dict[str, Any]:
        """Ask the worker to end, and hear what it tells last. ``MeasurementError`` says ``what`` failed."""
        parts = []
        try:
            self.channel.settimeout(_REPORT_TIMEOUT_S)
            self.channel.shutdown(socket.SHUT_WR)
            while part := self.channel.recv(1 << 16):
                parts.append(part)
            told: dict[str, Any] = json.loads(b"".join(parts))
        except (OSError, ValueError):
            raise MeasurementError(f"{what} failed: {self.last_words()}") from None
        return told

    def conclude(self, what: str, kind: type[BaseException] | None) -> dict[str, Any] | None:
        """End the worker and return its ``report``; for ``__exit__``: after an error it is killed instead,
        and tells nothing.
        """
        with self:
            if kind is None:
                return self.report(what)
            self.kill()
        return None

    def stop(self) -> None:
        """Close the channel, which ends the worker, and reap it. Safe to call twice."""
        self.channel.close()
        try:
            self._process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.kill()

    def kill(self) -> None:
        """End the worker at once. Safe to call twice."""
        self.channel.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop() if kind is None else self.kill()


class WorkerChannel:
    """The worker's end of the channel."""

    def __init__(self, channel: socket.socket) -> None:
        self.socket = channel

    def ready(self) -> None:
        """Tell the parent that work begins now."""
        self.socket.sendall(_READY)

    def parent_is_gone(self) -> bool:
        """Whether the parent has closed the channel. Never waits."""
        try:
            return self.socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def run_worker(work: Callable[[dict[str, Any], WorkerChannel], None]) -> int:
    """The main function of a worker's module: read the configuration, work, return the exit code."""
    die_with_parent()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        configuration = json.loads(_read_line(channel))
        try:
            work(configuration, WorkerChannel(channel))
        except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
            return 0
        except OneHopError as error:
            print(" ".join(str(error).split()), file=sys.stderr)
            return error.exit_code
        except OSError as error:
            print(error, file=sys.stderr)
            return MeasurementError.exit_code
    return 0


def _read_line(channel: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = channel.recv(1 << 16)
        if not part:
            raise SystemExit(0)
        line += part
    return line
