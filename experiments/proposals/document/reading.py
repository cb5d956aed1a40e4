"""From a reference to a study: read the file and its base, check, resolve."""

from __future__ import annotations

from dataclasses import dataclass, field

from experiments.proposals.document.check import checked
from experiments.proposals.document.parts import StudyFile
from experiments.proposals.document.shipped import locate_study
from experiments.proposals.model import Study
from topology.errors import Problem
from topology.scenario.check import check_shape
from topology.scenario.findings import Findings
from topology.scenario.reading import read_named


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
    if root.get("proposal") is None and (version := root.get("onehop")) is not None:
        hint = "a study begins with 'proposal: 1' and names a scenario as its 'base' (docs/proposals.md)"
        findings.add(version, "this is a scenario; expected a study of candidates", hint)
        return Reading(None, findings.problems())
    check_shape(root, StudyFile, findings)
    base = read_named(root.at(["base"]), source, findings)
    if base is None or base.network is None:
        return Reading(None, [*findings.problems(), *(base.problems if base is not None else [])])
    study = checked(root, base.root, base.network, source.display, findings)
    return Reading(study, findings.problems())
