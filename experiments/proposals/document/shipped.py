"""Which studies come with OneHop, and what a reference to a study means."""

from __future__ import annotations

from pathlib import Path

from topology.errors import InputError
from topology.hints import did_you_mean
from topology.scenario.locate import Located, file_at
from topology.scenario.node import show

FOLDER = Path(__file__).resolve().parent.parent / "studies"
BEGINS = "proposal: 1"


def study_names() -> list[str]:
    """The names of the studies that come with OneHop, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def locate_study(reference: str) -> Located:
    """What ``reference`` means. Raises ``InputError`` if it cannot mean a study.

    Whether a file exists shows when it is read.
    """
    if reference.endswith((".yaml", ".yml")):
        return file_at(Path(reference), reference, BEGINS)
    if reference in study_names():
        return file_at(FOLDER / f"{reference}.yaml", f"{reference}.yaml", BEGINS)
    hint = did_you_mean(reference, study_names(), otherwise="shipped studies")
    if "/" in reference or Path(reference).suffix:
        hint = "a file of candidates ends in .yaml or .yml"
    raise InputError(f"no study has the name {show(reference)}", where="study", hint=hint)
