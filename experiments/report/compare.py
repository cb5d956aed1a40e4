"""Two runs side by side: medians, their difference, and whether it is more than chance.

The confidence interval of the difference of medians is a percentile bootstrap (Efron and Tibshirani, 1993):
both runs' samples are drawn again, with replacement, many times, from a fixed seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text as Styled

from experiments.report.text import number, signed
from experiments.results import VARIANTS, ResultFolder, Summary

RESAMPLES = 2000
CONFIDENCE = 0.99  # strict, since many pairs are compared at once
MAX_SAMPLES = 4000  # of a run that enter the bootstrap; more would change little and cost much
_SEED = 20220217


def compare(a: ResultFolder, b: ResultFolder) -> dict[str, Any]:
    """What is the same and what differs between two runs, as plain data.

    ``pairs`` holds, per pair and network in both runs: the medians in ms, ``difference_ms`` (b minus a), the
    99% interval ``interval_ms`` of that difference and ``differs``, whether the interval leaves out 0. Both
    are ``None`` without raw samples. ``warnings`` says why the runs may not be comparable.
    Raises ``InputError`` if a folder has no summary or is damaged.
    """
    first, second = a.summary, b.summary
    known = {(pair.source, pair.destination): pair for pair in second.pairs}
    rows = []
    for variant in VARIANTS:
        samples_a, samples_b = a.round_trips(variant, "idle"), b.round_trips(variant, "idle")
        for pair in first.pairs:
            key = (pair.source, pair.destination)
            if key not in known:
                continue
            median_a = pair.on(variant).rtt_ms.median
            median_b = known[key].on(variant).rtt_ms.median
            interval = median_difference(_arrived(samples_a.get(key, ())), _arrived(samples_b.get(key, ())))
            rows.append(
                {
                    "source": pair.source,
                    "destination": pair.destination,
                    "network": variant,
                    "a_median_ms": median_a,
                    "b_median_ms": median_b,
                    "difference_ms": None
                    if median_a is None or median_b is None
                    else round(median_b - median_a, 6),
                    "interval_ms": interval,
                    "differs": None if interval is None else not interval[0] <= 0 <= interval[1],
                }
            )
    return {
        "a": _about(a, first),
        "b": _about(b, second),
        "warnings": _warnings(a, b, first, second),
        "confidence": CONFIDENCE,
        "pairs": rows,
    }


def median_difference(a_ms: Sequence[float], b_ms: Sequence[float]) -> tuple[float, float] | None:
    """Bootstrap interval of median(b) - median(a); ``None`` if either has fewer than two samples."""
    if len(a_ms) < 2 or len(b_ms) < 2:
        return None
    random = np.random.default_rng(_SEED)
    differences = _medians(b_ms, random) - _medians(a_ms, random)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return round(float(low), 6), round(float(high), 6)


def _medians(
    values_ms: Sequence[float], random: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.float64]]:
    values = np.asarray(values_ms, dtype=np.float64)
    if len(values) > MAX_SAMPLES:
        values = random.choice(values, MAX_SAMPLES, replace=False)
    drawn = values[random.integers(0, len(values), (RESAMPLES, len(values)))]
    return np.asarray(np.median(drawn, axis=1))


def _arrived(rtts: Sequence[float | None]) -> list[float]:
    return [rtt for rtt in rtts if rtt is not None]


def _about(folder: ResultFolder, summary: Summary) -> dict[str, Any]:
    manifest = folder.manifest
    return {
        "folder": str(folder.path),
        "created": manifest.created,
        "scenarios": {variant: reference.id for variant, reference in summary.scenarios.items()},
        "backend": f"{summary.backend.datapath}/{summary.backend.pipe}",
        "rate_scale": summary.rate_scale,
        "verdict": summary.verdict.text.en,
    }


def _warnings(a: ResultFolder, b: ResultFolder, first: Summary, second: Summary) -> list[str]:
    """Why a difference may not come from the networks."""
    found = []
    for variant in VARIANTS:
        one, other = first.scenarios.get(variant), second.scenarios.get(variant)
        if one is None or other is None or one.digest != other.digest:
            names = " and ".join(reference.id if reference else "none" for reference in (one, other))
            found.append(f"the {variant} scenarios differ ({names})")
    if first.backend != second.backend:
        names = " and ".join(f"{s.backend.datapath}/{s.backend.pipe}" for s in (first, second))
        found.append(f"the backends differ ({names})")
    if first.rate_scale != second.rate_scale:
        found.append(f"the rate scales differ (1:{first.rate_scale:g} and 1:{second.rate_scale:g})")
    if (first.host.cpu_model, first.host.cpu_count) != (second.host.cpu_model, second.host.cpu_count):
        found.append("the machines differ")
    for name, folder, summary in (("a", a, first), ("b", b, second)):
        if folder.manifest.status != "complete":
            found.append(f"run {name} is {folder.manifest.status}")
        if not summary.verdict.ok:
            found.append(f"run {name} gives no verdict")
    common = {(p.source, p.destination) for p in first.pairs} & {
        (p.source, p.destination) for p in second.pairs
    }
    left_out = len(first.pairs) + len(second.pairs) - 2 * len(common)
    if left_out:
        found.append(f"{left_out} pairs are in one of the runs only")
    return found


def comparison_table(comparison: dict[str, Any]) -> Group:
    """What ``compare`` found, for the terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("pair")
    for title in ("network", "a, ms", "b, ms", "b - a, ms", f"{CONFIDENCE:.0%} interval", "differs"):
        table.add_column(title, justify="left" if title in ("network", "differs") else "right")
    for row in comparison["pairs"]:
        interval = row["interval_ms"]
        table.add_row(
            Styled(f"{row['source']} - {row['destination']}"),
            row["network"],
            number(row["a_median_ms"], 3),
            number(row["b_median_ms"], 3),
            signed(row["difference_ms"], 3),
            f"{signed(interval[0], 3)} to {signed(interval[1], 3)}" if interval else "",
            {True: "yes", False: "no", None: ""}[row["differs"]],
        )
    lines = [Styled(f"{name}: {comparison[name]['folder']} ({comparison[name]['created']})") for name in "ab"]
    lines += [Styled(f"note: {warning}", style="yellow") for warning in comparison["warnings"]]
    return Group(*lines, Styled("round trips on the idle network, medians", style="bold"), table)
