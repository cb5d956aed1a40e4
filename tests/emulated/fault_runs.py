"""Runs to disturb: a verb in a process of its own that stops at a named step, and what is left of it after.

The step is a function of the product, named ``module:attribute``. In the forked process it is replaced by one
that says that it has been reached and then waits for ever, so a kill meets the run exactly there. The product
itself knows nothing of this.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Imported here, once, so that no run spends its time on it.
from experiments.cli import console, down, guarded, onehop, run, up
from experiments.measurement import background, latency, path, ping
from tests.patience import wait_until

LOADED = (background, down, latency, path, ping, run, up)
MARK = "ONEHOP_TEST_MARK"
PATIENCE_S = 200.0  # four networks come up at once; an emulated processor takes minutes


@dataclass
class Running:
    """A verb that runs. ``reached`` becomes readable at the step, or when the run has ended without it."""

    pid: int
    mark: str
    reached: int
    words_file: Path

    @property
    def told(self) -> str:
        """What it has written to stdout and stderr so far."""
        return self.words_file.read_text(errors="replace")

    def wait_for_step(self) -> None:
        """Return when the step is reached; fails with what the run said if it never is."""
        ready, _, _ = select.select([self.reached], [], [], PATIENCE_S)
        assert ready, f"the step was not reached in time:\n{self.told}"
        assert os.read(self.reached, 1) == b"!", f"the run ended before the step:\n{self.told}"

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.reached)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it does not end:\n{self.told}")
            time.sleep(0.01)

    def processes(self) -> list[int]:
        """What lives of it, by session or by the mark in the environment."""
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [int(entry.name) for entry in entries if self._is_ours(entry)]

    def find(self, program: str, argument: str = "") -> int:
        """The process id of one of its programs, by name and a part of its command line."""
        forked = _words(self.pid)  # these are the words of pytest, so they may be anything
        for pid in self.processes():
            words = _words(pid)
            named = Path(words[0]).name.startswith(program) and any(argument in word for word in words)
            if named and words != forked:
                return pid
        raise AssertionError(f"no {program} {argument} among its processes")

    def wait_until_gone(self) -> None:
        """Fails if anything of it outlives it."""
        wait_until(lambda: not self.processes(), lambda: f"left behind: {[*map(_words, self.processes())]}")

    def _is_ours(self, entry: Path) -> bool:
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] == "Z":
                return False
            return (
                int(fields[3]) == self.pid
                or f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
            )
        except (OSError, ValueError, IndexError):
            return False


def begin(
    words: Sequence[str | Path],
    folder: Path,
    *,
    step: str = "",
    prepare: Callable[[], None] = lambda: None,
) -> Running:
    """Start ``onehop`` with these words in a forked process, as leader of its own session."""
    mark = f"{folder.name}-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "temporary"
    temporary.mkdir()
    words_file = folder / "words.txt"
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Running(pid, mark, reader, words_file)
    code = 99
    try:
        os.close(reader)
        os.setsid()
        os.environ |= {MARK: mark, "TMPDIR": str(temporary)}
        os.environ.pop("ONEHOP_CELL", None)
        _redirect(words_file)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        if step:
            _stop_at(step, writer)
        prepare()
        os.chdir(folder)
        code = guarded(lambda: onehop.main([str(word) for word in words], standalone_mode=False))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (descriptor, 1), (descriptor, 2)):
        os.dup2(source, target)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    console.out.file, console.err.file = sys.stdout, sys.stderr


def _stop_at(step: str, writer: int) -> None:
    module, _, path = step.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    assert hasattr(owner, name), f"there is no {step}"

    def reached(*_arguments: object, **_options: object) -> None:
        os.write(writer, b"!")
        while True:
            signal.pause()

    setattr(owner, name, reached)


def _words(pid: int) -> list[str]:
    """The command line of a process; of one that has ended, one empty word."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return [""]


def interfaces() -> list[str]:
    """Every interface of the current network namespace, with its flags and state."""
    told = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    return sorted(told.splitlines())


def mounts() -> list[str]:
    """Every mount of the current mount namespace."""
    return sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
