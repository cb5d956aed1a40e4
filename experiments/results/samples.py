"""Raw samples read back for a report: the round trip of every probe, by pair of sites."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.measurement.samples import FORMAT, VERSION, Pair, Sample
from topology.errors import InputError

RoundTrips = dict[Pair, tuple[float | None, ...]]
"""Round trips in ms in the order of the file, ``None`` for a probe that was lost."""


def read_round_trips(path: Path) -> RoundTrips:
    """All round trips of a samples file (see ``experiments.measurement.samples``); none if there is no file.

    An incomplete last line (the run was killed) is left out. Raises ``InputError`` naming the line that is no
    sample, or the first line if the file is of another kind or version.
    """
    try:
        # What follows the last newline is empty, or was cut short.
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    if not lines:
        return {}
    number = 1
    try:
        header = json.loads(lines[0])
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise ValueError("another format or version")
        pairs: list[Pair] = [(str(source), str(destination)) for source, destination in header["pairs"]]
        found: list[list[float | None]] = [[] for _ in pairs]
        for number, line in enumerate(lines[1:], start=2):  # noqa: B007 - the error names it
            fields = json.loads(line)
            if "stray" not in fields:
                found[fields["pair"]].append(_rtt_ms(fields))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"is no sample ({error})", where=f"{path}:{number}", hint="the file is damaged; repeat the run"
        ) from None
    return {pair: tuple(rtts) for pair, rtts in zip(pairs, found, strict=True)}


def _rtt_ms(fields: Mapping[str, Any]) -> float | None:
    return Sample(
        **{name: fields[name] for name in ("pair", "seq", "scheduled", "t1", "t2", "t3", "t4")}
    ).rtt_ms
