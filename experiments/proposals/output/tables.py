"""The tables of an answer, for CSV files and the workbook: what a table is, and all of them in order.

Column keys carry their units and are the header of the CSV; sheets show a title in both languages instead.
An empty cell means "none": nothing saved, never paid back, not computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from topology.network import Text

Cell = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """``key``: its name in CSV, with the unit; ``title``: what a reader sees."""

    key: str
    title: Text


@dataclass(frozen=True, slots=True)
class Table:
    """``name``: of the CSV file and, shortened to 31 characters, the sheet; rows as long as ``columns``."""

    name: str
    title: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(
        cls, name: str, title: Text, columns: Sequence[tuple[str, str, str]], rows: Iterable[Sequence[Cell]]
    ) -> Table:
        """``columns``: key, English title, Chinese title of each."""
        made = tuple(Column(key, Text(en, zh)) for key, en, zh in columns)
        table = cls(name, title, made, tuple(tuple(row) for row in rows))
        assert all(len(row) == len(made) for row in table.rows), f"{name}: a row of another length"
        return table
