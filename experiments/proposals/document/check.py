"""Whether a study makes sense: what it names, its ranges, its candidates, and what can come of it.

Later questions are asked only of what the earlier ones left sound, so that one slip is told once and not in
ten follow-ups; all that can be told at once is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from experiments.proposals.document.candidates import check_candidates
from experiments.proposals.document.parts import BudgetIn, CandidateIn, FigureIn, StudyFile
from experiments.proposals.document.references import check_references
from experiments.proposals.document.resolve import resolve_study
from experiments.proposals.document.sense import check_sense
from experiments.proposals.model import FIGURES, Study
from topology.network import Network
from topology.scenario.findings import Findings
from topology.scenario.node import Node
from topology.scenario.overlay import parts_of
from topology.scenario.parts import Part

P = TypeVar("P", bound=Part)


def checked(root: Node, base_root: Node, base: Network, name: str, findings: Findings) -> Study | None:
    """The study in ``root``, whose shape has been checked, if ``findings`` stays empty.

    ``base_root`` is the tree of its ``base``; ``name`` is how messages call the file.
    """
    check_references(root, base_root, base, findings)
    for figure in _figures(root):
        _check_range(figure, findings)
    years = _whole(root.get("years"))
    candidates = _sound_parts(parts_of(root, "candidates"), CandidateIn)
    check_candidates(candidates, base, years, findings)
    _check_ceilings(root.get("budget"), years, findings)
    if findings:
        return None
    study = resolve_study(StudyFile.model_validate(root.plain()), base, name)
    check_sense(study, root, findings)
    return None if findings else study


def _sound_parts(nodes: Mapping[str, Node], model: type[P]) -> dict[str, tuple[Node, P]]:
    """The parts whose shape is sound; the others have been told."""
    parts = {name: (node, _sound(node, model)) for name, node in nodes.items()}
    return {name: (node, part) for name, (node, part) in parts.items() if part is not None}


def _sound(node: Node | None, model: type[P]) -> P | None:
    try:
        return None if node is None else model.model_validate(node.plain())
    except ValidationError:
        return None


def _whole(node: Node | None) -> int | None:
    return node.value if node is not None and type(node.value) is int and node.value > 0 else None


def _figures(root: Node) -> list[Node]:
    """All figures with a range: those of the study, of its candidates and of its demands."""
    found: list[Node | None] = [node for name, node in parts_of(root, "figures").items() if name in FIGURES]
    for candidate in parts_of(root, "candidates").values():
        found += [candidate.get("build_cny_million"), candidate.get("yearly_cny_million")]
    found += [demand.get("growth_per_year") for demand in parts_of(root, "demands").values()]
    return [node for node in found if node is not None]


def _check_range(node: Node, findings: Findings) -> None:
    figure = _sound(node, FigureIn)
    if figure is None:
        return
    if figure.low is not None and figure.low > figure.value:
        what = f"the range begins at {figure.low:g}, above the value {figure.value:g}"
        findings.add(node.at(["low"]), what, "low is the least it can be")
    if figure.high is not None and figure.high < figure.value:
        what = f"the range ends at {figure.high:g}, below the value {figure.value:g}"
        findings.add(node.at(["high"]), what, "high is the most it can be")


def _check_ceilings(node: Node | None, years: int | None, findings: Findings) -> None:
    budget = _sound(node, BudgetIn)
    if node is None or budget is None or budget.yearly_cny_million is None or years is None:
        return
    if (count := len(budget.yearly_cny_million)) != years:
        what = f"{count} yearly {'ceiling' if count == 1 else 'ceilings'} for {years} years"
        findings.add(node.at(["yearly_cny_million"]), what, "give one for each year, or none")
