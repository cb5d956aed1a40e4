"""From a reference to a network: read, apply overlays one on the other, check, resolve."""

from __future__ import annotations

from dataclasses import dataclass, field

from topology.errors import InputError, Problem
from topology.network import Network
from topology.scenario.check import check_shape, checked
from topology.scenario.findings import Findings
from topology.scenario.locate import Located, locate
from topology.scenario.node import Node
from topology.scenario.overlay import apply
from topology.scenario.schema import OverlayFile

MAX_OVERLAYS = 20  # on top of each other


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading one scenario.

    Attributes:
        root: the complete tree, overlays applied.
        network: the resolved network, or ``None`` if there are problems.
        base: what an overlay stands on, or ``None``.
    """

    root: Node
    network: Network | None
    base: Reading | None = None
    problems: list[Problem] = field(default_factory=list)


def read(reference: str) -> Reading:
    """Read a scenario with its bases. Raises ``InputError`` only where a file cannot be read at all."""
    return read_located(locate(reference))


def read_located(source: Located) -> Reading:
    """The same for a scenario that has been located."""
    return _read(source, ())


def read_named(node: Node, beside: Located, findings: Findings) -> Reading | None:
    """The scenario that ``node`` of the file ``beside`` names; ``None`` if it names none.

    Why it names none is told in ``findings``, except where ``node`` is no text at all: that the schema tells.
    """
    if (reference := node.text()) is None:
        return None
    try:
        return read_located(locate(reference.strip(), beside))
    except InputError as error:
        findings.add(node, error.problems[0].what, error.problems[0].hint)
        return None


def _read(source: Located, above: tuple[Located, ...]) -> Reading:
    root = source.read()
    findings = Findings()
    if root.get("base") is None:
        network = checked(root, "", findings)
        return Reading(root, network, problems=findings.problems())
    check_shape(root, OverlayFile, findings)
    base = _base(source, root, (*above, source), findings)
    if base is None or base.network is None:
        problems = [*findings.problems(), *(base.problems if base is not None else [])]
        return Reading(root, None, base, problems)
    merged = apply(base.root, root, findings)
    network = checked(merged, base.network.id, findings)
    return Reading(merged, network, base, findings.problems())


def _base(source: Located, root: Node, chain: tuple[Located, ...], findings: Findings) -> Reading | None:
    """The base of an overlay; ``None``, with the reason in ``findings``, if there is none to be had."""
    node = root.at(["base"])
    if (reference := node.text()) is None:
        return None
    try:
        base = locate(reference.strip(), source)
    except InputError as error:
        findings.add(node, error.problems[0].what, error.problems[0].hint)
        return None
    if base.identity in [overlay.identity for overlay in chain]:
        loop = " -> ".join(link.display for link in (*chain, base))
        findings.add(
            node, f"the overlays form a loop: {loop}", "let one of them stand on a complete scenario"
        )
        return None
    if len(chain) > MAX_OVERLAYS:
        findings.add(node, f"more than {MAX_OVERLAYS} overlays stand on each other", "merge some of them")
        return None
    try:
        return _read(base, chain)
    except InputError as error:
        first = error.problems[0]
        if first.where == base.display:  # the file as a whole: this overlay named the wrong one
            findings.add(node, f"{first.where}: {first.what}", first.hint)
            return None
        return Reading(root, None, problems=list(error.problems))
