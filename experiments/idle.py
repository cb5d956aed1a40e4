"""Delay on the idle network. A pair off the model is measured again, by itself and for longer.

A busy machine disturbs some pairs and not others; links outside tolerance are read back again for the same
reason (``topology.emulation.readback``). The last attempt counts, whatever it says, and the result tells how
many there were; the samples of all of them are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.measurement.endpoint import Endpoint
from experiments.measurement.latency import measure_latency
from experiments.measurement.samples import LatencyResult, Pair
from experiments.results import within_tolerance

MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class IdleDelay:
    """The delay of one pair: its last measurement, and which attempt that was, from 1."""

    result: LatencyResult
    attempt: int


def measure_idle(
    pairs: Sequence[tuple[Endpoint, Endpoint]],
    predicted_rtt_ms: Mapping[Pair, float],
    *,
    samples: int,
    interval_ms: float,
    dscp: int,
    seed: int,
    samples_path: Callable[[int], Path],
    say: Callable[[str], None],
) -> dict[Pair, IdleDelay]:
    """Measure all ``pairs`` at once, then those off the model again, each attempt with twice the samples.

    The interval of a pair stays what it is, so fewer pairs make a quieter network. ``samples_path`` says
    where the raw samples of an attempt go. Raises what ``measure_latency`` does.
    """
    found: dict[Pair, IdleDelay] = {}
    wanted = list(pairs)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        if attempt > 1:
            say(f"measuring again, off the model: {', '.join(end.site for _, end in wanted)}")
        measured = measure_latency(
            wanted,
            samples=samples * 2 ** (attempt - 1),
            interval_ms=interval_ms,
            dscp=dscp,
            seed=seed,
            samples_file=samples_path(attempt),
        )
        found |= {pair: IdleDelay(result, attempt) for pair, result in measured.items()}
        off = {pair for pair, result in measured.items() if _is_off(result, predicted_rtt_ms[pair])}
        wanted = [(a, b) for a, b in wanted if (a.site, b.site) in off]
        if not wanted:
            break
    return found


def _is_off(result: LatencyResult, predicted_rtt_ms: float) -> bool:
    """Whether there is a median, and it disagrees. Where nothing came back, nothing would the next time."""
    return result.rtt_ms is not None and not within_tolerance(result.rtt_ms.median, predicted_rtt_ms)
