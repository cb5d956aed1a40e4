"""Raw samples: one probe a line of JSON, written as measured, so that a killed run keeps what it had."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from experiments.results.model import ResultModel
from topology.errors import InputError


class Sample(ResultModel):
    """One probe between two sites. The delays, in milliseconds, are ``None`` if it was lost.

    ``forward_ms``: from source to destination; ``backward_ms``: the other way. The round trip leaves out the
    time the reflector held the probe.
    """

    source: str
    destination: str
    sequence: int
    rtt_ms: float | None
    forward_ms: float | None = None
    backward_ms: float | None = None


class SampleWriter:
    """Appends samples to a file and hands each to the system at once: a kill loses at most the last line."""

    def __init__(self, path: Path) -> None:
        # Line buffered: every line leaves the process when it is complete.
        self._file = path.open("a", encoding="utf-8", newline="\n", buffering=1)

    def write(self, sample: Sample) -> None:
        """Append one sample."""
        self._file.write(json.dumps(sample.model_dump(), separators=(",", ":")) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_samples(path: Path) -> tuple[Sample, ...]:
    """All samples of a file; none if it does not exist.

    An incomplete last line (the writer was killed) is left out. Raises ``InputError`` with the line's number
    for any other line that is no sample.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    samples = []
    lines = text.split("\n")  # the part after the last newline is empty, or cut short
    for number, line in enumerate(lines[:-1], start=1):
        try:
            samples.append(Sample.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError(
                f"is no sample: {first['msg']}",
                where=f"{path}:{number}",
                hint="the file is damaged; repeat the run",
            ) from None
    return tuple(samples)
