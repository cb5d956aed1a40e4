"""A process beside the lab that tells what happens as JSON, one object a line: started, heard, stopped."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from topology.emulation.cell import die_with_parent
from topology.emulation.openvswitch import how_it_ended
from topology.errors import EmulationError

Event = dict[str, Any]
_LAST_LINES = 5


class EventProcess:
    """A child process and the events it has told of. Use as a context manager.

    Args:
        name: what it is called in messages.
        command: how it is started.
        log: where its stderr goes; the last lines are quoted when it fails.
        loss: what it means if it dies; ends a sentence.
        descriptors: open files it inherits.
        listens: whether it gets a pipe as stdin, ``requests``, instead of none.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        loss: str = "",
        descriptors: Sequence[int] = (),
        listens: bool = False,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._loss = loss
        self._descriptors = tuple(descriptors)
        self._listens = listens
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it (or start it again); returns at once, see ``wait_for``."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE if self._listens else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                pass_fds=self._descriptors,
                preexec_fn=die_with_parent,
                process_group=0,  # a Ctrl-C in the terminal is for us, not for the network
            )
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def requests(self) -> IO[str]:
        """Its stdin. Raises ``EmulationError`` if it does not run."""
        process = self._process
        if process is None or process.stdin is None:
            raise EmulationError(f"{self.name} does not run")
        return process.stdin

    def stop(self) -> None:
        """Ask it to end; kill it if it has not ended after two seconds."""
        process, self._process = self._process, None  # first: ``check`` shall not call it a fault
        if process is not None:
            process.terminate()
            _reap(process, 2)

    def kill(self) -> None:
        """End it as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @property
    def pids(self) -> list[int]:
        """Its process id, if it should be running."""
        process = self._process
        return [] if process is None else [process.pid]

    def check(self) -> None:
        """Raise ``EmulationError`` if it has died by itself."""
        process = self._process
        if process is not None and process.poll() is not None:
            raise EmulationError(
                f"{self.name} {how_it_ended(process.returncode)}{self._loss}", hint=self._last_words()
            )

    @property
    def events(self) -> list[Event]:
        """All events so far, oldest first."""
        with self._changed:
            return list(self._events)

    def wait_for(self, name: str, *, timeout_s: float) -> Event:
        """The first event called ``name``, waiting for it if need be.

        Raises ``EmulationError`` with the process's last words when it ends or stays silent.
        """
        return self.wait_for_next(name, 0, timeout_s=timeout_s)

    def wait_for_next(self, name: str, after: int, *, timeout_s: float) -> Event:
        """Like ``wait_for``, among events from index ``after`` on (``len(events)`` before the cause)."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for event in self._events[after:]:
                    if event.get("event") == name:
                        return event
                remaining = deadline - time.monotonic()
                if self._process is None or self._process.poll() is not None or remaining <= 0:
                    break
                self._changed.wait(min(remaining, 0.2))
        state = "is silent" if remaining <= 0 else "has ended"
        raise EmulationError(
            f"{self.name} {state}: no {name!r} within {timeout_s:g} s", hint=self._last_words()
        )

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        except OSError:
            return ""
        return "its log ends: " + " | ".join(lines) if lines else ""


def _reap(process: subprocess.Popen[str], patience_s: float) -> None:
    """Wait for a process that has been asked to end; kill it if it does not."""
    try:
        process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
