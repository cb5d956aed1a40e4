"""How every chart looks: palette, fonts, and a matplotlib figure as inline SVG, the same bytes each time.

Colours are those of Okabe and Ito (2008), told apart with any colour vision. Text stays text in the SVG, so
the browser's fonts set it and a reader can search and copy it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from experiments.results.model import Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

INK = "#1c2733"
MUTED = "#5b6875"
FAINT = "#c9d1d9"
GRID = "#e8ecf0"
FLOOR = "#111111"
VARIANT_COLOURS: Mapping[Variant, str] = {"base": "#D55E00", "proposal": "#0072B2"}
BUILT = "#009E73"
CAUSE_COLOURS: Mapping[str, str] = {
    "propagation": "#AEBBC8",
    "transit": "#009E73",
    "handover": "#CC79A7",
    "queueing": "#E3B505",
}

CSS_FONTS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', Arial, "
    "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', "
    "sans-serif"
)

_HALO = "paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; "

_SETTINGS: dict[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "onehop",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same measures on every machine
    "font.size": 12,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.labelsize": 11,
    "ytick.labelsize": 12,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.dpi": 72,  # one point is one SVG unit
    "path.simplify": False,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
}


@contextmanager
def chart_style(**settings: object) -> Iterator[None]:
    """The settings of every chart, whatever the user's matplotlibrc says; ``settings`` on top."""
    import matplotlib as mpl
    import numpy as np

    # Matplotlib names clip paths by how numpy writes a number, and GNPy changes that for the whole process.
    with mpl.rc_context(), np.printoptions(legacy=False), warnings.catch_warnings():
        # The fonts here only measure; Chinese glyphs come from the reader's browser.
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*missing.*")
        mpl.rcdefaults()
        mpl.rcParams.update({**_SETTINGS, **settings})
        yield


def new_figure(
    width: float, height: float, margins: tuple[float, float, float, float] = (0, 0, 0, 0)
) -> tuple[Figure, Axes]:
    """A figure of ``width`` x ``height`` SVG units with one plain axes inside ``margins``.

    ``margins``: left, top, right, bottom. Call within ``chart_style``.
    """
    from matplotlib.figure import Figure

    left, top, right, bottom = margins
    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes(
        (left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height)
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    return figure, axes


def to_svg(figure: Figure, name: str, *, halo: bool = False, standalone: bool = False) -> str:
    """``figure`` as an ``<svg>`` element.

    ``name`` prefixes its ids, which must be unique in a page. ``halo`` draws white around every letter. A
    ``standalone`` picture names its fonts and its size; in a page it takes both from there.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].rstrip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href="|url\()#', rf"\g<1>#{name}-", svg)
    fonts = CSS_FONTS if standalone else "inherit"
    svg = re.sub(r"font-family: [^;\"]*", f"font-family: {fonts}", svg)
    if halo:
        svg = svg.replace('<text style="', f'<text style="{_HALO}')
    if standalone:
        return svg
    # The page sizes the drawing, and its style sheet says how lines join.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, count=1, flags=re.DOTALL)
    return re.sub(
        r'(<svg[^>]*?) (?:width|height)="[^"]*"(.*?) (?:width|height)="[^"]*"', r"\1\2", svg, count=1
    )
