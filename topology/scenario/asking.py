"""A demand that is asked for outside of a scenario file: the same form, read and checked in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from topology.errors import InputError
from topology.network import Demand, Network, TrafficClass
from topology.scenario.findings import Findings
from topology.scenario.messages import explain
from topology.scenario.node import Node, show
from topology.scenario.parts import DemandIn, Identifier
from topology.scenario.references import check_demand
from topology.scenario.resolve import resolved_demand


class AskedDemand(DemandIn):
    """A demand as asked for while the network runs: that of a scenario file, with its id."""

    id: Identifier
    """What it is called from now on."""
    class_: Annotated[Literal[TrafficClass.RESERVED], Field(alias="class")] = TrafficClass.RESERVED
    """Only reserved traffic is asked for; all other is routed anyway."""
    max_one_way_ms: Annotated[float, Field(gt=0, le=10_000)]
    """The bound on the one-way delay that must be proven."""


def read_demand(data: Mapping[str, Any], network: Network) -> Demand:
    """The demand that ``data`` asks for in ``network``. Raises ``InputError`` with all its mistakes."""
    root = Node.of(data, "demand")
    findings = Findings()
    try:
        asked = AskedDemand.model_validate(data)
    except ValidationError as error:
        explain(error, root, AskedDemand, findings)
        raise InputError.of(findings.problems()) from None
    known = {"sites": network.sites, "services": network.services, "operators": network.operators}
    check_demand(root, known, findings)
    if findings:
        raise InputError.of(findings.problems())
    demand = resolved_demand(asked.id, asked, network)
    if not demand.destination:
        findings.add(root, f"no instance of {show(demand.service)} can be reached from {show(demand.source)}")
    elif demand.destination == demand.source:
        findings.add(root, f"{show(demand.source)} has an instance of {show(demand.service)} itself")
    if findings:
        raise InputError.of(findings.problems())
    return demand
