"""Files of candidates: what is asked. ``parts`` has the format; ``docs/proposals-data.md`` the shipped ones.

A reference is the name of a shipped study (``qingyang-candidates``) or the path of a ``.yaml`` file.
"""

from __future__ import annotations

from experiments.proposals.document.parts import json_schema
from experiments.proposals.document.reading import read
from experiments.proposals.document.shipped import study_names
from experiments.proposals.model import Study
from topology.errors import InputError, Problem

__all__ = ["check_study", "json_schema", "load_study", "study_names"]


def load_study(reference: str) -> Study:
    """The study of a file or of a shipped name. Raises ``InputError`` with all its problems."""
    reading = read(reference)
    if reading.study is None:
        raise InputError.of(reading.problems)
    return reading.study


def check_study(reference: str) -> list[Problem]:
    """Every problem of a study; empty if it is sound. Never raises for bad input."""
    try:
        return read(reference).problems
    except InputError as error:
        return list(error.problems)
