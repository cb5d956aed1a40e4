"""What a switch does to a packet, as values: the actions of OpenFlow 1.3 that we use, and no others.

The text form is that of ovs-ofctl(8).
"""

from __future__ import annotations

from dataclasses import dataclass

IN_PORT = 0xFFFFFFF8  # OFPP_IN_PORT: back where the packet came from


@dataclass(frozen=True, slots=True)
class SetField:
    """Overwrite a header field, named as in OXM."""

    name: str
    value: int | str

    def __str__(self) -> str:
        return f"set_field:{self.value}->{self.name}"


@dataclass(frozen=True, slots=True)
class DecrementTtl:
    """Take one from the IP TTL; a packet whose TTL would reach 0 is not forwarded."""

    def __str__(self) -> str:
        return "dec_ttl"


@dataclass(frozen=True, slots=True)
class Output:
    """Send the packet out of a port."""

    port: int

    def __str__(self) -> str:
        return "IN_PORT" if self.port == IN_PORT else f"output:{self.port}"


@dataclass(frozen=True, slots=True)
class ToGroup:
    """Let a group decide where the packet goes."""

    group: int

    def __str__(self) -> str:
        return f"group:{self.group}"


Action = SetField | DecrementTtl | Output | ToGroup
