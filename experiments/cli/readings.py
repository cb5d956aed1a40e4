"""Declared against achieved, link by link, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.cli.console import out
from topology.emulation.readback import LinkReading


def print_readings(readings: Sequence[LinkReading]) -> bool:
    """Print a summary and whatever is outside tolerance; true if every link does what it declares."""
    wrong = [(reading, problem) for reading in readings for problem in reading.problems()]
    worst = max((abs(reading.delay_error_ms) for reading in readings), default=0.0)
    out.print(
        f"links read back: {len(readings)} directions, largest delay error {worst:.3f} ms, "
        f"{len(wrong)} outside tolerance",
        markup=False,
    )
    for reading, problem in wrong:
        out.print(f"  {reading.link} ({reading.source} > {reading.destination}): {problem}", markup=False)
    return not wrong
