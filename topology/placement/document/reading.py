"""From a file to a fleet: read, check, resolve."""

from __future__ import annotations

from pathlib import Path

from topology.emulation.layout import Layout
from topology.errors import InputError
from topology.placement.document.check import check_sense
from topology.placement.document.resolve import resolved
from topology.placement.document.schema import FleetFile
from topology.placement.fleet import Fleet
from topology.scenario.check import check_shape
from topology.scenario.findings import Findings
from topology.scenario.locate import file_at

BEGINS = "placement: 1"


def load_fleet(file: str, layout: Layout) -> Fleet:
    """The machines that the YAML ``file`` states, for ``layout``. Raises ``InputError`` with all problems."""
    root = file_at(Path(file), file, BEGINS).read()
    findings = Findings()
    other = next((root.at([key]) for key in ("onehop", "proposal") if root.get(key) is not None), None)
    if root.get("placement") is None and other is not None:
        hint = f"a file of machines begins with '{BEGINS}' (docs/machines.md)"
        findings.add(other, "this is another kind of file; expected machines", hint)
        raise InputError.of(findings.problems())
    check_shape(root, FleetFile, findings)
    check_sense(root, layout, findings)
    if findings:
        raise InputError.of(findings.problems())
    return resolved(FleetFile.model_validate(root.plain()))
