"""Commands and workers in the cell of a part, for as long as somebody elsewhere holds the other end.

ssh does not end what it has started when it ends itself: only the stdin of that ends. So these watch it.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence

from topology.emulation.cell import die_with_parent
from topology.emulation.registry import LabRecord

_PIECE_BYTES = 1 << 16
_BUFFER_BYTES = 1 << 20
_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def inside(record: LabRecord, words: Sequence[str], site: str = "") -> list[str]:
    """``words`` as a command in a lab's cell: on the host of ``site``, or beside the switches.

    Raises ``KeyError`` if the lab has no such site.
    """
    enter = ["nsenter", f"--target={record.init_pid}", "--mount", "--pid", "--net", "--", *_DIE_WITH_US]
    return [*enter, *(["mnexec", "-a", str(record.hosts[site])] if site else []), *words]


def run_tethered(command: Sequence[str]) -> int:
    """Run a command without stdin until it ends; kill it when our stdin ends. Returns its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    ended = os.pidfd_open(child.pid)
    watched = [ended, sys.stdin.fileno()]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if ended in ready:
            break
        if not os.read(sys.stdin.fileno(), _PIECE_BYTES):
            child.kill()
            break
    code = child.wait()
    return 128 - code if code < 0 else code


def run_worker(record: LabRecord, module: str) -> int:
    """Run a measurement's worker, its channel our stdin and stdout. Returns its exit code."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
    with theirs:
        words = [sys.executable, "-m", module, str(theirs.fileno())]
        child = subprocess.Popen(
            inside(record, words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            preexec_fn=die_with_parent,
        )
    try:
        _relay(sys.stdin.fileno(), ours, sys.stdout.fileno())
    except BrokenPipeError:  # nobody listens any more
        child.kill()
    ours.close()
    code = child.wait()
    return 128 - code if code < 0 else code


def _relay(source: int, channel: socket.socket, sink: int) -> None:
    """Pass on what comes from either side until the worker has no more to say."""
    waiting: list[int | socket.socket] = [source, channel]
    while True:
        ready, _, _ = select.select(waiting, [], [])
        if channel in ready:
            data = channel.recv(_PIECE_BYTES)
            if not data:
                return
            _write_all(sink, data)
        if source in ready:
            data = os.read(source, _PIECE_BYTES)
            if data:
                channel.sendall(data)
            else:
                channel.shutdown(socket.SHUT_WR)
                waiting.remove(source)


def _write_all(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]
