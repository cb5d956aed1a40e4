"""The map: sites where they are, links between them, no borders. For the report and ``scenario show``."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.report import style
from experiments.report.geometry import (
    KM_PER_DEGREE,
    WIDTH,
    Line,
    Place,
    Projection,
    around_places,
    beside,
    places,
)
from experiments.report.labels import Box, Label, Point, Segment, place, text_width
from experiments.report.style import Language
from experiments.report.words import KIND_NAMES, WORDS
from experiments.results.model import Variant
from topology.errors import InputError
from topology.network import Network, SiteKind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect

LEGEND_ROW = 19.0
_MARKS: dict[SiteKind, tuple[str, float]] = {  # matplotlib marker and its size in points
    SiteKind.HUB: ("*", 17),
    SiteKind.CLUSTER: ("s", 7),
    SiteKind.METRO: ("o", 8),
    SiteKind.POP: ("o", 5),
    SiteKind.INTERCONNECTION: ("D", 6.5),
    SiteKind.IXP: ("^", 8),
    SiteKind.CDN: ("v", 7),
}
# Families with Chinese glyphs that machines commonly have, for pictures in pixels.
_CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Noto Sans CJK JP", "PingFang SC", "Heiti SC", "Hiragino Sans GB", "Microsoft YaHei",
    "SimHei", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """A path to show, in the colour of ``variant``."""

    path: tuple[str, ...]
    variant: Variant


def map_svg(
    network: Network,
    *,
    language: Language,
    routes: Sequence[Route] = (),
    built: Collection[str] = (),
    name: str = "map",
) -> str:
    """The map as an ``<svg>`` element for a page; ``name`` makes its ids unique there.

    ``built``: ids of links that stand out as new.
    """
    with style.chart_style():
        return style.to_svg(_draw(network, language, routes, (), None, built), name, halo=True)


def draw_map(
    network: Network,
    *,
    language: str,
    output: Path,
    routes: Sequence[Route] = (),
    highlight: Collection[str] = (),
) -> str | None:
    """Write the map to ``output``, with ``routes`` and the sites in ``highlight`` standing out.

    The ending says whether SVG or PNG (two pixels a unit). A PNG in Chinese needs a font with Chinese glyphs;
    without one it is drawn in English and a note is returned that says so. Raises ``InputError`` for another
    ending, or if ``output`` cannot be written.
    """
    kind = output.suffix.lower()
    if kind not in (".svg", ".png"):
        raise InputError(
            f"cannot draw a map as {kind!r}", where=str(output), hint="end the name in .svg or .png"
        )
    chosen: Language = "zh" if language == "zh" else "en"
    settings: dict[str, object] = {}
    note = None
    if kind == ".png" and chosen == "zh":
        font = find_chinese_font()
        if font is None:
            chosen, note = "en", WORDS["map.no_font"].en
        else:
            settings["font.sans-serif"] = [font, "DejaVu Sans"]
    try:
        with style.chart_style(**settings):
            if kind == ".svg":
                figure = _draw(network, chosen, routes, highlight, None)
                output.write_text(
                    style.to_svg(figure, "map", halo=True, standalone=True) + "\n", encoding="utf-8"
                )
            else:
                figure = _draw(network, chosen, routes, highlight, _halo())
                figure.savefig(output, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", where=str(output)) from None
    return note


def _halo() -> list[AbstractPathEffect]:
    """White around letters, so that lines behind do not hurt. In an SVG, ``to_svg`` does it."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3, foreground="white")]


def find_chinese_font() -> str | None:
    """The first installed font family with Chinese glyphs that matplotlib knows, or ``None``."""
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((font for font in _CJK_FONTS if font in known), None)


def _draw(
    network: Network,
    language: Language,
    routes: Sequence[Route],
    highlight: Collection[str],
    halo: Sequence[AbstractPathEffect] | None,
    built: Collection[str] = (),
) -> Figure:
    projection = Projection(network.sites.values())
    where = places(network.sites.values(), projection)
    at = {site: point for place in where for site, point in place.positions().items()}
    entries = _legend_entries(network, routes, language, bool(built))
    legend_height = LEGEND_ROW * math.ceil(len(entries) / 4) + 16
    height = projection.height + legend_height
    figure, axes = style.new_figure(WIDTH, height)
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(-legend_height, projection.height)

    lines = {
        frozenset((link.a, link.b)): around_places(link.a, link.b, at, where)
        for link in network.links.values()
    }
    for line in lines.values():
        axes.plot(*zip(*line, strict=True), color=style.FAINT, linewidth=1.1, zorder=1)
    for link in (network.links[id_] for id_ in built):
        line = lines[frozenset((link.a, link.b))]
        axes.plot(*zip(*line, strict=True), color=style.BUILT, linewidth=9, alpha=0.4, zorder=1.5)
    strong = _draw_routes(axes, lines, routes)
    important = {site for route in routes for site in (route.path[0], route.path[-1])} | set(highlight)
    crossed = {site for route in routes for site in route.path} - important
    _draw_sites(axes, network, at, important, crossed)
    scale = _draw_scale(axes, projection, list(at.values()))
    plain = [segment for line in lines.values() for segment in pairwise(line)]
    frame = Box(4, 4, WIDTH - 4, projection.height - 4)
    obstacles = _Obstacles(frame, strong, plain, (scale,))
    _draw_labels(axes, where, language, important, crossed, obstacles, halo)
    _draw_legend(axes, entries)
    return figure


@dataclass(frozen=True, slots=True)
class _Obstacles:
    """What labels avoid: the edge of the map, routes, links, and other things drawn."""

    frame: Box
    routes: Sequence[Segment]
    links: Sequence[Segment]
    boxes: Sequence[Box]


def _draw_routes(axes: Axes, lines: dict[frozenset[str], Line], routes: Sequence[Route]) -> list[Segment]:
    """Each link once per variant; where both use a link, side by side. Returns the segments drawn."""
    used: dict[frozenset[str], set[Variant]] = {}
    for route in routes:
        for link in pairwise(route.path):
            used.setdefault(frozenset(link), set()).add(route.variant)
    drawn: list[Segment] = []
    for ends, variants in used.items():
        for variant in sorted(variants):
            shift = 0.0 if len(variants) == 1 else (1.6 if variant == "base" else -1.6)
            line = beside(lines[ends], shift)
            axes.plot(
                *zip(*line, strict=True),
                color=style.VARIANT_COLOURS[variant],
                linewidth=2.6,
                solid_capstyle="round",
                zorder=2 if variant == "proposal" else 3,
                alpha=0.92,
            )
            drawn.extend(pairwise(line))
    return drawn


def _draw_sites(
    axes: Axes, network: Network, at: dict[str, Point], important: set[str], crossed: set[str]
) -> None:
    anything_stands_out = bool(important or crossed)
    for site in network.sites.values():
        marker, size = _MARKS[site.kind]
        strong = site.id in important or site.id in crossed or not anything_stands_out
        axes.plot(
            *at[site.id],
            marker=marker,
            markersize=size * (1.15 if site.id in important else 1.0),
            markerfacecolor=style.INK if strong else "#97a3ae",
            markeredgecolor="white",
            markeredgewidth=1.0,
            linestyle="none",
            zorder=4,
        )


def _draw_labels(
    axes: Axes,
    where: Sequence[Place],
    language: Language,
    important: set[str],
    crossed: set[str],
    obstacles: _Obstacles,
    halo: Sequence[AbstractPathEffect] | None,
) -> None:
    anything_stands_out = bool(important or crossed)

    def rank(spot: Place) -> int:
        ids = {site.id for site in spot.sites}
        return 0 if ids & important else 1 if ids & crossed or not anything_stands_out else 2

    ordered = sorted(where, key=rank)  # a stable sort: scenario order within a rank
    labels = [
        Label(
            text=spot.name().in_language(language),
            point=spot.centre,
            size=(14.0, 12.0, 10.5)[rank(spot)],
            clearance=spot.radius + max(_MARKS[site.kind][1] for site in spot.sites) / 2 + 0.5,
            bold=rank(spot) == 0 and anything_stands_out,
        )
        for spot in ordered
    ]
    found = place(labels, obstacles.frame, obstacles.routes, obstacles.links, obstacles.boxes)
    for spot, placed in zip(ordered, found, strict=True):
        box, (x, y) = placed.box, spot.centre
        if placed.needs_leader:
            end = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
            axes.plot(*zip((x, y), end, strict=True), color=style.MUTED, linewidth=0.6, zorder=3.5)
        # Anchored on the side of its point, so that a wider or narrower font than expected does no harm.
        side = "left" if box.left > x else "right" if box.right < x else "center"
        anchor = {"left": box.left, "right": box.right, "center": (box.left + box.right) / 2}[side]
        axes.text(
            anchor,
            (box.bottom + box.top) / 2 - placed.label.size * 0.36,
            placed.label.text,
            ha=side,
            va="baseline",
            fontsize=placed.label.size,
            fontweight="bold" if placed.label.bold else "normal",
            color=style.INK if rank(spot) < 2 else style.MUTED,
            zorder=6,
            path_effects=halo,
        )


def _draw_scale(axes: Axes, projection: Projection, points: Sequence[Point]) -> Box:
    """A bar of a round number of kilometres, in the emptiest corner; it holds along a meridian."""
    whole = WIDTH / projection.units_per_degree * KM_PER_DEGREE
    km = max((k for k in (10, 20, 50, 100, 200, 500, 1000, 2000) if k < whole / 4), default=5)
    length = km / KM_PER_DEGREE * projection.units_per_degree
    corners = [(x, y) for y in (projection.height - 24, 14.0) for x in (WIDTH - 14 - length, 14.0)]
    left, y = max(
        corners,
        key=lambda corner: min(math.hypot(corner[0] + length / 2 - px, corner[1] - py) for px, py in points),
    )
    axes.plot([left, left + length], [y, y], color=style.MUTED, linewidth=1.2)
    for x in (left, left + length):
        axes.plot([x, x], [y - 3, y + 3], color=style.MUTED, linewidth=1.2)
    middle = left + length / 2
    axes.text(middle, y + 6, f"{km} km", ha="center", va="bottom", fontsize=10.5, color=style.MUTED)
    return Box(left - 4, y - 6, left + length + 4, y + 20)


@dataclass(frozen=True, slots=True)
class _LegendEntry:
    text: str
    marker: str
    size: float
    colour: str
    line_width: float = 0.0
    alpha: float = 1.0


def _legend_entries(
    network: Network, routes: Sequence[Route], language: Language, anything_built: bool
) -> list[_LegendEntry]:
    entries = [
        _LegendEntry(
            WORDS[f"map.{variant}"].in_language(language), "", 0, style.VARIANT_COLOURS[variant], 2.6
        )
        for variant in ("base", "proposal")
        if any(route.variant == variant for route in routes)
    ]
    if anything_built:
        text = WORDS["proposal.map.built"].in_language(language)
        entries.append(_LegendEntry(text, "", 0, style.BUILT, 7, 0.4))
    link = WORDS["map.other_link" if routes else "map.link"].in_language(language)
    entries.append(_LegendEntry(link, "", 0, style.FAINT, 1.6))
    present = {site.kind for site in network.sites.values()}
    for kind, (marker, size) in _MARKS.items():
        if kind in present:
            entries.append(
                _LegendEntry(KIND_NAMES[kind].in_language(language), marker, size * 0.9, style.INK)
            )
    return entries


def _draw_legend(axes: Axes, entries: Sequence[_LegendEntry]) -> None:
    columns = 4
    widest = max((text_width(entry.text, 11.5) for entry in entries), default=0) + 44
    step = min(max((WIDTH - 24) / columns, widest), (WIDTH - 24) / columns)
    for number, entry in enumerate(entries):
        row, column = divmod(number, columns)
        x, y = 12 + column * step, -12 - row * LEGEND_ROW
        if entry.line_width:
            axes.plot([x, x + 20], [y, y], color=entry.colour, linewidth=entry.line_width, alpha=entry.alpha)
        else:
            axes.plot(
                x + 10, y, marker=entry.marker, markersize=entry.size, color=entry.colour, linestyle="none"
            )
        axes.text(x + 28, y - 4, entry.text, va="baseline", fontsize=11.5, color=style.INK)
