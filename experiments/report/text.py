"""Texts in both languages at once, as the page holds them; numbers as a reader wants them."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from experiments.report.style import LANGUAGES, Language
from experiments.report.words import WORDS
from topology.network import Text

NOTHING = "–"
MINUS = "−"


def fill(key: str, **fields: object) -> Text:
    """A text of ``WORDS`` with its fields filled in; a field that is a ``Text`` in the same language."""
    word = WORDS[key]
    return Text(*(_format(word.in_language(language), language, fields) for language in LANGUAGES))


def _format(pattern: str, language: Language, fields: Mapping[str, object]) -> str:
    chosen = {k: v.in_language(language) if isinstance(v, Text) else v for k, v in fields.items()}
    return pattern.format(**chosen)


def both(text: Text) -> Markup:
    """A text in both languages, escaped; the page shows one of them."""
    if text.en == text.zh:
        return Markup.escape(text.en)
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh">{}</span>').format(
        text.en, text.zh
    )


def translate(key: str, **fields: object) -> Markup:
    """``fill`` and ``both`` in one, for templates."""
    return both(fill(key, **fields))


def number(value: float | None, digits: int = 1) -> str:
    """A number with a true minus sign; a dash for ``None``."""
    return _decimal(value, f".{digits}f")


def signed(value: float | None, digits: int = 1) -> str:
    """A change: always with its sign."""
    return _decimal(value, f"+.{digits}f")


def _decimal(value: float | None, form: str) -> str:
    if value is None:
        return NOTHING
    text = f"{value:{form}}"
    if float(text) == 0:
        text = text.lstrip("+-")  # what is rounded to nothing has no sign
    return text.replace("-", MINUS)


def percent(ratio: float | None, digits: int = 0) -> str:
    """A ratio as a percentage; small shares keep the digits they need."""
    if ratio is None:
        return NOTHING
    if ratio and abs(ratio) < 0.01:
        digits = max(digits, 2)
    return f"{number(100 * ratio, digits)}%"


def rate(value_mbps: float | None) -> str:
    """A rate with three significant digits or so."""
    return NOTHING if value_mbps is None else number(value_mbps, 0 if value_mbps >= 99.95 else 1)
