"""Comma-separated values (RFC 4180 but for the line end, which is a line feed), with a header row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from planctl.views.formats import Screen
from planctl.views.formats.values import machine, sheet_of
from planctl.views.safe import safe
from planctl.views.sheet import Answer, Cell, Column

FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet begins a formula with; some take the wide forms for the same. Source: OWASP, "CSV Injection"."""


def render(answer: Answer, _screen: Screen) -> Iterator[str]:
    """The header with the columns' names, then the rows; absent cells are empty, flags `true` and `false`."""
    sheet = sheet_of(answer)
    if not sheet.columns:
        return
    yield line_of([column.name for column in sheet.columns])
    for row in sheet.rows:
        yield line_of([text_of(cell, column) for cell, column in zip(row, sheet.columns, strict=True)])


def text_of(cell: Cell, column: Column) -> str:
    """One cell. Text that a spreadsheet would run as a formula gets an apostrophe before it."""
    value = machine(cell, column)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = safe(str(value))
    return f"'{text}" if column.kind == "text" and text.startswith(FORMULA) else text


def line_of(cells: list[str]) -> str:
    """One line, quoted where it must be."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
