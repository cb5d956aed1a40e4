"""From a reference to a study: read the file and its base, check, resolve."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import ValidationError

from experiments.proposals.document.parts import StudyFile
from experiments.proposals.document.resolve import resolve_study
from experiments.proposals.document.shipped import locate_study
from experiments.proposals.model import Study
from topology.errors import Problem
from topology.scenario.findings import Findings
from topology.scenario.locate import locate
from topology.scenario.messages import explain
from topology.scenario.reading import read_located


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading one study: ``study`` is ``None`` if there are problems."""

    study: Study | None
    problems: list[Problem] = field(default_factory=list)


def read(reference: str) -> Reading:
    """Read a study with its base. Raises ``InputError`` only where a file cannot be read at all."""
    source = locate_study(reference)
    root = source.read()
    findings = Findings()
    try:
        file = StudyFile.model_validate(root.plain())
    except ValidationError as error:
        explain(error, root, StudyFile, findings)
        return Reading(None, findings.problems())
    base = read_located(locate(file.base, source))
    if base.network is None:
        return Reading(None, base.problems)
    return Reading(resolve_study(file, base.network, source.display))
