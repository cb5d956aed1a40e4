"""The cross-check: round trips as the system's own ``ping`` (iputils) sees them.

ping takes its time stamps in the program when it sends and by the kernel when it receives, so it reads some
microseconds more than STAMP. It shares no code with our probes; that is its use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.measurement.endpoint import Endpoint, run_at_once
from topology.errors import MeasurementError

Pair = tuple[str, str]
_REPLY_TIMEOUT_S = 2
_GRACE_S = 10.0
_COUNTS = re.compile(
    r"^(\d+) packets transmitted, (\d+) (?:packets )?received(?:, \+(\d+) duplicates)?", re.M
)
_TIMES = re.compile(
    r"^(?:rtt|round-trip) min/avg/max(?:/\w+)? = (\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", re.M
)


@dataclass(frozen=True, slots=True)
class PingResult:
    """What ping says of one pair. The times are ``None`` when nothing came back."""

    sent: int
    received: int
    duplicated: int
    min_ms: float | None
    avg_ms: float | None
    max_ms: float | None

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return self.sent - self.received


def measure_ping(
    pairs: Sequence[tuple[Endpoint, Endpoint]], *, count: int, interval_ms: float = 200.0, dscp: int = 0
) -> dict[Pair, PingResult]:
    """Ping each pair ``count`` times, all pairs at once. Takes about ``count * interval_ms``.

    Raises ``MeasurementError`` when ping cannot run or says nothing that can be understood.
    """
    command = ["ping", "-n", "-D", "-i", f"{interval_ms / 1000:g}", "-c", str(count)]
    command += ["-W", str(_REPLY_TIMEOUT_S), "-Q", str(dscp << 2)]
    done = run_at_once(
        [(source, destination, [*command, destination.ip]) for source, destination in pairs],
        timeout_s=count * interval_ms / 1000 + _REPLY_TIMEOUT_S + _GRACE_S,
    )
    results = {}
    for (source_site, destination_site), ended in done.items():
        result = parse_ping(ended.stdout)
        if result is None:
            said = " ".join((ended.stderr or ended.stdout).split()) or f"exit code {ended.returncode}"
            where = f"ping {source_site} -> {destination_site}"
            raise MeasurementError(f"ping failed: {said}", where=where, hint="is iputils-ping installed?")
        results[source_site, destination_site] = result
    return results


def parse_ping(output: str) -> PingResult | None:
    """Read ping's summary (``LC_ALL=C``); ``None`` if there is none.

    Only the summary is read: the lines of single replies have three digits, whatever the delay.
    """
    counts = _COUNTS.search(output)
    if counts is None:
        return None
    sent, received, duplicated = (int(number or 0) for number in counts.groups())
    times = _TIMES.search(output)
    least, mean, most = (float(time) for time in times.groups()) if times else (None, None, None)
    return PingResult(sent, received, duplicated, least, mean, most)
