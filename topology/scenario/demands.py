"""A file of demands on a scenario: who asks for what, apart from what the network is.

```
scenario: qingyang-deterministic      # a name, a file relative to this one, or topohub:NAME
demands:
  hpc: {from: beijing, to: qingyang, rate_gbps: 10, class: reserved, max_one_way_ms: 30,
    assumption: an example}
```

They take the place of the scenario's own demands, are written as there and checked as there.
"""

# ruff: noqa: RUF012 - pydantic copies mutable defaults
from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from topology.errors import InputError
from topology.network import Network
from topology.scenario.check import check_shape, checked
from topology.scenario.findings import Findings
from topology.scenario.locate import Located, locate
from topology.scenario.node import Node
from topology.scenario.parts import DemandIn, Identifier, Line, Part, SourceIn
from topology.scenario.reading import read_located, read_named


class DemandsFile(Part):
    """Demands on a scenario."""

    onehop: Literal[1] = 1
    """Version of this format."""
    scenario: Line
    """A shipped scenario's name, a file relative to this one, or topohub:NAME."""
    sources: dict[Identifier, SourceIn] = {}
    """Sources besides those of the scenario."""
    demands: Annotated[dict[Identifier, DemandIn], Field(min_length=1)]
    """In the order in which they ask."""


def load_with_demands(reference: str) -> Network:
    """The network of a scenario, or that of a demands file with the demands of the file.

    Raises ``InputError`` with all problems of the file and, if it is at fault, of the scenario.
    """
    source = locate(reference)
    root = source.read()
    if not _is_of_demands(root):
        return _whole(source)
    findings = Findings()
    check_shape(root, DemandsFile, findings)
    merged = _on_scenario(source, root, findings)
    network = None if merged is None else checked(*merged, findings)
    if network is None or findings:
        raise InputError.of(findings.problems())
    return network


def _is_of_demands(root: Node) -> bool:
    keys = root.entries()
    return "scenario" in keys or ("demands" in keys and "sites" not in keys and "base" not in keys)


def _whole(source: Located) -> Network:
    reading = read_located(source)
    if reading.network is None:
        raise InputError.of(reading.problems)
    return reading.network


def _on_scenario(source: Located, root: Node, findings: Findings) -> tuple[Node, str] | None:
    """The scenario's tree with the file's demands, and its base; ``None`` if there is no such scenario."""
    reading = read_named(root.at(["scenario"]), source, findings)
    if reading is None:
        return None
    if reading.network is None:
        raise InputError.of([*findings.problems(), *reading.problems])
    entries = {**reading.root.entries(), "demands": root.get("demands") or root.with_value({})}
    if (stated := root.get("sources")) is not None:
        known = entries["sources"].entries() if "sources" in entries else {}
        entries["sources"] = stated.with_value({**stated.entries(), **known})
    return reading.root.with_value(entries), reading.network.base
