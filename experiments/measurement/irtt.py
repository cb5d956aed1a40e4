"""A second independent clock: one-way delays and round trips as irtt sees them (github.com/heistp/irtt).

irtt is a program of others, in another language, with a protocol of its own; it shares no code with our
probes. It takes all its time stamps in the program: a packet is late by what its two ends need to come to
run. Both run on one machine and read one clock, so its one-way delays need no synchronisation. It is not
installed with a lab: Debian's package starts a server that is open to the network.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.measurement.endpoint import (
    Endpoint,
    inside_namespace,
    popen_in_namespace,
    run_at_once,
    stop_process,
)
from topology.errors import MeasurementError

Pair = tuple[str, str]
PORT = 2112
HINT = "apt-get install irtt && systemctl disable --now irtt (its package starts a server for everybody)"
_START_TIMEOUT_S = 10.0
_GRACE_S = 15.0  # it waits for the last answers up to 4 s


@dataclass(frozen=True, slots=True)
class IrttResult:
    """What irtt says of one pair. Delays are medians of what arrived; ``None`` when nothing did."""

    sent: int
    received: int
    duplicated: int
    forward_ms: float | None
    backward_ms: float | None
    rtt_ms: float | None

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return self.sent - self.received


def measure_irtt(
    pairs: Sequence[tuple[Endpoint, Endpoint]], *, count: int, interval_ms: float = 20.0
) -> dict[Pair, IrttResult]:
    """Send ``count`` packets to and fro for each pair, all pairs at once, every ``interval_ms`` (10 or more).

    Raises ``MeasurementError`` when irtt cannot run or says nothing that can be understood.
    """
    timing = ["-i", f"{interval_ms:g}ms", "-d", f"{count * interval_ms:g}ms"]
    with ExitStack() as stack:
        for _source, destination in {pair[1].ip: pair for pair in pairs}.values():
            stack.enter_context(_server(destination))
        done = run_at_once(
            [(source, destination, _client(source, destination, timing)) for source, destination in pairs],
            timeout_s=count * interval_ms / 1e3 + _GRACE_S,
        )
    return {
        (source, destination): parse_irtt(ended.stdout, ended.stderr, f"irtt {source} -> {destination}")
        for (source, destination), ended in done.items()
    }


def parse_irtt(output: str, errors: str, where: str) -> IrttResult:
    """Read the client's JSON. Raises ``MeasurementError`` with irtt's words if it cannot be understood."""
    try:
        told = json.loads(output)["stats"]
        return IrttResult(
            sent=int(told["packets_sent"]),
            received=int(told["packets_received"]),
            duplicated=int(told["duplicates"]),
            forward_ms=_median_ms(told["send_delay"]),
            backward_ms=_median_ms(told["receive_delay"]),
            rtt_ms=_median_ms(told["rtt"]),
        )
    except (ValueError, KeyError, TypeError):
        said = " ".join((errors or output).split()) or "nothing"
        raise MeasurementError(f"irtt failed: {said[:300]}", where=where, hint=HINT) from None


def _median_ms(told: dict[str, Any]) -> float | None:
    """The median of so many delays in ns, in ms."""
    return float(told["median"]) / 1e6 if told["n"] else None


def _client(source: Endpoint, destination: Endpoint, timing: Sequence[str]) -> list[str]:
    to = f"{destination.ip}:{PORT}"
    return ["irtt", "client", *timing, f"--local={source.ip}", "-Q", "-o", "-", to]


@contextmanager
def _server(destination: Endpoint) -> Iterator[None]:
    server = popen_in_namespace(destination, ["irtt", "server", "-b", f"{destination.ip}:{PORT}"])
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _is_bound(destination):
            if server.poll() is not None or time.monotonic() > deadline:
                said = " ".join(server.communicate(timeout=1)[1].split()) if server.poll() is not None else ""
                raise MeasurementError(
                    f"the irtt server does not listen{': ' if said else ''}{said[:300]}",
                    where=f"host of {destination.site}",
                    hint=HINT,
                )
            time.sleep(0.01)
        yield
    finally:
        stop_process(server)


def _is_bound(destination: Endpoint) -> bool:
    with inside_namespace(destination):
        table = Path("/proc/thread-self/net/udp").read_text()
    address = "".join(f"{int(part):02X}" for part in reversed(destination.ip.split(".")))
    return f" {address}:{PORT:04X} " in table
