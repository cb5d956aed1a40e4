"""A file of machines as written, with units in its names; version 1 of the format.

Rules beyond the shapes, which ``check`` holds: names exist, no two machines have one address, at most one is
the machine the program runs on, and what a tunnel adds to a frame fits the network between them.
"""

# ruff: noqa: RUF012 - pydantic copies mutable defaults
from __future__ import annotations

import ipaddress
import shlex
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from topology.emulation.layout import MAX_SITES
from topology.placement.capacity import BALANCE
from topology.placement.model import DEFAULT_MTU_BYTES, FIRST_VNI, MAX_VNI, VXLAN_PORT
from topology.scenario.parts import Identifier, Line, Milliseconds, Part

SCHEMA_ID = "urn:onehop:placement:1"


def _ipv4(text: str) -> str:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise PydanticCustomError("ipv4", "an IPv4 address, such as 192.0.2.10") from None
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved:
        raise PydanticCustomError("ipv4_reachable", "an IPv4 address that other machines can reach")
    return str(address)


def _words(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError:
        raise PydanticCustomError("command", "a command; a quotation mark is not closed") from None


IPv4 = Annotated[str, AfterValidator(_ipv4)]
CommandWords = Annotated[
    list[Line], BeforeValidator(_words, json_schema_input_type=str | list[Line]), Field(max_length=64)
]


class MachineIn(Part):
    """A machine that carries a part of the network."""

    address: IPv4
    """IPv4 address at which the other machines reach it; tunnels begin and end there."""
    reach: CommandWords | None = None
    """Command that runs another there, as a text or a list of words; `[]`: the machine the program runs on.
    Default: `ssh -o BatchMode=yes` and its address."""
    program: Annotated[CommandWords, Field(min_length=1)] = ["onehop"]
    """Command that is `onehop` there, such as `sudo -n /opt/onehop/onehop`."""
    sites: Annotated[int, Field(ge=1, le=MAX_SITES)] | None = None
    """Most sites it shall carry. Default: no limit but its share."""
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Its share of all sites is this over the sum of all weights."""
    mtu_bytes: Annotated[int, Field(ge=68, le=65535)] = DEFAULT_MTU_BYTES
    """Largest IP packet that the network between the machines carries from and to it."""


class UnderlayIn(Part):
    """What the network between two machines does, in each direction."""

    between: Annotated[list[Identifier], Field(min_length=2, max_length=2)] | None = None
    """The two machines. Default: every two that no other entry names."""
    one_way_ms: Milliseconds
    """One-way delay; half a round trip where no better is known."""
    rate_mbps: Annotated[float, Field(gt=0, le=1e7)] | None = None
    """What it carries. Default: not known."""


class FleetFile(Part):
    """The machines that carry a network together."""

    placement: Literal[1]
    """Version of this format."""
    machines: Annotated[dict[Identifier, MachineIn], Field(min_length=1, max_length=64)]
    controller: Identifier | None = None
    """The machine that carries the controller. Default: the one the program runs on, else the first."""
    pins: dict[Identifier, Identifier] = {}
    """The machine of a site that must lie on a certain one."""
    underlay: Annotated[list[UnderlayIn], Field(max_length=4000)] = []
    """What is known of the network between them."""
    balance: Annotated[float, Field(ge=0, le=100)] = BALANCE
    """Room beyond a machine's share of the sites; 0.1: a tenth more. More room, fewer crossing links."""
    fragments: bool = False
    """Whether tunnels may cut frames in two that the network between the machines has no room for."""
    vxlan_port: Annotated[int, Field(ge=1, le=65535)] = VXLAN_PORT
    """UDP port of the tunnels."""
    first_vni: Annotated[int, Field(ge=1, le=MAX_VNI)] = FIRST_VNI
    """The VXLAN network identifier of a link is this plus its number in the scenario."""


def json_schema() -> dict[str, Any]:
    """The format as a JSON Schema (draft 2020-12) for editors."""
    references, definitions = models_json_schema([(FleetFile, "validation")], by_alias=True)
    for definition in definitions["$defs"].values():
        for field in definition.get("properties", {}).values():
            if "patternProperties" in field:  # a mapping of ids: other keys are no ids
                field["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "OneHop machines",
        **references[FleetFile, "validation"],
        "$defs": definitions["$defs"],
    }
