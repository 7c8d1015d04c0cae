"""The form for people: aligned text; drawn by rich on a terminal only, plain where it is piped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from planctl.core.instants import Instant, local_time, zone
from planctl.views.formats import Screen
from planctl.views.formats.values import sheet_of
from planctl.views.safe import safe, width
from planctl.views.sheet import Answer, Cell, Column, Gauge, Sheet

GAP = "  "
BAR = 20
"""Cells of a bar, at most."""
SMALLEST_BAR = 8
"""Cells of a bar, at least; where a text leaves less room, there is none."""


def render(answer: Answer, screen: Screen) -> Iterator[str]:
    """The lines, then the sheet; a sheet without rows is the answer's `empty` sentence, or nothing."""
    for barred, lines in groupby(answer.lines, key=lambda line: isinstance(line, Gauge)):
        if barred and screen.is_terminal:
            yield from gauges([line for line in lines if isinstance(line, Gauge)], screen)
        else:
            yield from (safe(line) for line in lines)
    sheet = answer.sheet
    if sheet is None and not answer.lines:
        sheet = sheet_of(answer)
    if sheet is None:
        return
    if not sheet.rows:
        if answer.empty:
            yield safe(answer.empty)
        return
    yield from (drawn if screen.is_terminal else plain)(sheet, screen)


def gauges(lines: Sequence[Gauge], screen: Screen) -> Iterator[str]:
    """Lines with their bars, all as wide as the longest text leaves room for; without any where it leaves none.

    Anything above 0 fills a cell of a bar, and only what is full fills the last.
    """
    room = min(screen.width - width(safe(line.label)) - width(safe(line.text)) for line in lines)
    cells = min(room - 2 * len(GAP), BAR)
    full, empty = ("█", "░") if screen.unicode else ("#", "-")
    for line in lines:
        if cells < SMALLEST_BAR:
            yield safe(line)
            continue
        part = min(max(line.part or 0, 0), 1)
        filled = max(int(cells * part), int(part > 0))
        bar = " " * cells if line.part is None else full * filled + empty * (cells - filled)
        yield f"{safe(line.label)}{GAP}{bar}{GAP}{safe(line.text)}"


def plain(sheet: Sheet, _screen: Screen) -> Iterator[str]:
    """Columns padded with spaces, numbers to the right, no trailing spaces."""
    table = [[column.title for column in sheet.columns], *texts(sheet)]
    widths = [max(width(row[index]) for row in table) for index in range(len(sheet.columns))]
    for row in table:
        cells = [
            padded(text, space, right=column.is_number)
            for text, space, column in zip(row, widths, sheet.columns, strict=True)
        ]
        yield GAP.join(cells).rstrip()


def drawn(sheet: Sheet, screen: Screen) -> Iterator[str]:
    """The same, fitted to the terminal's width, with a bold heading where colour is wanted.

    Cells are broken between words alone, since an id must be copied whole. Where that does not fit, columns
    without any cell are left out; where it still does not, every row is a block of `heading  cell` lines.
    """
    rows = texts(sheet)
    if _narrowest(sheet.columns, rows) > screen.width:
        filled = [place for place in range(len(sheet.columns)) if any(row[place] for row in rows)]
        sheet = replace(
            sheet,
            columns=tuple(sheet.columns[place] for place in filled),
            rows=tuple(tuple(row[place] for place in filled) for row in sheet.rows),
        )
        rows = texts(sheet)
    if _narrowest(sheet.columns, rows) > screen.width:
        yield from _blocks(sheet.columns, rows)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        width=screen.width,
        no_color=not screen.colour,
        force_terminal=screen.colour,
        markup=False,
        highlight=False,
        emoji=False,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, column in enumerate(sheet.columns):
        longest = max(_longest_word(text) for text in (column.title, *(row[place] for row in rows)))
        table.add_column(
            Text(column.title),
            justify="right" if column.is_number else "left",
            overflow="fold",
            min_width=longest,
            no_wrap=all(" " not in text for text in (column.title, *(row[place] for row in rows))),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().rstrip("\n").split("\n"):
        yield line.rstrip()


def _longest_word(text: str) -> int:
    return max((width(word) for word in text.split(" ")), default=0)


def _narrowest(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> int:
    """How wide a table is at least when cells are broken between words alone."""
    words = [
        max(_longest_word(text) for text in (column.title, *(row[place] for row in rows)))
        for place, column in enumerate(columns)
    ]
    return sum(words) + len(GAP) * (len(words) - 1)


def _blocks(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Each row as lines of their own, empty cells left out, with an empty line between rows."""
    space = max(width(column.title) for column in columns)
    for number, row in enumerate(rows):
        if number:
            yield ""
        for column, text in zip(columns, row, strict=True):
            if text:
                yield padded(column.title, space, right=False) + GAP + text


def texts(sheet: Sheet) -> list[list[str]]:
    """Every cell as people read it, safe for a terminal."""
    return [
        [safe(text_of(cell, column, sheet.timezone)) for cell, column in zip(row, sheet.columns, strict=True)]
        for row in sheet.rows
    ]


def text_of(cell: Cell, column: Column, timezone: str) -> str:
    """One cell: `1,000`, `yes`, `2026-02-01 00:00 UTC`; empty where absent."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if column.kind == "instant" and isinstance(cell, int):
        return moment(cell, timezone)
    return grouped(str(cell)) if column.is_number else str(cell)


def moment(at: int, timezone: str) -> str:
    """An instant on the wall clock of `timezone`, to the second only where it is not a whole minute."""
    local = local_time(Instant(at), zone(timezone))
    clock = local.isoformat(sep=" ", timespec="seconds" if local.second else "minutes")
    return f"{clock} {timezone}"


def grouped(number: str) -> str:
    """A decimal text with commas between thousands: `-1,234,567.5`; any other text as it is."""
    sign = "-" if number.startswith("-") else ""
    whole, point, fraction = number.removeprefix("-").partition(".")
    if not (whole.isascii() and whole.isdigit()):
        return number
    return f"{sign}{int(whole):,}{point}{fraction}"


def padded(text: str, columns: int, *, right: bool) -> str:
    """`text` filled with spaces to `columns`."""
    space = " " * (columns - width(text))
    return space + text if right else text + space
