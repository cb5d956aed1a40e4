"""The few figures that matter most, worked out from a summary."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.report.text import fill, number, percent
from experiments.results import VARIANTS, Pair, Summary
from experiments.results.verdict import saving_share
from topology.network import Text


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A figure in large type, what it is, and one line of context."""

    value: str
    unit: Text | None
    label: Text
    note: Text


def key_figures(summary: Summary) -> list[KeyFigure]:
    """What a reader in a hurry should take home; empty if nothing can be relied on."""
    if not summary.verdict.ok:
        return []
    pairs = summary.pairs
    saved = [(saving, pair) for pair in pairs if (saving := pair.saving_ms) is not None]
    if not saved:
        return []
    milliseconds = fill("unit.ms")
    median = statistics.median(saving for saving, _ in saved)
    before = statistics.median(pair.base.rtt_ms.median or 0.0 for _, pair in saved)
    best, best_pair = max(saved, key=lambda item: item[0])
    figures = [
        KeyFigure(
            number(median),
            milliseconds,
            fill("key.saving"),
            fill("key.saving.note", share=percent(median / before if before else None), count=len(saved)),
        ),
        KeyFigure(
            number(best),
            milliseconds,
            fill("key.best"),
            fill(
                "key.best.note",
                name=best_pair.destination_name,
                before=number(best_pair.base.rtt_ms.median),
                after=number(best_pair.proposal.rtt_ms.median),
            ),
        ),
        _hops(pairs),
        _within_circle(pairs),
    ]
    for variant in summary.model_variants:
        share = saving_share(pairs, variant)
        if share is not None:
            note = fill("key.variant.note", title=variant.title)
            figures.append(KeyFigure(percent(share), None, fill("key.variant"), note))
    figures.append(_stretch(pairs))
    return figures[:6]


def _hops(pairs: Sequence[Pair]) -> KeyFigure:
    before, after = (statistics.median(pair.on(variant).hops for pair in pairs) for variant in VARIANTS)
    proven = sum(pair.base.path_proven and pair.proposal.path_proven for pair in pairs)
    note = (
        fill("key.hops.proven")
        if proven == len(pairs)
        else fill("key.hops.unproven", count=proven, all=len(pairs))
    )
    return KeyFigure(f"{before:g} → {after:g}", None, fill("key.hops"), note)


def _within_circle(pairs: Sequence[Pair]) -> KeyFigure:
    before, after = (sum(p.on(v).targets.circle_ms is not None for p in pairs) for v in VARIANTS)
    note = fill("key.circle.note", count=len(pairs))
    return KeyFigure(f"{before} → {after}", None, fill("key.circle"), note)


def _stretch(pairs: Sequence[Pair]) -> KeyFigure:
    medians = []
    for variant in VARIANTS:
        values = [stretch for pair in pairs if (stretch := pair.on(variant).stretch) is not None]
        medians.append(number(statistics.median(values)) if values else "–")
    return KeyFigure(" → ".join(medians), None, fill("key.stretch"), fill("key.stretch.note"))


def saving_by_cause(pairs: Sequence[Pair]) -> list[tuple[str, float]]:
    """Mean one-way saving in ms by cause, as predicted; negative where the proposal costs."""
    if not pairs:
        return []
    found = []
    for cause in ("propagation", "transit", "handover", "queueing"):
        field = f"{cause}_ms"
        savings = [getattr(p.base.predicted, field) - getattr(p.proposal.predicted, field) for p in pairs]
        found.append((cause, statistics.fmean(savings)))
    return found
