"""What became of contract flows, from their two files alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.measurement.contract.bucket import Conformance, conformance
from experiments.measurement.contract.flows import ContractFlow
from topology.errors import InputError

FORMATS = {"sent": "onehop-contract-sent", "received": "onehop-contract-received"}
VERSION = 1


@dataclass(slots=True)
class FlowOutcome:
    """One flow's packets.

    Attributes:
        sent, lost: packets; lost is what had not come when the receiver stopped.
        duplicated, reordered: came more than once; came after a later one (RFC 4737).
        departures: time in ns and size in bytes of each packet sent, in order of time.
        delays_ns: one-way delay of each that came, the first copy of it, in the order of sending.
        conformance: what was sent, against the flow's token bucket.
        received_bits: of Ethernet frames, without duplicates.
        seconds: from the first packet sent to the last.
        dscp: marks seen at the destination, ascending.
        user_stamps: packets whose time of leaving the kernel did not tell.
    """

    flow: ContractFlow
    sent: int
    lost: int
    duplicated: int
    reordered: int
    departures: list[tuple[int, int]]
    delays_ns: list[int]
    conformance: Conformance
    received_bits: int
    seconds: float
    dscp: tuple[int, ...]
    user_stamps: int


@dataclass(slots=True)
class _Gathered:
    left_ns: dict[int, tuple[int, int]] = field(default_factory=dict)  # time and size by number
    arrived_ns: dict[int, int] = field(default_factory=dict)
    duplicated: int = 0
    reordered: int = 0
    highest: int = -1
    user_stamps: int = 0
    dscp: set[int] = field(default_factory=set)


def outcomes(sent: Path, received: Path) -> dict[str, FlowOutcome]:
    """By flow id, in the order of the flows. Raises ``InputError`` for files that are none of ours."""
    flows, lines = _read(sent, "sent")
    _same_flows, arrivals = _read(received, "received")
    gathered = [_Gathered() for _ in flows]
    for flow, number, at_ns, size, kernel in lines:
        gathered[flow].left_ns[number] = (at_ns, size)
        gathered[flow].user_stamps += not kernel
    for flow, number, at_ns, dscp in arrivals:
        one = gathered[flow]
        one.dscp.add(dscp)
        if number in one.arrived_ns:
            one.duplicated += 1
            continue
        one.arrived_ns[number] = at_ns
        one.reordered += number < one.highest
        one.highest = max(one.highest, number)
    return {flow.id: _outcome(flow, one) for flow, one in zip(flows, gathered, strict=True)}


def _outcome(flow: ContractFlow, one: _Gathered) -> FlowOutcome:
    in_order = sorted(one.left_ns.values())
    came = [number for number in sorted(one.left_ns) if number in one.arrived_ns]
    return FlowOutcome(
        flow=flow,
        sent=len(one.left_ns),
        lost=len(one.left_ns) - len(came),
        duplicated=one.duplicated,
        reordered=one.reordered,
        departures=in_order,
        delays_ns=[one.arrived_ns[number] - one.left_ns[number][0] for number in came],
        conformance=conformance(in_order, flow.rate_bps, flow.burst_bits),
        received_bits=sum(8 * one.left_ns[number][1] for number in came),
        seconds=(in_order[-1][0] - in_order[0][0]) / 1e9 if in_order else 0.0,
        dscp=tuple(sorted(one.dscp)),
        user_stamps=one.user_stamps,
    )


def _read(path: Path, kind: str) -> tuple[list[ContractFlow], Iterator[list[int]]]:
    try:
        text = path.read_text(encoding="utf-8")
        first, *lines = text.split("\n")[:-1]  # what follows the last newline is empty, or was cut short
        header: dict[str, Any] = json.loads(first)
        if header["format"] != FORMATS[kind] or header["version"] != VERSION:
            raise ValueError
        flows = [ContractFlow.from_dict(fields) for fields in header["flows"]]
        numbers = json.loads(f"[{','.join(lines)}]")
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"is no file of {kind} contract packets of version {VERSION}",
            where=str(path),
            hint="the file is damaged; repeat the run",
        ) from None
    return flows, iter(numbers)
