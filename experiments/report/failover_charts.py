"""The drawings of the page on faults: the order of events by kind, and one cut packet by packet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.failover.kinds import Kind
from experiments.failover.record import Packet, Recorded
from experiments.failover.summary import KindResult, Spread
from experiments.report import style
from experiments.report.style import Language
from experiments.report.words import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EVENTS: Mapping[str, str] = {
    "detected_ms": "#E69F00",
    "switched_ms": "#009E73",
    "first_ms": "#0072B2",
    "barrier_ms": "#CC79A7",
}
"""Colour by event, in the order in which they are drawn on a row (Okabe and Ito, 2008)."""

_LOST, _ROUND = "#D55E00", "#0072B2"
_WIDTH = 860.0


def order_of_events(kinds: Sequence[KindResult], language: Language, name: str) -> str:
    """A row per kind: how long packets were lost, and when what happened (dots: medians, lines: ranges)."""
    row = 46.0
    with style.chart_style():
        figure, axes = style.new_figure(_WIDTH, 40 + row * len(kinds) + 44, (196, 22, 26, 44))
        limit_ms = _limit_ms(kinds)
        for y, each in enumerate(kinds):
            lost = each.interruption_ms
            axes.barh(y, lost.median, height=0.5, color="#F6DCCB", linewidth=0, zorder=1)
            axes.plot([lost.median, lost.max], [y, y], color="#E8B493", linewidth=5, zorder=1)
            if each.goal_ms is not None:
                axes.plot([each.goal_ms] * 2, [y - 0.4, y + 0.4], color=style.INK, linewidth=1.6, zorder=2)
            for place, (event, colour) in enumerate(EVENTS.items()):
                _event(axes, getattr(each, event), y + 0.18 * (place - 1.5), colour, limit_ms)
        axes.set_xlim(0, limit_ms)
        axes.set_yticks(range(len(kinds)), [each.name.in_language(language) for each in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        axes.tick_params(axis="y", pad=8)
        axes.grid(axis="x", color=style.GRID, linewidth=0.8)
        axes.set_xlabel(_word("failover.chart.since", language), fontsize=11)
        return style.to_svg(figure, name)


def _limit_ms(kinds: Sequence[KindResult]) -> float:
    """As far as any median goes; what lies further is drawn at the edge."""
    spreads: list[Spread | None] = [getattr(each, event) for each in kinds for event in EVENTS]
    medians = [spread.median for spread in spreads if spread is not None]
    goals = [each.goal_ms or 0.0 for each in kinds]
    return 1.08 * max([*medians, *goals, *(each.interruption_ms.median for each in kinds), 1.0])


def _event(axes: Axes, spread: Spread | None, y: float, colour: str, limit_ms: float) -> None:
    if spread is None:
        return
    axes.plot([spread.min, min(spread.max, limit_ms)], [y, y], color=colour, linewidth=1.6, zorder=3)
    axes.plot(
        spread.median, y, marker="o", markersize=6.5, color=colour, markeredgecolor="white", zorder=4,
        markeredgewidth=0.8,
    )  # fmt: skip


def packet_by_packet(trial: Recorded, title: str, mark: int, language: Language, name: str) -> str:
    """One-way delay of each packet by when it was sent; lost ones as ticks below; the way round in blue."""
    with style.chart_style():
        figure, axes = style.new_figure(262, 190, (38, 28, 10, 40))
        usual, other, lost = _sorted_out(trial.packets, mark)
        for points, colour in ((usual, style.MUTED), (other, _ROUND)):
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                marker="o",
                markersize=2.4,
                markeredgewidth=0,
                linestyle="none",
                color=colour,
            )
        top = 1.12 * max((y for _, y in usual + other), default=1.0)
        axes.vlines(lost, 0, 0.07 * top, color=_LOST, linewidth=1.0)
        axes.axvline(0, color=style.INK, linewidth=1, linestyle=(0, (3, 3)))
        axes.set_ylim(0, top)
        axes.set_xlim(-30, 120)
        axes.locator_params(axis="both", nbins=5)
        axes.tick_params(axis="both", labelsize=10.5, labelcolor=style.MUTED)
        axes.grid(color=style.GRID, linewidth=0.8)
        axes.set_xlabel(_word("failover.chart.sent", language), fontsize=10.5)
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold", x=-0.16, pad=8)
        return style.to_svg(figure, name)


Points = list[tuple[float, float]]


def _sorted_out(packets: Sequence[Packet], mark: int) -> tuple[Points, Points, list[float]]:
    usual: Points = []
    other: Points = []
    lost = []
    for sent_ms, arrived_ms, dscp, _ttl in packets:
        if arrived_ms is None:
            lost.append(sent_ms)
        else:
            (usual if dscp == mark else other).append((sent_ms, arrived_ms - sent_ms))
    return usual, other, lost


def typical(trials: Sequence[Recorded], kind: Kind) -> Recorded | None:
    """The trial of a kind that lost as many packets as the middle one; the first of several."""
    of_kind = [trial for trial in trials if trial.kind is kind]
    counted = sorted(of_kind, key=lambda trial: sum(packet[1] is None for packet in trial.packets))
    return counted[(len(counted) - 1) // 2] if counted else None


def _word(key: str, language: Language) -> str:
    return WORDS[key].in_language(language)
