"""Tasks on a Dask cluster (https://distributed.dask.org), an optional extra.

Each task goes out on its own and no more are out than the cluster has threads: what a dying worker was at is
lost and repeated by the scheduler, and nothing else is.
"""

from __future__ import annotations

import logging
import queue
import re
import time
import uuid
from collections import deque
from collections.abc import Iterator
from typing import Any

from experiments.proposals.sweep.executor import Tasks, ended_its_workers
from experiments.proposals.sweep.fingerprint import program
from experiments.proposals.sweep.packing import pack
from experiments.proposals.sweep.task import Outcome, perform_far_away
from topology.errors import InputError, MachineError

CONNECT_S = 10
WITHOUT_WORKERS_S = 60  # so long a cluster may be without any before we give up
LOOK_EVERY_S = 1.0
ADDRESS = re.compile(r"((tcp|tls|ws|wss)://)?(\[[0-9a-fA-F:.]+\]|[\w.-]+):[0-9]{1,5}")


def check_address(address: str) -> None:
    """Raises ``InputError`` if ``address`` is none, ``MachineError`` if Dask is not installed."""
    if not ADDRESS.fullmatch(address):
        raise InputError(
            f"{address!r} is no address of a Dask scheduler",
            where="--scheduler",
            hint="it prints one when it starts: tcp://host:8786",
        )
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MachineError(
            "a cluster needs Dask, which is not installed",
            where="--scheduler",
            hint="pip install 'onehop[cluster]', here and on the machines of the cluster",
        ) from error


class Cluster:
    """A connection to a Dask scheduler, until ``close``.

    Raises ``MachineError`` if the scheduler does not answer.
    """

    def __init__(self, address: str) -> None:
        import distributed

        self._address = address
        _silence()
        try:
            self._client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:  # no answer in time is an OSError, too
            raise MachineError(
                f"no Dask scheduler answers at {address}",
                where="--scheduler",
                hint="dask scheduler starts one",
            ) from error

    def perform(self, tasks: Tasks) -> Iterator[tuple[int, bytes]]:
        """See ``Executor``. Raises ``MachineError`` if the scheduler goes away or no worker is left."""
        waiting = deque(sorted(tasks.items))
        under_way: dict[int, Any] = {}
        finished: queue.SimpleQueue[int] = queue.SimpleQueue()
        run = uuid.uuid4().hex
        seen = looked = time.monotonic()
        threads = self._threads()
        try:
            while True:
                waiting = deque(number for number in waiting if tasks.wanted(number))
                while waiting and len(under_way) < threads:
                    number = waiting.popleft()
                    under_way[number] = self._client.submit(
                        perform_far_away,
                        tasks.function,
                        tasks.items[number],
                        program(),
                        key=f"onehop-{run}-{number}",
                        pure=False,
                        retries=0,
                    )
                    under_way[number].add_done_callback(lambda _future, n=number: finished.put(n))
                if not waiting and not any(map(tasks.wanted, under_way)):
                    return
                try:
                    number = finished.get(timeout=LOOK_EVERY_S)
                except queue.Empty:
                    pass
                else:
                    packed = self._take(under_way[number], tasks.name(number))
                    if packed is None:
                        finished.put(number)  # its worker died before it could be fetched: it is done again
                    else:
                        del under_way[number]
                        yield number, packed
                now = time.monotonic()
                if now - looked >= LOOK_EVERY_S:
                    looked, threads = now, self._threads()
                    seen = now if threads else seen
                    if now - seen > WITHOUT_WORKERS_S:
                        raise MachineError(
                            f"the Dask scheduler at {self._address} has no workers",
                            where="--scheduler",
                            hint=f"dask worker {self._address} --nthreads 1 starts one",
                        )
        finally:
            self._client.cancel(list(under_way.values()))

    def _threads(self) -> int:
        """How many tasks the cluster can work on at a time."""
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TypeError) as error:  # TypeError: the connection broke under Dask's own hands
            raise self._gone() from error

    def _take(self, future: Any, name: str) -> bytes | None:
        """The packed outcome of a finished task; ``None`` if it was lost with the worker that held it."""
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        try:
            packed: bytes = future.result(timeout=LOOK_EVERY_S)
            return packed
        except TimeoutError:
            return None
        except KilledWorker as error:
            return pack(Outcome(error=ended_its_workers(name, "says Dask", error.allowed_failures + 1)))
        except CancelledError as error:
            raise self._gone() from error
        except Exception as error:  # not the task's own, which are outcomes: its worker could not even begin
            raise MachineError(
                f"a worker of the cluster cannot run OneHop: {error}",
                where="--scheduler",
                hint="install the same version on every machine of the cluster",
            ) from error

    def _gone(self) -> MachineError:
        return MachineError(
            f"the Dask scheduler at {self._address} went away",
            where="--scheduler",
            hint="what was finished is kept: start it again and repeat the command",
        )

    def close(self) -> None:
        """Leave the cluster as it was."""
        self._client.close()


def _silence() -> None:
    """Dask logs every lost connection with its traceback; what matters reaches a user as an error of ours."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            for handler in logging.getLogger(name).handlers:
                handler.setLevel(logging.CRITICAL + 1)
