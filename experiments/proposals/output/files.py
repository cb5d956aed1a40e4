"""The answer as CSV files and as one workbook: the same bytes for the same answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import datetime

import xlsxwriter

from experiments.proposals.findings import Answer
from experiments.proposals.model import Study
from experiments.proposals.output import tables_of_doubt as doubt
from experiments.proposals.output import tables_of_effects as effects
from experiments.proposals.output.tables import Cell, Table
from topology.network import Text

_NO_TIME = datetime(1980, 1, 1)
_TITLE_ROWS = 6  # of the first sheet, above its list of sheets
_WIDEST = 60  # characters of a column
_LONGEST_SHEET = 31  # characters of a sheet's name, set by Excel


def tables_of(study: Study, answer: Answer) -> tuple[Table, ...]:
    """All tables that have rows, in the order of the workbook."""
    every = (
        effects.recommended(study, answer),
        effects.portfolio_effects(answer),
        effects.ranking(study, answer),
        effects.pairs(answer),
        effects.targets(answer),
        effects.demands(study, answer),
        effects.front(answer),
        effects.interactions(answer),
        doubt.resilience(answer),
        doubt.cuts(answer),
        doubt.availability(answer),
        doubt.optics(answer),
        *doubt.sureness(answer),
        doubt.evidence(answer),
        doubt.assumptions(study),
        doubt.sources(study),
    )
    return tuple(table for table in every if table.rows)


def csv_files(tables: tuple[Table, ...]) -> Mapping[str, str]:
    """CSV (RFC 4180, but lines end in a newline alone) by file name."""
    found = {}
    for table in tables:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([column.key for column in table.columns])
        writer.writerows([[_plain(cell) for cell in row] for row in table.rows])
        found[f"{table.name}.csv"] = buffer.getvalue()
    return found


def _plain(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float():
            return repr(cell)
        case str() if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
            return f"'{cell}"  # else a spreadsheet takes a name from a user's file for a formula
        case _:
            return str(cell)


def workbook(title: Text, verdict: Text, tables: tuple[Table, ...]) -> bytes:
    """XLSX (ISO/IEC 29500): the verdict first, then a sheet per table with headings in both languages."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"title": f"{title.en} / {title.zh}", "created": _NO_TIME})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    muted = book.add_format({"font_color": "#5b6875", "text_wrap": True, "valign": "top", "bottom": 1})
    large = book.add_format({"bold": True, "font_size": 16})
    wrapped = book.add_format({"text_wrap": True, "valign": "top", "font_size": 12})
    front = book.add_worksheet("verdict 结论")
    front.set_column(0, 0, 110)
    for row, (text, form) in enumerate(
        ((title.en, large), (title.zh, large), (verdict.en, wrapped), (verdict.zh, wrapped))
    ):
        front.write_string(row, 0, text, form)
    for number, table in enumerate(tables):
        both = f"{table.title.en} / {table.title.zh}"
        front.write_url(
            _TITLE_ROWS + number,
            0,
            f"internal:'{_sheet(table)}'!A1",
            string=both,
        )
        _write(book.add_worksheet(_sheet(table)), table, bold, muted)
    book.close()
    return buffer.getvalue()


def _sheet(table: Table) -> str:
    return table.name[:_LONGEST_SHEET]


def _write(
    sheet: xlsxwriter.worksheet.Worksheet,
    table: Table,
    bold: xlsxwriter.format.Format,
    muted: xlsxwriter.format.Format,
) -> None:
    for at, column in enumerate(table.columns):
        sheet.write_string(0, at, column.title.en, bold)
        sheet.write_string(1, at, column.title.zh, muted)
        widths = [len(_plain(row[at])) for row in table.rows]
        sheet.set_column(at, at, min(max([12, *widths]) + 1, _WIDEST))
    for number, row in enumerate(table.rows, 2):
        for at, cell in enumerate(row):
            if isinstance(cell, bool):
                sheet.write_boolean(number, at, cell)
            elif isinstance(cell, str):
                sheet.write_string(number, at, cell)
            elif cell is not None:
                sheet.write_number(number, at, cell)
    sheet.freeze_panes(2, 1)
    sheet.autofilter(1, 0, 1 + len(table.rows), len(table.columns) - 1)
