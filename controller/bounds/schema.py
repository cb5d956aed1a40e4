"""The format of a file for ``onehop bound``; ``docs/bounds.md`` has the tour."""

# ruff: noqa: RUF012 - pydantic copies mutable defaults
from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from controller.bounds.system import Multiplexing
from topology.scenario.parts import Line, Part

Quantity = Any  # read from the text as it stands, so that 0.1 is a tenth: see ``file``


class UnitsIn(Part):
    """Units of numbers that carry none."""

    data: Line = "bit"
    time: Line = "s"


class ServerIn(Part):
    """A queue with its line."""

    rate: Quantity
    """Rate of the service curve."""
    latency: Quantity = 0
    """Its latency."""
    link_rate: Quantity = None
    """Most that it ever puts out, for TFA++; default: unknown."""
    max_packet: Quantity = 0
    """Largest packet that it hands on as a whole; counts with `link_rate`."""


class FlowIn(Part):
    """A flow, as a token bucket."""

    rate: Quantity
    burst: Quantity
    path: Annotated[list[Line], Field(min_length=1)]
    """The servers it crosses, in order."""
    priority: Annotated[int, Field(ge=0, le=63)] = 0
    """0 goes first; counts where `multiplexing` is priority."""
    max_packet: Quantity = 0
    """Its largest packet, for which higher priorities may have to wait."""


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Discipline = Annotated[Multiplexing, Field(strict=False)]
Disciplines = Annotated[
    list[Discipline], Field(min_length=1), BeforeValidator(_one_or_more, json_schema_input_type=Any)
]


class BoundFile(Part):
    """Servers and flows."""

    title: Line = ""
    units: UnitsIn | None = None
    """Without it numbers need units of their own, or none has any."""
    multiplexing: Disciplines = [Multiplexing.FIFO]
    """fifo, arbitrary or priority; a list to compare them."""
    servers: Annotated[dict[str, ServerIn], Field(min_length=1)]
    flows: Annotated[dict[str, FlowIn], Field(min_length=1)]
