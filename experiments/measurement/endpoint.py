"""An endpoint of a measurement: a site's host, reached through its network namespace.

A process can hold sockets in many of them at once (``topology.emulation.namespaces``). On another machine
nobody can hold a socket: there commands run, by way of ``onehop part exec``, and workers.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from experiments.measurement.timestamps import IP_RECVTTL
from topology.emulation.namespaces import inside_network
from topology.emulation.parts.reach import Reach
from topology.errors import MeasurementError

_LISTENING = "0A"  # state of a TCP socket in /proc/net/tcp
_TABLE_S = 20.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host: the ``site`` it stands at, its IPv4 address, and its namespace (``/proc/1234/ns/net``).

    ``reach``: how to run things in its cell if that is on another machine; ``None`` if it is on this one.
    """

    site: str
    ip: str
    namespace: str
    reach: Reach | None = None

    def command(self, words: Sequence[str], *, keep_stdin: bool = False) -> list[str]:
        """``words`` as a command that runs on this host.

        On another machine it is killed there when its stdin ends here, unless it shall ``keep_stdin``.
        """
        if self.reach is None:
            return ["nsenter", f"--net={self.namespace}", "--", *words]
        return self.reach.command([*(["--stdin"] if keep_stdin else []), "--site", self.site, "--", *words])

    def for_worker(self) -> dict[str, str]:
        """The fields by which a worker on the same machine knows it."""
        return {"site": self.site, "ip": self.ip, "namespace": self.namespace}


@contextmanager
def inside_namespace(endpoint: Endpoint) -> Iterator[None]:
    """Move the calling thread into the endpoint's network namespace, and back again.

    Raises ``MeasurementError`` when the namespace is gone or this process may not enter it.
    """
    if endpoint.reach is not None:
        raise MeasurementError(
            f"the host of {endpoint.site} is on another machine, where this cannot be measured",
            where=f"host of {endpoint.site}",
            hint="measure from a site of the machine that leads, or pin this one there",
        )
    with ExitStack() as stack:
        try:
            stack.enter_context(inside_network(endpoint.namespace))
        except PermissionError as error:
            raise MeasurementError(
                f"cannot enter the network namespace of the host of {endpoint.site}: {error.strerror}",
                hint="measuring needs root in the lab",
            ) from None
        except OSError as error:
            raise MeasurementError(
                f"the network namespace {endpoint.namespace} cannot be opened: {error.strerror}",
                where=f"host of {endpoint.site}",
                hint="is the network still up? see `onehop status`",
            ) from None
        yield


def socket_in_namespace(
    endpoint: Endpoint, family: int = socket.AF_INET, kind: int = socket.SOCK_DGRAM, protocol: int = 0
) -> socket.socket:
    """Open a socket in the endpoint's namespace. Raises ``MeasurementError`` if that cannot be entered."""
    with inside_namespace(endpoint):
        return socket.socket(family, kind, protocol)


def receiving_socket(endpoint: Endpoint, port: int) -> socket.socket:
    """A UDP socket at ``endpoint`` that is told TTL and TOS of what comes. Raises ``MeasurementError``."""
    opened = socket_in_namespace(endpoint)
    try:
        opened.bind((endpoint.ip, port))
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    except OSError as error:
        opened.close()
        raise MeasurementError(
            f"UDP port {port} of {endpoint.ip} cannot be opened: {error.strerror}",
            where=f"host of {endpoint.site}",
            hint="is another measurement running there?",
        ) from None
    return opened


def popen_in_namespace(endpoint: Endpoint, command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command on the endpoint's host, its output piped as text, its messages in plain English."""
    return subprocess.Popen(
        endpoint.command(command if endpoint.reach is None else ["env", "LC_ALL=C", *command]),
        stdin=subprocess.DEVNULL if endpoint.reach is None else _endless(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
    )


def run_in_namespace(
    endpoint: Endpoint, command: Sequence[str], *, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command on the endpoint's host to its end.

    Raises ``MeasurementError`` when it takes longer than ``timeout_s``; it is killed then.
    """
    process = popen_in_namespace(endpoint, command)
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise MeasurementError(
            f"{command[0]} did not end within {timeout_s:g} s", where=f"host of {endpoint.site}"
        ) from None
    finally:
        stop_process(process)
    return subprocess.CompletedProcess(list(command), process.returncode, output, errors)


def run_at_once(
    commands: Sequence[tuple[Endpoint, Endpoint, Sequence[str]]], *, timeout_s: float
) -> dict[tuple[str, str], subprocess.CompletedProcess[str]]:
    """Run a command of each pair (source, destination) at the source, all at once; by the sites of the pairs.

    Raises ``MeasurementError`` when one takes longer than ``timeout_s``; all are killed then.
    """
    done = {}
    with ExitStack() as stack:
        running = []
        for source, destination, command in commands:
            process = popen_in_namespace(source, command)
            stack.callback(stop_process, process)
            running.append((source.site, destination.site, command, process))
        for source_site, destination_site, command, process in running:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise MeasurementError(
                    f"{command[0]} did not end within {timeout_s:g} s",
                    where=f"{command[0]} {source_site} -> {destination_site}",
                ) from None
            done[source_site, destination_site] = subprocess.CompletedProcess(
                list(command), process.returncode, output, errors
            )
    return done


def listening_ports(endpoint: Endpoint) -> set[int]:
    """TCP ports on which something listens at the endpoint's host (proc_net_tcp)."""
    if endpoint.reach is None:
        with inside_namespace(endpoint):
            table = Path("/proc/thread-self/net/tcp").read_text()
    else:
        table = run_in_namespace(endpoint, ["cat", "/proc/net/tcp"], timeout_s=_TABLE_S).stdout
    rows = [line.split() for line in table.splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTENING}


@cache
def _endless() -> int:
    """A pipe to which nobody ever writes, and which ends with this process."""
    reading, _writing = os.pipe()
    return reading


def stop_process(process: subprocess.Popen[str]) -> None:
    """Kill a process if it still runs, reap it and close its pipes. Safe to call twice."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
