"""The charts of the page on proposals: ranking, Pareto front, interactions. Drawn once per language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.proposals.findings import Evaluation, Interaction, ParetoPoint, Portfolio
from experiments.report import style
from experiments.report.labels import text_width
from experiments.report.proposal_findings import amount
from experiments.report.style import Language
from experiments.report.text import number
from experiments.report.words import WORDS
from topology.network import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Naming = Callable[[str], Text]

WIDTH = 520.0
CHOSEN, OTHER, AGAINST = "#0072B2", "#AEBBC8", "#D55E00"  # Okabe and Ito (2008), and a grey
LONGEST = 290.0  # units that a label may take
LABELLED_CELLS = 15  # most candidates of a matrix whose cells still hold a number


def word(key: str, language: Language) -> str:
    """A text of the page."""
    return WORDS[f"proposal.{key}"].in_language(language)


def clipped(label: str, size: float = 12.0) -> str:
    """A label that leaves the chart its room; its end is cut off if it is too long."""
    if text_width(label, size) <= LONGEST:
        return label
    kept = label
    while kept and text_width(f"{kept}…", size) > LONGEST:
        kept = kept[:-1]
    return f"{kept}…"


def margin_for(labels: Sequence[str], size: float = 12.0) -> float:
    """The left margin that the longest label needs."""
    return 18 + max((text_width(label, size) for label in labels), default=0.0)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """One row per label, the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", pad=8)


def ranking(
    alone: Sequence[Evaluation],
    chosen: frozenset[str],
    short: Naming,
    year: int,
    language: Language,
    name: str,
) -> str:
    """A bar per candidate: the mean delay it saves alone; what it and a millisecond cost in the margin."""
    ids = [each.portfolio[0].candidate for each in alone]
    labels = [clipped(short(id_).in_language(language)) for id_ in ids]
    with style.chart_style():
        height = 60 + 26.0 * len(alone) + 24
        figure, axes = style.new_figure(WIDTH, height, (margin_for(labels), 30, 128, 46))
        for y, (id_, each) in enumerate(zip(ids, alone, strict=True)):
            colour = CHOSEN if id_ in chosen else OTHER
            axes.barh(y, each.mean_delay_saved_ms, height=0.62, color=colour, linewidth=0, zorder=2)
            cost = f"{amount(each.cost.build_cny_million)} / {amount(each.cost_per_ms_cny_million)}"
            _note(axes, cost, y)
        name_rows(axes, labels)
        _note(axes, word("ranking.chart.cost", language), None)
        _axis(axes, word("ranking.chart", language).format(year=year))
        return style.to_svg(figure, name)


def _note(axes: Axes, text: str, row: float | None) -> None:
    """A text in the right margin, beside a row or above the first."""
    axes.annotate(
        text,
        (1, 1 if row is None else row),
        xycoords=("axes fraction", "axes fraction" if row is None else "data"),
        xytext=(124, 8 if row is None else 0),
        textcoords="offset points",
        ha="right",
        va="baseline" if row is None else "center",
        fontsize=11,
        color=style.MUTED,
        annotation_clip=False,
    )


def _axis(axes: Axes, title: str) -> None:
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="x", color=style.GRID, linewidth=0.8)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: amount(value))
    axes.set_xlabel(title, fontsize=11)


def front(
    points: Sequence[ParetoPoint],
    chosen: Portfolio,
    budget_cny_million: float,
    here: tuple[float, float] | None,
    language: Language,
    name: str,
) -> str:
    """Building cost against delay saved, or against expected loss: the steps of the front.

    ``here``: cost and value of the recommended portfolio, if it is not a point of the front itself.
    """
    axis = points[0].axis
    with style.chart_style():
        figure, axes = style.new_figure(WIDTH, 300, (70, 34, 24, 46))
        costs = [point.build_cny_million for point in points]
        values = [point.value for point in points]
        axes.step(costs, values, where="post", color=OTHER, linewidth=2, zorder=2)
        axes.plot(costs, values, marker="o", markersize=6, color=style.MUTED, linestyle="none", zorder=3)
        axes.axvline(budget_cny_million, color=style.INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        marked = next(((p.build_cny_million, p.value) for p in points if p.portfolio == chosen), here)
        if marked is not None:
            axes.plot(*marked, marker="o", markersize=11, color=CHOSEN, markeredgecolor="white", zorder=4)
            _beside(axes, word("pareto.chosen", language), marked, above=axis == "resilience")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0, top=1.1 * max([*values, 1e-9]))
        _along(axes, word("pareto.budget", language), budget_cny_million)
        axes.grid(color=style.GRID, linewidth=0.8)
        axes.locator_params(axis="both", nbins=6)
        axes.yaxis.set_major_formatter(lambda value, _: amount(value))
        axes.tick_params(axis="y", labelsize=11, labelcolor=style.MUTED)
        axes.set_xlabel(word("pareto.cost", language), fontsize=11)
        title = word(f"pareto.{axis}", language)
        axes.set_title(title, fontsize=12, loc="left", x=-0.13, pad=14, fontweight="bold")
        return style.to_svg(figure, name)


def _along(axes: Axes, text: str, x: float) -> None:
    """A word beside the foot of a vertical line."""
    right = x > 0.8 * axes.get_xlim()[1]
    axes.annotate(text, (x, 0), xycoords=("data", "axes fraction"), xytext=(-5 if right else 5, 6),
                  fontsize=11, textcoords="offset points", ha="right" if right else "left",
                  color=style.MUTED)  # fmt: skip


def _beside(axes: Axes, text: str, at: tuple[float, float], *, above: bool) -> None:
    right = at[0] > 0.6 * axes.get_xlim()[1]
    axes.annotate(text, at, xytext=(-10 if right else 10, 8 if above else -15), textcoords="offset points",
                  ha="right" if right else "left", fontsize=12, fontweight="bold", color=CHOSEN,
                  annotation_clip=False, zorder=5)  # fmt: skip


def interactions(
    found: Sequence[Interaction], order: Sequence[str], short: Naming, language: Language, name: str
) -> str:
    """A matrix: how much more, or less, two candidates save together than apart."""
    present = {end for each in found for end in (each.first, each.second)}
    ids = [id_ for id_ in order if id_ in present]
    labels = [clipped(short(id_).in_language(language)) for id_ in ids]
    place = {id_: number_ for number_, id_ in enumerate(ids)}
    left = margin_for(labels, 11)
    beyond = 0.7 * text_width(labels[-1], 11) if labels else 0.0  # the last label leans out to the right
    cell = min(44.0, (WIDTH - left - beyond) / max(len(ids), 1))
    top = 14 + 0.75 * max((text_width(label, 11) for label in labels), default=0)
    with style.chart_style():
        size = cell * len(ids)
        figure, axes = style.new_figure(WIDTH, size + top + 8, (left, top, max(WIDTH - left - size, 0.0), 8))
        limit = max((abs(share(each)) for each in found), default=0.0) or 1.0
        for each in found:
            value = share(each)
            a, b = sorted((place[each.first], place[each.second]))
            for x, y in ((a, b), (b, a)):
                colour = CHOSEN if value > 0 else AGAINST
                strength = 0.08 + 0.72 * abs(value) / limit if abs(value) >= 0.005 else 0.04
                axes.fill_between(
                    [x - 0.48, x + 0.48], y - 0.48, y + 0.48, color=colour, alpha=strength, linewidth=0
                )
                if len(ids) <= LABELLED_CELLS:
                    axes.text(
                        x, y, _percent(value), ha="center", va="center", fontsize=9.5 if cell > 30 else 8
                    )
        name_rows(axes, labels)
        axes.set_xlim(-0.5, len(ids) - 0.5)
        axes.set_xticks(range(len(ids)), labels, rotation=48, ha="left", fontsize=11)
        axes.tick_params(axis="both", length=0, labelsize=11, labelcolor=style.INK)
        axes.tick_params(axis="x", labeltop=True, labelbottom=False, pad=2)
        axes.spines["bottom"].set_visible(False)
        return style.to_svg(figure, name)


def share(each: Interaction) -> float:
    """The surplus as a share of what both save apart; 0 if they save nothing."""
    apart = each.first_alone + each.second_alone
    return each.surplus / apart if apart > 0 else 0.0


def _percent(value: float) -> str:
    text = number(100 * value, 0)
    return text if text.startswith("−") or text == "0" else f"+{text}"
