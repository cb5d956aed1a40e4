"""What a reference means: a shipped name, a file, or a network of a public collection."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from topology import sources
from topology.errors import InputError
from topology.hints import did_you_mean
from topology.scenario.document import parse, read_text
from topology.scenario.node import Node, show

SHIPPED_FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
TOPOHUB = "topohub:"


@dataclass(frozen=True, slots=True)
class Located:
    """Where a scenario is.

    Attributes:
        identity: the same for all ways to name the same scenario.
        display: how messages name it.
        folder: what relative paths inside it are relative to; ``None`` if it has none.
        read: its tree; raises ``InputError``.
    """

    identity: str
    display: str
    folder: Path | None
    read: Callable[[], Node]


def shipped() -> list[str]:
    """The names of the scenarios that come with OneHop, sorted."""
    return sorted(path.stem for path in SHIPPED_FOLDER.glob("*.yaml"))


def locate(reference: str, beside: Located | None = None) -> Located:
    """What ``reference`` means; paths are relative to ``beside``, or to the working directory.

    Raises ``InputError`` if it cannot mean anything; whether a file exists shows when it is read.
    """
    if reference.startswith(TOPOHUB):
        name = reference.removeprefix(TOPOHUB)
        return Located(reference, reference, None, lambda: Node.of(sources.from_topohub(name), reference))
    if reference.endswith((".yaml", ".yml", ".graphml")):
        path, display = Path(reference), reference
        if beside is not None and beside.folder is not None and not path.is_absolute():
            path = beside.folder / path
            display = os.path.normpath(Path(beside.display).parent / reference)
        return file_at(path, display)
    if reference in shipped():
        return file_at(SHIPPED_FOLDER / f"{reference}.yaml", f"{reference}.yaml")
    hint = did_you_mean(reference, shipped(), otherwise="shipped scenarios")
    if "/" in reference or Path(reference).suffix:
        hint = f"a file ends in .yaml, .yml or .graphml; a collection is named {TOPOHUB}topozoo/Chinanet"
    raise InputError(f"no scenario has the name {show(reference)}", where="scenario", hint=hint)


def file_at(path: Path, display: str, begins: str = "onehop: 1") -> Located:
    """The file ``path``, which messages call ``display``; a file of YAML ``begins`` with its version.

    Raises ``InputError`` if it is no path at all.
    """

    def read() -> Node:
        if not os.path.exists(path):
            near = [str(file.name) for file in sorted(path.parent.glob(f"*{path.suffix}"))[:200]]
            hint = did_you_mean(path.name, near, otherwise="in that folder")
            raise InputError("there is no such file", where=display, hint=hint)
        if path.suffix == ".graphml":
            text = read_text(path, display, sources.MAX_GRAPHML_BYTES)
            return Node.of(sources.from_graphml(text, path.stem, display), display)
        return parse(read_text(path, display), display, begins)

    try:
        identity = str(path.resolve())
    except (OSError, ValueError, RuntimeError):
        raise InputError(f"{show(display)} is no usable path", where="scenario") from None
    return Located(identity, display, path.parent, read)
