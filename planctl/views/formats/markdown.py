"""A Markdown table, for a comment or a page; what data says is text, never markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planctl.views.formats import Screen
from planctl.views.formats.table import text_of
from planctl.views.formats.values import sheet_of
from planctl.views.safe import safe
from planctl.views.sheet import Answer

MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def render(answer: Answer, _screen: Screen) -> Iterator[str]:
    """The table; an answer without rows is its `empty` sentence."""
    sheet = sheet_of(answer)
    if not sheet.rows:
        if answer.empty:
            yield escaped(answer.empty)
        return
    yield row_of([escaped(column.title) for column in sheet.columns])
    yield row_of(["---:" if column.is_number else "---" for column in sheet.columns])
    for row in sheet.rows:
        yield row_of(
            [
                escaped(text_of(cell, column, sheet.timezone))
                for cell, column in zip(row, sheet.columns, strict=True)
            ]
        )


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", safe(text))


def row_of(cells: list[str]) -> str:
    """One row of the table."""
    return f"| {' | '.join(cells)} |"
