"""``trials.jsonl``: every trial as it happened, a line each, with the packets around the fault.

The first line says what the file is. A packet is ``[sent, arrived or null, DSCP, TTL]``, times in ms from the
beginning of the fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiments.failover.kinds import Kind
from experiments.failover.timeline import Observation
from experiments.failover.trial import Trial
from experiments.measurement.stream import ARRIVED, Seen
from topology.errors import InputError

FORMAT, VERSION = "onehop-failover-trials", 1
FROM_MS, UNTIL_MS = -30.0, 150.0

Packet = tuple[float, float | None, int, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A trial read back: its packets around the fault, and when what happened (ms, ``None``: it did not)."""

    kind: Kind
    reservation: str
    packets: tuple[Packet, ...]
    events: dict[str, float | None]


class TrialFile:
    """Written line by line, so that what was measured survives an interruption."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._write({"format": FORMAT, "version": VERSION})

    def add(self, trial: Trial) -> None:
        """Append a trial."""
        target = trial.target
        self._write(
            {
                "kind": trial.kind,
                "repetition": trial.repetition,
                "reservation": target.reservation,
                "links": list(target.links),
                "site": target.site,
                "bound_ms": trial.bound_ms,
                "duplicated_any": trial.duplicated,
                "stray_alarms": trial.stray_alarms,
                "making_ms": trial.making_ms,
                "figures": asdict(trial.figures),
                "packets": packets(trial.observed),
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TrialFile:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()


def packets(observed: Observation) -> list[Packet]:
    """The packets sent around the beginning of a fault, in order; of several copies the first. Pure."""
    first: dict[int, Seen] = {}
    for seen in sorted(observed.seen, key=lambda one: one.at_ns):
        if seen.kind == ARRIVED:
            first.setdefault(seen.number, seen)
    found: list[Packet] = []
    for number, scheduled_ns in observed.scheduled_ns.items():
        one = first.get(number)
        sent_ms = _ms((one.sent_ns if one else scheduled_ns) - observed.began_ns)
        if FROM_MS <= sent_ms <= UNTIL_MS:
            arrived_ms = _ms(one.at_ns - observed.began_ns) if one else None
            found.append((sent_ms, arrived_ms, one.dscp if one else 0, one.ttl if one else 0))
    return found


def read_trials(path: Path) -> Iterator[Recorded]:
    """The trials of a file; none if there is no file, and a last line cut short is left out.

    Raises ``InputError`` naming the line that is no trial.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
            if number == 1:
                if (data["format"], data["version"]) != (FORMAT, VERSION):
                    raise ValueError("another format or version")
                continue
            figures = data["figures"]
            names = ("detected_ms", "switched_ms", "barrier_ms", "first_ms")
            yield Recorded(
                Kind(data["kind"]),
                data["reservation"],
                tuple((sent, arrived, dscp, ttl) for sent, arrived, dscp, ttl in data["packets"]),
                {name: figures[name] for name in names},
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"is no trial ({error})", where=f"{path}:{number}", hint="the file is damaged; repeat the run"
            ) from None


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
