"""What an analysis says: figures, each with the theorem behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from controller.bounds.system import Multiplexing, System


class Method(StrEnum):
    """How the bounds of single servers are put together."""

    TFA = "tfa"  # total flow analysis: the sum of the delays of the servers, each for all its flows
    TFA_SHAPED = "tfa++"  # the same, knowing that links bring packets one after the other
    SFA = "sfa"  # separated flow analysis: what each flow is left at each server, put in a row


@dataclass(frozen=True, slots=True)
class Figure:
    """A bound.

    Attributes:
        value: in the units of the input; ``None``: there is no bound, and ``theorem`` says why.
        theorem: what proves it, with its source.
    """

    value: Fraction | None
    theorem: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready: the exact fraction as text, and the nearest decimal."""
        if self.value is None:
            return {"exact": None, "decimal": None, "theorem": self.theorem}
        return {"exact": str(self.value), "decimal": float(self.value), "theorem": self.theorem}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on a flow from end to end, or on all flows in a server.

    Attributes:
        backlog: most data at once; ``None``: the method does not bound it.
    """

    delay: Figure
    backlog: Figure | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        backlog = {} if self.backlog is None else {"backlog": self.backlog.to_dict()}
        return {"delay": self.delay.to_dict(), **backlog}


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method says.

    Attributes:
        flows, servers: bounds by id; servers are empty for SFA, which looks at flows.
        exact: no cycle, or its fixed point is known exactly; else the figures are proven bounds on it.
        cycles: servers that feed each other in a circle.
        refused: why the method has no answer; empty if it has one.
    """

    multiplexing: Multiplexing
    method: Method
    flows: Mapping[str, Bounds] = field(default_factory=dict)
    servers: Mapping[str, Bounds] = field(default_factory=dict)
    exact: bool = True
    cycles: tuple[tuple[str, ...], ...] = ()
    refused: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return {
            "multiplexing": str(self.multiplexing),
            "method": str(self.method),
            "refused": self.refused,
            "fixed_point": {"cycles": [list(cycle) for cycle in self.cycles], "exact": self.exact},
            "flows": {name: bounds.to_dict() for name, bounds in self.flows.items()},
            "servers": {name: bounds.to_dict() for name, bounds in self.servers.items()},
        }


@dataclass(frozen=True, slots=True)
class Analysis:
    """What all methods say about a system."""

    system: System
    results: tuple[MethodResult, ...]

    def result(self, multiplexing: Multiplexing, method: Method) -> MethodResult:
        """One of the results. Raises ``KeyError`` if it was not asked for."""
        for result in self.results:
            if (result.multiplexing, result.method) == (multiplexing, method):
                return result
        raise KeyError((multiplexing, method))

    def best_delay(self, flow: str, multiplexing: Multiplexing) -> Fraction | None:
        """The smallest delay bound of a flow; as each holds, so does it. ``None`` if there is none."""
        values = [
            result.flows[flow].delay.value
            for result in self.results
            if result.multiplexing is multiplexing and flow in result.flows
        ]
        return min((value for value in values if value is not None), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, JSON-ready."""
        return {"results": [result.to_dict() for result in self.results]}
