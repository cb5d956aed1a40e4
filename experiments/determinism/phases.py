"""The three phases on a lab that is up: idle, loaded, and the same load without reservations."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.determinism.cast import Cast
from experiments.determinism.telling import Outcomes
from experiments.lab import Lab
from experiments.measurement.contract import (
    Adversary,
    AdversaryReport,
    Behaviour,
    ContractFlow,
    send_contracts,
)
from experiments.measurement.contract.flows import SIZES
from experiments.measurement.host_load import HostLoad
from experiments.results.determinism import PHASES, Phase
from experiments.run import Run
from topology.emulation.links import shaping

SPARSE_MS = 20.0
IDLE_PACKETS, MOST_IDLE_PACKETS = 60, 600  # of each flow
BEST_EFFORT_SHARE = 0.25  # of the packets, which suffice to see the difference
_SENDING_SHARE = 0.55  # of the time a greedy flow sends
_PATIENCE = 3.0  # times as long as it should take
_WARM_UP_PACKETS = 10  # of each flow: the first packets find no switch prepared, and count for nothing
_START_S = 1.5  # of the processes of a phase


@dataclass(frozen=True)
class Measured:
    """What the phases brought.

    Attributes:
        dropped: frames that best-effort queues dropped in the loaded phase, by switch-side interface.
        host: of the loaded phase, on which the verdict rests.
    """

    idle: Outcomes
    loaded: Outcomes
    best_effort: Outcomes
    adversary: AdversaryReport
    dropped: Mapping[str, int]
    host: HostLoad


def expected_s(cast: Cast, packets: int) -> float:
    """How long all phases should take."""
    greedy_s = packets / _packets_per_s(cast)
    idle_s = (_WARM_UP_PACKETS + idle_packets(packets)) * SPARSE_MS / 1e3
    return idle_s + (1 + BEST_EFFORT_SHARE) * greedy_s + 4 * _START_S


def idle_packets(packets: int) -> int:
    """How many single packets each flow sends on the idle network."""
    return min(max(packets // 100, IDLE_PACKETS), MOST_IDLE_PACKETS)


def measure(run: Run, lab: Lab, cast: Cast) -> Measured:
    """All phases, one after the other. Raises ``MeasurementError`` as ``send_contracts``."""
    packets, seed = run.depth.packets, run.options.seed
    sparse = cast.flows(lab, Behaviour.SPARSE)
    with tempfile.TemporaryDirectory() as folder:
        _send(run, "warming up", sparse, _WARM_UP_PACKETS * len(sparse), seed, Path(folder) / "warm-up")
    lab.emulated.switches.enlarge_buffers()
    idle = _send(
        run,
        "single packets on the idle network",
        sparse,
        idle_packets(packets) * len(sparse),
        seed,
        _samples(run, "idle"),
    )
    most_s = _PATIENCE * packets / _packets_per_s(cast)
    beside = [*cast.lying(lab), *cast.crowd(lab)]
    loads = cast.loads(lab.layout)
    before = shaping.rest_drops(lab.layout)
    with HostLoad() as host, Adversary(loads, seed=seed) as adversary:
        loaded = _send(
            run,
            f"{packets} packets as greedy as their contracts, {len(loads)} queues flooded",
            [*cast.flows(lab), *beside],
            packets,
            seed,
            _samples(run, "loaded"),
            most_s,
        )
    after = shaping.rest_drops(lab.layout)
    dropped = {name: after[name] - before.get(name, 0) for name in after}
    with Adversary(loads, seed=seed):
        best_effort = _send(
            run,
            "the same without reservations",
            [*cast.unreserved(lab), *cast.crowd(lab)],
            round(BEST_EFFORT_SHARE * packets),
            seed,
            _samples(run, "best-effort"),
            most_s,
        )
    return Measured(idle, loaded, best_effort, adversary.report, dropped, host)


def _samples(run: Run, phase: Phase) -> Path:
    assert phase in PHASES
    return run.folder.path / phase


def _send(
    run: Run,
    what: str,
    flows: Sequence[ContractFlow],
    packets: int,
    seed: int,
    samples: Path,
    most_s: float = 60.0,
) -> Outcomes:
    run.say(what)
    return send_contracts(
        flows, packets=packets, most_s=most_s, seed=seed, samples=samples, sparse_ms=SPARSE_MS
    )


def _packets_per_s(cast: Cast) -> float:
    """Of all honest flows together, on average over the sizes of their frames."""
    frames_per_bit = sum(1 / (8 * size) for size in SIZES) / len(SIZES)
    return _SENDING_SHARE * frames_per_bit * sum(one.rate_bps for one in cast.honest)
