"""Whether GNPy is there, and if not, how to get it. The only place that knows of the extra ``optics``."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from topology.network import Text

# The same bounds as in pyproject.toml. 3.0: what is called here takes its arguments as 3.0 does, and 2.14
# needs numpy 1. 4 may change both.
OLDEST, NEWEST = (3, 0), (4, 0)
FIRST_PYTHON_WITHOUT = (3, 13)  # GNPy 3.0 asks for Python 3.11 or 3.12 (its Requires-Python)

_HOW = Text(
    en="Get it with pip install 'onehop[optics]'; in a clone, .venv/bin/pip install -e '.[optics]'.",
    zh="安装：pip install 'onehop[optics]'；克隆的仓库中为 .venv/bin/pip install -e '.[optics]'。",
)


def note(language: str = "en") -> str:
    """Why optics cannot be computed here and what to do about it; empty if it can. ``en`` or ``zh``."""
    obstacle = _obstacle()
    return "" if obstacle is None else obstacle.in_language(language)


@cache
def _obstacle() -> Text | None:
    try:
        found = version("gnpy")
    except PackageNotFoundError:
        return _absent()
    if not OLDEST <= _numbers(found) < NEWEST:
        return _told(f"GNPy {found} is installed, 3.x is needed.", f"已安装 GNPy {found}，需要 3.x。")
    try:
        import_module("gnpy.tools.worker_utils")
    except ImportError as error:  # for example a compiled part that this system cannot load
        return _told(f"GNPy {found} does not load: {error}.", f"GNPy {found} 无法加载：{error}。")
    return None


def _numbers(found: str) -> tuple[int, ...]:
    return tuple(int(part) for part in found.split(".")[:2] if part.isdigit())


def _absent() -> Text:
    if sys.version_info[:2] >= FIRST_PYTHON_WITHOUT:
        return _told(
            "it needs GNPy, which runs on Python 3.11 and 3.12 only.",
            "需要 GNPy，而 GNPy 仅支持 Python 3.11 与 3.12。",
        )
    return _told("it needs GNPy.", "需要 GNPy。")


def _told(why_en: str, why_zh: str) -> Text:
    return Text(en=f"Optics was not computed: {why_en} {_HOW.en}", zh=f"未计算光层：{why_zh}{_HOW.zh}")
