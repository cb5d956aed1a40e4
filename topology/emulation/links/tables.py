"""The files from which tc reads the distributions of netem's jitter: written where it looks, for a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from topology.emulation.links.tc import Command
from topology.variation import JitterDistribution, table

# Names of our own: where tc looks elsewhere than told, it finds none rather than another of the same name.
NAMES = {distribution: f"onehop-{distribution}" for distribution in JitterDistribution}


@contextmanager
def library(commands: Sequence[Command]) -> Iterator[Path | None]:
    """A directory with the tables that ``commands`` name, for ``TC_LIB_DIR``; ``None`` if they name none."""
    named = {
        distribution
        for distribution, name in NAMES.items()
        if any(f" distribution {name} " in command.text for command in commands)
    }
    if not named:
        yield None
        return
    with TemporaryDirectory(prefix="onehop-tc-") as place:
        for distribution in named:
            Path(place, f"{NAMES[distribution]}.dist").write_text(table(distribution), encoding="ascii")
        yield Path(place)
