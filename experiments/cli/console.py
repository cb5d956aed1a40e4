"""Where words go: results to stdout, everything else to stderr; and progress with time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PLAIN_WIDTH = 140  # columns where nobody looks at a terminal: a file or a pipe need not fold at 80


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH)


out = _console(stderr=False)
err = _console(stderr=True)


class Steps:
    """Progress of a run of known length: a bar on a terminal, a line per step elsewhere.

    Time left is estimated from ``weights``: the expected seconds of each step, corrected by how long the
    finished steps took against their own expectation.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._bar = progress.add_task("", total=1.0, left="") if progress else None
        self._expected_s = 1.0
        self._done_s = 0.0
        self._begun = time.monotonic()

    def expect(self, seconds: float) -> None:
        """How long everything should take."""
        self._expected_s = max(seconds, 0.1)
        self._begun = time.monotonic()

    def say(self, sentence: str, *, seconds: float = 0.0) -> None:
        """A step begins; ``seconds`` is what the steps before it were expected to take in all."""
        self._done_s = max(self._done_s, seconds)
        if self._progress is None or self._bar is None:
            elapsed = time.monotonic() - self._begun
            err.print(f"[{elapsed:6.1f} s] {sentence}", markup=False)
            return
        self._progress.update(
            self._bar,
            description=sentence,
            completed=min(self._done_s / self._expected_s, 1.0),
            left=self._time_left(),
        )

    def _time_left(self) -> str:
        if self._done_s <= 0:
            return f"about {self._expected_s:.0f} s"
        pace = (time.monotonic() - self._begun) / self._done_s
        left_s = max(self._expected_s - self._done_s, 0.0) * min(max(pace, 0.5), 3.0)
        return f"about {left_s:.0f} s left"


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress on stderr: drawn where someone is looking, plain lines where not."""
    if not err.is_terminal:
        yield Steps(None)
        return
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", style="dim"),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield Steps(progress)
