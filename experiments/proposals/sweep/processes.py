"""Tasks on several processes of this machine. One that dies costs only the task it was at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import IO

from experiments.proposals.sweep import worker
from experiments.proposals.sweep.executor import STRIKES, Tasks, ended_its_workers
from experiments.proposals.sweep.packing import pack
from experiments.proposals.sweep.task import Outcome
from topology.errors import MachineError

# Numeric libraries start a thread per core each unless told otherwise; the cores are busy with workers.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)


class _Worker:
    """A process and what it is at. It belongs to no terminal: Ctrl-C reaches us, and we end it."""

    def __init__(self) -> None:
        self.connection: Connection[bytes, bytes]
        self.connection, theirs = Pipe()
        self.ready = False
        self.function = b""
        self.task: int | None = None
        self.complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", worker.__file__, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.complaints,
                pass_fds=[theirs.fileno()],
                env=os.environ | ONE_THREAD,
                process_group=0,
            )
        self._send(json.dumps(sys.path).encode())

    def give(self, number: int, function: bytes, item: bytes) -> None:
        """Hand out a task."""
        self.task = number
        if self.function != function:
            self._send(worker.FUNCTION + function)
            self.function = function
        self._send(worker.ITEM + item)

    def _send(self, message: bytes) -> None:
        with suppress(OSError):  # it may have died; its end of the connection tells
            self.connection.send_bytes(message)

    def take(self) -> bytes | None:
        """What it has sent, or ``None`` if it has died."""
        try:
            return self.connection.recv_bytes()
        except (EOFError, OSError):
            return None

    def last_words(self) -> str:
        """How it ended, once it has closed its connection, and the last thing it said."""
        try:
            code = self.process.wait(timeout=5)  # closing comes a moment before the end
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"{how}: {lines[-1]}" if lines else how

    def end(self) -> None:
        """End it, however busy."""
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.complaints.close()


class Processes:
    """Workers that stand until ``close``, so that only the first sweep waits for them to start."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._workers: list[_Worker] = []

    def perform(self, tasks: Tasks) -> Iterator[tuple[int, bytes]]:
        """See ``Executor``. Raises ``MachineError`` if no worker process can be started."""
        waiting = deque(sorted(tasks.items))
        strikes: Counter[int] = Counter()
        false_starts = 0
        try:
            while True:
                waiting = deque(number for number in waiting if tasks.wanted(number))
                self._staff(len(waiting))
                for one in self._workers:
                    if one.ready and one.task is None and waiting:
                        following = waiting.popleft()
                        one.give(following, tasks.function, tasks.items[following])
                under_way = [one.task for one in self._workers if one.task is not None]
                if not waiting and not any(map(tasks.wanted, under_way)):
                    return
                for one in self._heard():
                    message, number = one.take(), one.task
                    if message is None:
                        self._workers.remove(one)
                        how = one.last_words()
                        one.end()
                        if number is None:
                            false_starts += not one.ready
                            if false_starts == STRIKES:
                                raise MachineError(f"worker processes end while they start ({how})")
                            continue
                        strikes[number] += 1
                        if strikes[number] < STRIKES:
                            waiting.appendleft(number)
                            continue
                        message = pack(Outcome(error=ended_its_workers(tasks.name(number), how, STRIKES)))
                        yield number, message
                    elif number is None:
                        one.ready = True
                    else:
                        one.task = None
                        yield number, message
        finally:
            for one in [one for one in self._workers if one.task is not None]:
                self._workers.remove(one)
                one.end()

    def close(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.pop().end()

    def _staff(self, waiting: int) -> None:
        busy = sum(one.task is not None for one in self._workers)
        while len(self._workers) < min(self._number, busy + waiting):
            self._workers.append(_Worker())

    def _heard(self) -> list[_Worker]:
        """Workers that have something to say, or have died; waits for one."""
        by_connection = {one.connection: one for one in self._workers}
        return [by_connection[connection] for connection in wait(list(by_connection))]  # type: ignore[index]
