"""The charts of how sure the answer is: the tornado, and how often each candidate is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.proposals.findings import Swing
from experiments.report import style
from experiments.report.proposal_charts import (
    CHOSEN,
    OTHER,
    WIDTH,
    Naming,
    clipped,
    margin_for,
    name_rows,
    word,
)
from experiments.report.proposal_findings import amount
from experiments.report.style import Language

LOW, HIGH = "#9CC9E3", "#0072B2"
MOST = 12  # rows of a tornado; the rest moves nothing that can be seen


def tornado(
    swings: Sequence[Swing],
    best_estimate: float,
    first: str,
    naming: Naming,
    outcome: str,
    language: Language,
    name: str,
) -> str:
    """Bars from the outcome at the low end of an assumption to that at the high end, in % of the estimate.

    ``first``: the candidate that ranks first at the best estimates; ends where it does not get a circle.
    """
    shown = swings[:MOST]
    labels = [clipped(naming(swing.assumption).in_language(language), 11) for swing in shown]
    with style.chart_style():
        left = margin_for(labels, 11)
        figure, axes = style.new_figure(WIDTH + 200, 40 + 30 * len(shown) + 44, (left, 18, 84, 46))
        for y, swing in enumerate(shown):
            for value, colour, candidate in (
                (swing.outcome_at_low, LOW, swing.first_at_low),
                (swing.outcome_at_high, HIGH, swing.first_at_high),
            ):
                end = 100 * value / best_estimate
                axes.barh(y, end - 100, left=100, height=0.6, color=colour, linewidth=0, zorder=2)
                if candidate != first:
                    axes.plot(end, y, marker="o", markersize=8, color="white", markeredgecolor=style.INK,
                              markeredgewidth=1.4, zorder=4)  # fmt: skip
            text = f"{amount(swing.low)} … {amount(swing.high)}"
            axes.annotate(text, (1, y), xycoords=("axes fraction", "data"), xytext=(82, 0), fontsize=10.5,
                          textcoords="offset points", ha="right", va="center", color=style.MUTED,
                          annotation_clip=False)  # fmt: skip
        axes.axvline(100, color=style.INK, linewidth=1, zorder=3)
        name_rows(axes, labels)
        axes.tick_params(axis="y", labelsize=11)
        axes.grid(axis="x", color=style.GRID, linewidth=0.8)
        axes.locator_params(axis="x", nbins=6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
        axes.set_xlabel(word("tornado.axis", language).format(outcome=outcome), fontsize=11)
        return style.to_svg(figure, name)


def shares(
    chosen_share: Mapping[str, float], chosen: frozenset[str], short: Naming, language: Language, name: str
) -> str:
    """A bar per candidate: in which share of the samples the best portfolio has it."""
    labels = [clipped(short(id_).in_language(language)) for id_ in chosen_share]
    with style.chart_style():
        height = 20 + 24.0 * len(labels) + 46
        figure, axes = style.new_figure(WIDTH, height, (margin_for(labels), 16, 50, 46))
        for y, (id_, value) in enumerate(chosen_share.items()):
            colour = CHOSEN if id_ in chosen else OTHER
            axes.barh(y, 100 * value, height=0.62, color=colour, linewidth=0, zorder=2)
            axes.annotate(f"{100 * value:.0f}%", (100 * value, y), xytext=(5, 0), va="center", fontsize=11,
                          textcoords="offset points", color=style.INK, annotation_clip=False)  # fmt: skip
        name_rows(axes, labels)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100%"])
        axes.grid(axis="x", color=style.GRID, linewidth=0.8)
        axes.set_xlabel(word("shares.axis", language), fontsize=11)
        return style.to_svg(figure, name)
