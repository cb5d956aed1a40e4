"""The charts of the report. Each is drawn once per language; widths suit half a page, or a phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report import style
from experiments.report.style import Language
from experiments.report.words import WORDS
from experiments.results.links import LinkChecks
from experiments.results.model import VARIANTS, LoadState, Variant
from experiments.results.summary import ModelVariant, Pair, PairResult
from experiments.results.targets import CIRCLES_MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 520.0
_LEFT, _RIGHT = 108.0, 20.0


def round_trips(
    pairs: Sequence[Pair], model_variants: Sequence[ModelVariant], language: Language, name: str
) -> str:
    """Measured round trip per destination: base, proposal and what lies between; the fibre floor as a tick.

    The first of ``model_variants`` is shown as a hollow diamond.
    """
    row = 30.0
    height = 34 + row * len(pairs) + 40
    with style.chart_style():
        figure, axes = style.new_figure(WIDTH, height, (_LEFT, 34, 64, 40))
        for y, pair in enumerate(pairs):
            base, proposal = pair.base.rtt_ms.median, pair.proposal.rtt_ms.median
            axes.plot([pair.floor_rtt_ms] * 2, [y - 0.3, y + 0.3], color=style.FLOOR, linewidth=1.6, zorder=3)
            if base is not None and proposal is not None:
                axes.plot([proposal, base], [y, y], color=style.FAINT, linewidth=5, zorder=2)
                _margin_note(axes, _signed(proposal - base), (1, y), 60, bold=True)
            for model in model_variants[:1]:
                if pair.destination in model.predicted_rtt_ms:
                    _hollow_diamond(axes, model.predicted_rtt_ms[pair.destination], y)
            for value, variant in zip((base, proposal), VARIANTS, strict=True):
                if value is not None:
                    axes.plot(
                        value, y, marker="o", markersize=9, color=style.VARIANT_COLOURS[variant], zorder=4
                    )
        _rows(axes, pairs, language)
        _milliseconds_axis(axes, _word("chart.rtt_axis", language))
        _margin_note(axes, _word("chart.change", language), (1, 1), 60, rise=8)
        return style.to_svg(figure, name)


def _hollow_diamond(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        x,
        y,
        marker="D",
        markersize=6.5,
        color="white",
        markeredgecolor=style.INK,
        markeredgewidth=1.4,
        zorder=3,
    )


def delay_split(pairs: Sequence[Pair], language: Language, name: str) -> str:
    """One-way delay by cause, as predicted under load, base over proposal; dots are what was measured."""
    row = 40.0
    height = 26 + row * len(pairs) + 40
    with style.chart_style():
        figure, axes = style.new_figure(WIDTH, height, (_LEFT, 26, 40, 40))
        right = split_limit_ms(pairs)
        axes.set_xlim(0, right)
        for y, pair in enumerate(pairs):
            for offset, variant in zip((-0.19, 0.19), VARIANTS, strict=True):
                _split_bar(axes, pair.on(variant), y + offset, variant, right)
            axes.plot(
                [pair.floor_rtt_ms / 2] * 2, [y - 0.4, y + 0.4], color=style.FLOOR, linewidth=1.6, zorder=5
            )
        _rows(axes, pairs, language)
        _milliseconds_axis(axes, _word("chart.one_way_axis", language))
        for circle in CIRCLES_MS:
            if right / 12 < circle < right:
                axes.axvline(circle, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
                axes.annotate(
                    _word("chart.circle", language).format(circle),
                    (circle, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=11,
                    color=style.MUTED,
                    annotation_clip=False,
                )
        return style.to_svg(figure, name)


def split_limit_ms(pairs: Sequence[Pair]) -> float:
    """Where the axis of the split ends: past every bar and idle median, not past a median of full queues."""
    ends = [
        value
        for pair in pairs
        for result in (pair.base, pair.proposal)
        for value in (result.predicted.total_ms, result.one_way_ms.median or 0.0)
    ]
    return 1.06 * max(ends, default=1.0) or 1.0


def _split_bar(axes: Axes, result: PairResult, y: float, variant: Variant, right: float) -> None:
    left = 0.0
    for cause, value in causes(result):
        axes.barh(y, value, left=left, height=0.32, color=style.CAUSE_COLOURS[cause], linewidth=0, zorder=2)
        left += value
    # A cap in the network's colour says whose bar it is.
    axes.plot([0, 0], [y - 0.16, y + 0.16], color=style.VARIANT_COLOURS[variant], linewidth=5, zorder=6)
    measured = [(result.one_way_ms.median, style.INK)]
    if result.loaded is not None and result.loaded.one_way_ms is not None:
        measured.insert(0, (result.loaded.one_way_ms.median, "white"))  # below the idle one
    for value_ms, fill in measured:
        if value_ms is None:
            continue
        if value_ms > right:
            _margin_note(axes, f"{value_ms:.0f}", (1, y), 36)
        axes.plot(
            min(value_ms, right),
            y,
            marker="o",
            markersize=5.5,
            color=fill,
            markeredgecolor=style.INK,
            clip_on=False,
            zorder=7,
        )


def causes(result: PairResult) -> list[tuple[str, float]]:
    """The predicted one-way delay by cause, in the order of the bars."""
    split = result.predicted
    return [
        ("propagation", split.propagation_ms),
        ("transit", split.transit_ms),
        ("handover", split.handover_ms),
        ("queueing", split.queueing_ms),
    ]


def throughput(pairs: Sequence[Pair], language: Language, name: str) -> str:
    """What TCP and UDP carried, as a share of the declared rate, per destination and network."""
    measured = [p for p in pairs if any(p.on(v).throughput_mbps.tcp is not None for v in VARIANTS)]
    row = 46.0
    height = 26 + row * len(measured) + 40
    with style.chart_style():
        figure, axes = style.new_figure(WIDTH, height, (_LEFT, 26, 112, 40))
        for y, pair in enumerate(measured):
            for block, variant in zip((-0.21, 0.21), VARIANTS, strict=True):
                result = pair.on(variant)
                for step, kind in ((-0.09, "tcp"), (0.09, "udp")):
                    value = getattr(result.throughput_mbps, kind)
                    if value is None or result.declared_mbps <= 0:
                        continue
                    colour = style.VARIANT_COLOURS[variant]
                    axes.barh(
                        y + block + step,
                        100 * value / result.declared_mbps,
                        height=0.15,
                        color=colour,
                        alpha=1.0 if kind == "tcp" else 0.5,
                        linewidth=0,
                    )
                tcp, udp = result.throughput_mbps.tcp, result.throughput_mbps.udp
                rates = f"{_plain(tcp)} / {_plain(udp)} / {_plain(result.declared_mbps)}"
                _margin_note(axes, rates, (1, y + block), 108)
        _margin_note(axes, _word("chart.rates", language), (1, 1), 108, rise=6)
        _rows(axes, measured, language)
        axes.set_xlim(0, 105)
        axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100%"])
        axes.axvline(100, color=style.INK, linewidth=1)
        axes.grid(axis="x", color=style.GRID, linewidth=0.8)
        axes.set_xlabel(_word("chart.share_axis", language), fontsize=11)
        return style.to_svg(figure, name)


def link_errors(links: LinkChecks, language: Language, name: str) -> str:
    """Per direction of each link: how far the achieved delay is from the declared one."""
    with style.chart_style():
        figure, axes = style.new_figure(WIDTH, 220, (62, 26, _RIGHT, 44))
        for variant in VARIANTS:
            checks = [c for c in links.networks.get(variant, ()) if c.delay_error_ms is not None]
            axes.plot(
                [check.declared.delay_ms or 0.0 for check in checks],
                [check.delay_error_ms or 0.0 for check in checks],
                marker="o",
                markersize=5 if variant == "base" else 3.2,
                linestyle="none",
                color=style.VARIANT_COLOURS[variant],
                markeredgewidth=0,
                alpha=0.75,
                label=_word(f"variant.{variant}", language),
            )
        axes.axhline(0, color=style.INK, linewidth=1)
        axes.grid(color=style.GRID, linewidth=0.8)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -0.1), max(high, 0.1))
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", labelsize=11, labelcolor=style.MUTED)
        axes.set_xlabel(_word("chart.declared_delay_axis", language), fontsize=11)
        axes.set_title(
            _word("chart.delay_error_axis", language), fontsize=11, loc="left", x=-0.11, color=style.MUTED
        )
        return style.to_svg(figure, name)


def distribution(
    title: str,
    excess_ms: dict[tuple[Variant, LoadState], Sequence[float]],
    sent: dict[tuple[Variant, LoadState], int],
    limits: tuple[float, float],
    name: str,
) -> str:
    """Share of probes whose round trip was at most so much above the model's empty path.

    ``excess_ms``: ascending; lost probes are missing, so a curve ends below 100 % by the share lost.
    """
    with style.chart_style():
        figure, axes = style.new_figure(250, 168, (36, 26, 10, 26))
        for (variant, state), values in excess_ms.items():
            count = sent[variant, state]
            steps = _thinned(len(values))
            axes.plot(
                [values[i] for i in steps],
                [100 * (i + 1) / count for i in steps],
                color=style.VARIANT_COLOURS[variant],
                linewidth=1.8,
                linestyle="-" if state == "idle" else (0, (2.2, 1.6)),
                drawstyle="steps-post",
            )
        axes.set_xlim(*limits)
        axes.set_ylim(0, 103)
        axes.set_yticks([0, 50, 100], ["0", "50", "100%"])
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="both", labelsize=10.5, labelcolor=style.MUTED)
        axes.grid(color=style.GRID, linewidth=0.8)
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold", x=-0.16, pad=8)
        return style.to_svg(figure, name)


def _thinned(count: int, most: int = 160) -> list[int]:
    """At most about ``most`` ranks of ``count``, the last always among them: the eye sees no difference."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _rows(axes: Axes, pairs: Sequence[Pair], language: Language) -> None:
    axes.set_yticks(range(len(pairs)), [p.destination_name.in_language(language) for p in pairs])
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.tick_params(axis="y", pad=8)


def _margin_note(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    shift: float,
    *,
    rise: float | None = None,
    bold: bool = False,
) -> None:
    """A text in the right margin, ending ``shift`` units right of the axes.

    ``at``: the right edge (1) and the row it belongs to; with ``rise``, it stands that far above the axes.
    """
    axes.annotate(
        text,
        at,
        xycoords=("axes fraction", "data" if rise is None else "axes fraction"),
        xytext=(shift, rise or 0),
        textcoords="offset points",
        ha="right",
        va="center" if rise is None else "baseline",
        fontsize=12 if bold else 11,
        fontweight="bold" if bold else "normal",
        color=style.INK if bold else style.MUTED,
        annotation_clip=False,
    )


def _milliseconds_axis(axes: Axes, title: str) -> None:
    axes.set_xlim(0, axes.get_xlim()[1])
    axes.grid(axis="x", color=style.GRID, linewidth=0.8)
    axes.set_xlabel(title, fontsize=11)


def _word(key: str, language: Language) -> str:
    return WORDS[key].in_language(language)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"
