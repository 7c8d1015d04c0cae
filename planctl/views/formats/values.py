"""What the formats for machines share: a sheet's rows as documents, a document's values as a sheet."""

from __future__ import annotations

from collections.abc import Mapping

from planctl.core.instants import Instant, instant_text
from planctl.views.sheet import Answer, Cell, Column, Json, Sheet


def document_of(answer: Answer) -> Json:
    """The answer's document, or one made of its sheet: a list of objects by column name."""
    if answer.document is not None or answer.sheet is None:
        return answer.document
    names = [column.name for column in answer.sheet.columns]
    return [
        dict(zip(names, cells, strict=True))
        for cells in (
            [machine(cell, column) for cell, column in zip(row, answer.sheet.columns, strict=True)]
            for row in answer.sheet.rows
        )
    ]


def machine(cell: Cell, column: Column) -> Json:
    """A cell for machines: instants as RFC 3339 in UTC, all else as it is."""
    if column.kind == "instant" and isinstance(cell, int) and not isinstance(cell, bool):
        return instant_text(Instant(cell))
    return cell


def sheet_of(answer: Answer) -> Sheet:
    """The answer's sheet, or one made of its document: the single values of each object, a column each."""
    if answer.sheet is not None:
        return answer.sheet
    document = answer.document
    items = (
        [document]
        if isinstance(document, Mapping)
        else document
        if isinstance(document, list | tuple)
        else []
    )
    objects = [item for item in items if isinstance(item, Mapping)]
    names = [
        name for name in (objects[0] if objects else {}) if all(is_single(item.get(name)) for item in objects)
    ]
    return Sheet(
        tuple(Column(name) for name in names),
        tuple(tuple(single(item.get(name)) for name in names) for item in objects),
    )


def is_single(value: Json) -> bool:
    """Whether a value fits one cell."""
    return value is None or isinstance(value, bool | int | str)


def single(value: Json) -> Cell:
    """A value that fits one cell, as that cell."""
    return value if value is None or isinstance(value, bool | int | str) else None
