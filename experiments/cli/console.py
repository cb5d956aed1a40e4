"""Where words go: results to stdout, everything else to stderr; and progress with time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

PLAIN_WIDTH = 140  # columns where nobody looks at a terminal: a file or a pipe need not fold at 80


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH)


out = _console(stderr=False)
err = _console(stderr=True)


class Steps:
    """Progress of a run: on a terminal a bar with the time left, elsewhere a line per step.

    The time left is what the run was expected to take, less what it has taken.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress else None
        self._begun = time.monotonic()

    def expect(self, seconds: float) -> None:
        """How long everything should take, from now on."""
        self._begun = time.monotonic()
        if self._progress is None or self._task is None:
            err.print(f"this takes about {seconds:.0f} s")
            return
        self._progress.reset(self._task, total=max(seconds, 1.0))

    def say(self, sentence: str) -> None:
        """A step begins."""
        if self._progress is None or self._task is None:
            err.print(f"[{time.monotonic() - self._begun:6.1f} s] {sentence}", markup=False)
            return
        self._progress.update(self._task, description=sentence)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Draw nothing meanwhile, and run no thread: for work in a cell, which draws its own progress."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


class _TimeBar(ProgressColumn):
    """A bar that fills with time and waits, nearly full, for a run that takes longer."""

    def render(self, task: Task) -> ProgressBar:
        """Called several times a second."""
        if task.total is None:
            return ProgressBar(total=1.0, completed=0.0, width=24)
        return ProgressBar(total=task.total, completed=min(task.elapsed or 0.0, 0.98 * task.total), width=24)


class _TimeLeft(ProgressColumn):
    """About how many seconds are left."""

    def render(self, task: Task) -> Text:
        """Called several times a second."""
        if task.total is None:
            return Text("")
        left_s = task.total - (task.elapsed or 0.0)
        return Text(f"about {left_s:.0f} s left" if left_s >= 1 else "a moment more", style="dim")


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress on stderr: drawn where someone is looking, plain lines where not."""
    if not err.is_terminal:
        yield Steps(None)
        return
    columns = (SpinnerColumn(), _TimeBar(), _TimeLeft(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=err, transient=True) as progress:
        yield Steps(progress)
