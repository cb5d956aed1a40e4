"""``manifest.json``: what was run, from which input, on which machine, and how it ended."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from experiments.results.calibration import Calibration
from experiments.results.model import SCHEMA_VERSION, ResultModel, Variant
from topology.network import Text

Status = Literal["running", "complete", "interrupted", "refused"]
"""``running`` is also what a killed run leaves behind; ``refused``: measured, but no verdict was given."""


class ScenarioReference(ResultModel):
    """A scenario by name and by content. Digests are SHA-256 in hexadecimal."""

    id: str
    title: Text
    digest: str
    plan_digest: str = ""
    flow_tables_digest: str = ""


class Backend(ResultModel):
    """What carried the packets. ``other``: a realisation that this version does not know.

    ``core``: what carried the frames of ``userspace`` pipes; empty for others, and where it is not known.
    """

    datapath: Literal["kernel", "userspace", "other"]
    pipe: Literal["netem", "userspace", "other"]
    core: Literal["compiled", "python", ""] = ""


class HostLoad(ResultModel):
    """How busy the machine was while one network was measured. Ratios are of all CPU time, 0 to 1."""

    busy_ratio: float | None = None
    steal_ratio: float | None = None
    """Time the hypervisor gave to others."""
    wakeup_p99_ms: float | None = None
    """99th percentile of how late a timer woke up: the noise floor of any delay measured here."""


class HostVerdict(ResultModel):
    """Whether the machine was quiet enough for a verdict, and why."""

    ok: bool
    text: Text


class Host(ResultModel):
    """The machine and the programs of a run. ``versions`` by program: ovs, iperf3, os-ken, mininet, scapy."""

    kernel: str
    python: str
    cpu_model: str
    cpu_count: int
    versions: dict[str, str] = Field(default_factory=dict)
    load: dict[Variant, HostLoad] = Field(default_factory=dict)
    verdict: HostVerdict | None = None


class Manifest(ResultModel):
    """The head of a result folder; written first, updated as the run goes on.

    ``created`` and ``finished`` are UTC in ISO 8601 (``2024-06-01T08:00:00Z``). ``rate_scale``: real rate /
    emulated rate. ``options`` are the options of the command, as given.
    """

    schema_version: int = SCHEMA_VERSION
    experiment: str
    created: str
    finished: str | None = None
    status: Status = "running"
    onehop: str
    seed: int
    scenarios: dict[Variant, ScenarioReference]
    rate_scale: float
    backend: Backend
    host: Host
    calibration: Calibration | None = None
    """What this machine's links can do, as measured before; ``None`` if nothing was known."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
