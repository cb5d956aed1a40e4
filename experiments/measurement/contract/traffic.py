"""Contract flows over a network that is up: sender and receiver, a process each, and their files.

The files are JSON lines, written while the packets go: a header, then a packet a line.

``*.sent.jsonl``: ``[flow, number, left, bytes, kernel]``: when the packet left its host in ns of
CLOCK_REALTIME, size of its Ethernet frame, and whether the kernel took the time (1) or the program (0).
``*.received.jsonl``: ``[flow, number, arrived, dscp]``, in the order in which packets of a flow arrived.
A line that was cut short, because the run was killed, counts for nothing.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.measurement.contract.flows import ContractFlow
from experiments.measurement.contract.outcome import FORMATS, VERSION, FlowOutcome, outcomes
from experiments.measurement.timestamps import realtime_offset_ns
from experiments.measurement.worker import Worker
from topology.errors import InputError, MeasurementError

Progress = Callable[[int], None]
MOST_FLOWS = 200
_DRAIN_S = 0.5  # how long a packet may be under way after the last was sent
_MAX_CLOCK_STEP_NS = 100_000


def send_contracts(
    flows: Sequence[ContractFlow],
    *,
    packets: int,
    most_s: float,
    seed: int,
    samples: Path,
    sparse_ms: float = 20.0,
    progress: Progress = lambda _sent: None,
) -> dict[str, FlowOutcome]:
    """Send until counted flows have sent ``packets`` together, or ``most_s`` are over; outcomes by flow id.

    ``samples``: path of the two files without their endings. ``sparse_ms``: between packets of sparse flows.

    Raises ``InputError`` for flows that make no sense, ``MeasurementError`` when a host cannot be used, or if
    the machine's clock was set meanwhile.
    """
    if not flows or len(flows) > MOST_FLOWS or len({flow.id for flow in flows}) != len(flows):
        raise InputError(f"contract traffic needs 1 to {MOST_FLOWS} flows, each with an id of its own")
    if any(flow.rate_bps <= 0 or flow.burst_bits <= 0 for flow in flows):
        raise InputError("every flow needs a positive rate and burst", where="contract traffic")
    files = {kind: samples.with_name(f"{samples.name}.{kind}.jsonl") for kind in FORMATS}
    settings = {"flows": [flow.to_dict() for flow in flows], "seed": seed, "packets": packets}
    for kind, path in files.items():
        header = {"format": FORMATS[kind], "version": VERSION, "time_unit": "ns", **settings}
        path.write_text(json.dumps(header, separators=(",", ":")) + "\n", encoding="utf-8")
    receiving = {"flows": settings["flows"], "file": str(files["received"])}
    sending = {
        **settings,
        "file": str(files["sent"]),
        "most_s": most_s,
        "sparse_ns": round(sparse_ms * 1e6),
    }
    offset_ns = realtime_offset_ns()
    with Worker("experiments.measurement.contract.contractsink", receiving):
        with Worker("experiments.measurement.contract.contractsender", sending) as sender:
            _hear(sender, progress)
        time.sleep(_DRAIN_S)
    if abs(realtime_offset_ns() - offset_ns) > _MAX_CLOCK_STEP_NS:
        raise MeasurementError(
            "the machine's clock was set while delays were measured",
            hint="measure again; if it recurs, stop the service that steps the clock",
        )
    return outcomes(files["sent"], files["received"])


def _hear(sender: Worker, progress: Progress) -> None:
    """Listen to the sender until it is done. Raises ``MeasurementError`` if it ends before."""
    received = b""
    while True:
        try:
            data = sender.channel.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            raise MeasurementError(f"the contract traffic ended early: {sender.last_words()}")
        *lines, received = (received + data).split(b"\n")
        for line in lines:
            told: dict[str, Any] = json.loads(line)
            if "done" in told:
                sender.channel.shutdown(socket.SHUT_WR)
                return
            progress(told["sent"])
