"""A cell: the namespaces a lab lives in, so that nothing can outlive it.

``run_in_cell`` forks a child into new PID, mount and network namespaces and runs a function there as the
namespace's init. When that child dies, however it dies, the kernel kills every process in the PID namespace;
with the last of them go the network namespaces, their interfaces and qdiscs, and the private mounts with
their sockets and databases. The child asks to be killed when its parent dies, so ``kill -9`` of either is
enough. The rest of the machine is never touched: another user's OVS, bridges or namespaces are out of sight.

The first Ctrl-C is a ``KeyboardInterrupt``: the work takes itself down and keeps what it has measured. The
second ends the cell's init, and so all of the cell, at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from topology.emulation.interfaces import set_interfaces
from topology.errors import MachineError

_CLONE_NEWNS = 0x00020000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)
_PR_SET_PDEATHSIG = 1
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

RUNTIME = Path("/run/onehop")
CELL_RUNTIME = RUNTIME / "cell"  # a tmpfs of the cell's own

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, doing: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise MachineError(
            f"cannot {doing}: {os.strerror(error)}",
            hint="a lab needs root with CAP_SYS_ADMIN; in a container, run it privileged",
        )


def inside_cell() -> bool:
    """Whether this process runs in a cell."""
    return os.environ.get("ONEHOP_CELL") == "1"


def fresh_network_namespace() -> None:
    """Move the calling thread into a new, empty network namespace with loopback up.

    The former namespace vanishes with its last process and socket, which is how a lab is taken down.
    """
    _check(_libc.unshare(_CLONE_NEWNET), "create a network namespace")
    set_interfaces(["lo"], up=True)


@contextmanager
def private_network() -> Iterator[None]:
    """A network namespace for one lab; once it is left, the kernel removes what was in it."""
    if not inside_cell():
        raise MachineError("a lab is built inside a cell", hint="use run_in_cell")
    fresh_network_namespace()
    try:
        yield
    finally:
        fresh_network_namespace()


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies. For use between fork and exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class _Lifeline:
    """For a parent that may die between the fork and the child's ``die_with_parent``, which then comes late.

    A pipe that only the parent keeps open for writing: its end tells the child. Process ids would not do, for
    in a new PID namespace every parent outside has the number 0.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def hold(self) -> None:
        """In the child: die with the parent, also if it has died already."""
        die_with_parent()
        os.close(self._write)
        if select.select([self._read], [], [], 0)[0]:
            os._exit(128 + signal.SIGKILL)
        os.close(self._read)

    def close(self) -> None:
        """In the parent, when the child has ended."""
        os.close(self._read)
        os.close(self._write)


def run_in_cell(function: Callable[[], int], started: Callable[[int], None] = lambda _pid: None) -> int:
    """Run ``function`` as init of a new cell and return its exit code (128 + n if signal n killed it).

    SIGTERM and SIGHUP are handed to the cell; a SIGINT from the terminal reaches it by itself. ``started`` is
    told the init's process id, as seen from outside.

    Raises ``MachineError`` if this process may not create namespaces.
    """
    RUNTIME.mkdir(mode=0o755, exist_ok=True)
    CELL_RUNTIME.mkdir(mode=0o755, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # Until each process has its own handlers, signals wait: a child would act on them as its parent does.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    lifeline = _Lifeline()
    middle = os.fork()
    if middle == 0:
        lifeline.hold()
        _end_with(lambda: _create_namespaces_and_run(function, started, before))
    previous = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        previous[number] = signal.signal(number, lambda n, _frame: os.kill(middle, n))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        return _exit_code(_wait(middle))
    finally:
        lifeline.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def forgive_interrupt() -> None:
    """After a Ctrl-C that ended a step, not the work, as at a prompt: the next one is a first one again."""
    if inside_cell():
        signal.signal(signal.SIGINT, _interrupt)


def _end_with(work: Callable[[], int]) -> NoReturn:
    """End this process, a forked child, with the exit code of ``work``; nothing of its parent's may run."""
    code = 70
    try:
        code = work()
    except OSError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _create_namespaces_and_run(
    function: Callable[[], int], started: Callable[[int], None], mask: Collection[int]
) -> int:
    try:
        _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET), "create namespaces")
    except MachineError as error:
        print(error, file=sys.stderr, flush=True)
        return error.exit_code
    lifeline = _Lifeline()
    init = os.fork()  # unshare(CLONE_NEWPID) affects only children, so this one is the cell's init
    if init == 0:
        lifeline.hold()
        _end_with(lambda: _init(function, mask))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _frame: os.kill(init, n))
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    started(init)
    return _exit_code(_wait(init))


def _interrupt(_number: int, _frame: object) -> None:
    """The first Ctrl-C."""
    signal.signal(signal.SIGINT, _stop_at_once)
    raise KeyboardInterrupt


def _stop_at_once(number: int, _frame: object) -> None:
    """The second Ctrl-C: the kernel takes down what is left of the cell."""
    os._exit(128 + number)


def _stop(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _init(function: Callable[[], int], mask: Collection[int]) -> int:
    """The cell's PID 1: private mounts, then the work. As init it has no default signal actions."""
    try:
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGHUP, _stop)
        signal.signal(signal.SIGINT, _interrupt)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _check(_libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None), "make mounts private")
        _check(_libc.mount(b"proc", b"/proc", b"proc", 0, None), "mount /proc")
        _check(
            _libc.mount(b"tmpfs", str(CELL_RUNTIME).encode(), b"tmpfs", 0, b"mode=755"),
            "mount a private tmpfs",
        )
        os.environ["ONEHOP_CELL"] = "1"
        set_interfaces(["lo"], up=True)
        return function()
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except MachineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _wait(pid: int) -> int:
    while True:
        try:
            return os.waitpid(pid, 0)[1]
        except InterruptedError:
            continue


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code
