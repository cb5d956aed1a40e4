"""The drawings of the page on promises: how often a packet took longer, beside the bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.report import style
from experiments.report.style import Language
from experiments.report.words import WORDS
from experiments.results.determinism import Phase

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Mapping[Phase, str] = {"idle": "#8C98A4", "loaded": "#0072B2", "best-effort": "#D55E00"}
"""Colour by phase (Okabe and Ito, 2008; grey for the idle network)."""

BOUND = "#009E73"
_WIDTH = 860.0
_MOST_POINTS = 400


class Tail:
    """Delays of packets, ascending, of so many that were ``sent``; those that never came are beyond all."""

    def __init__(self, delays: Sequence[float], sent: int) -> None:
        self.delays = sorted(delays)
        self.sent = sent

    def steps(self) -> tuple[list[float], list[float]]:
        """Points of the share of packets that took longer, thinned so that the rare ones all remain."""
        count = len(self.delays)
        ranks = sorted({*_ranks(count), *range(max(0, count - 60), count)})
        return [self.delays[rank] for rank in ranks], [(self.sent - rank) / self.sent for rank in ranks]


def shares_of_bound(tails: Mapping[Phase, Tail], language: Language, name: str) -> str:
    """All flows on one axis: delay over the flow's own bound, and how many packets took longer."""
    with style.chart_style():
        figure, axes = style.new_figure(_WIDTH, 330, (70, 34, 24, 48))
        right = max(1.15, min(3.0, 1.05 * max(_last(tails), default=1.0)))
        _draw(axes, tails, right)
        axes.axvline(1.0, color=BOUND, linewidth=2.2, zorder=5)
        axes.set_xlim(0, right)
        _logarithmic(axes, tails)
        _label_bound(axes, 1.0, _word("determinism.chart.bound", language))
        axes.set_xlabel(_word("determinism.chart.share", language), fontsize=11)
        axes.set_title(
            _word("determinism.chart.longer", language), fontsize=11, loc="left", color=style.MUTED, pad=12
        )
        return style.to_svg(figure, name)


def delays_of_flow(
    title: str,
    tails: Mapping[Phase, Tail],
    bound_ms: float,
    tight_ms: float | None,
    language: Language,
    name: str,
) -> str:
    """One flow: its one-way delays in ms, and its bounds."""
    with style.chart_style():
        figure, axes = style.new_figure(268, 190, (42, 30, 14, 40))
        first = min((tail.delays[0] for tail in tails.values() if tail.delays), default=0.0)
        right = max(bound_ms, *_last(tails)) if tails else bound_ms
        width = right - first or 1.0
        axes.axvline(bound_ms, color=BOUND, linewidth=2, zorder=5)
        if tight_ms is not None:
            axes.axvline(tight_ms, color=BOUND, linewidth=1.4, linestyle=(0, (3, 2)), zorder=5)
        axes.set_xlim(first - 0.04 * width, right + 0.06 * width)
        _draw(axes, tails, right + 0.06 * width)
        _logarithmic(axes, tails)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(_word("determinism.chart.delay", language), fontsize=10.5)
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold", x=-0.14, pad=8)
        return style.to_svg(figure, name)


def _draw(axes: Axes, tails: Mapping[Phase, Tail], right: float) -> None:
    for phase, tail in tails.items():
        values, shares = tail.steps()
        never = (tail.sent - len(tail.delays)) / tail.sent
        values, shares = [*values, values[-1] if values else 0.0], [*shares, never]
        if never:  # what never came: the line goes on at this height for ever
            values, shares = [*values, right], [*shares, never]
        axes.plot(
            values,
            [max(share, 1e-9) for share in shares],
            color=COLOURS[phase],
            linewidth=2.0 if phase != "idle" else 1.5,
            drawstyle="steps-post",
            zorder=4 if phase == "loaded" else 3,
        )


def _logarithmic(axes: Axes, tails: Mapping[Phase, Tail]) -> None:
    fewest = min((1 / tail.sent for tail in tails.values() if tail.sent), default=0.01)
    axes.set_yscale("log")
    axes.set_ylim(fewest / 2, 1.4)
    axes.minorticks_off()
    ticks = [10.0**-power for power in range(7) if 10.0**-power >= fewest / 2]
    axes.set_yticks(ticks, [_share(tick) for tick in ticks])
    axes.tick_params(axis="both", labelsize=10.5, labelcolor=style.MUTED)
    axes.grid(color=style.GRID, linewidth=0.8)


def _label_bound(axes: Axes, at: float, text: str) -> None:
    axes.annotate(
        text,
        (at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 6),
        textcoords="offset points",
        ha="center",
        fontsize=11,
        fontweight="bold",
        color=BOUND,
        annotation_clip=False,
    )


def _share(ratio: float) -> str:
    return f"{100 * ratio:g}%"


def _last(tails: Mapping[Phase, Tail]) -> list[float]:
    return [tail.delays[-1] for tail in tails.values() if tail.delays]


def _ranks(count: int) -> list[int]:
    if count <= _MOST_POINTS:
        return list(range(count))
    return [round(i * (count - 1) / (_MOST_POINTS - 1)) for i in range(_MOST_POINTS)]


def _word(key: str, language: Language) -> str:
    return WORDS[key].in_language(language)
