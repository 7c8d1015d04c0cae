"""A neutral table of typed cells, and an answer in every form; how it looks is a format's business.

A report never knows how it looks, a format never knows what it shows. Data in cells is raw: formats make it
safe for where it goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from planctl.values import dataclass

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]
"""What `-f json` may print: amounts and quantities are decimal strings, instants RFC 3339; never a float."""

Kind = Literal["text", "amount", "quantity", "instant", "flag"]

Cell = None | bool | int | str
"""A cell by its column's kind: `flag` bool, `instant` UTC microseconds, the others text; None is absent.

Amounts are decimal strings in major units with all the currency's decimals (`19.00`), the currency in a
column of its own; quantities are decimal strings or whole numbers.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `name` is the snake_case key of machines, `heading` the words of people, if others."""

    name: str
    kind: Kind = "text"
    heading: str = ""

    @property
    def title(self) -> str:
        """What stands above the column."""
        return self.heading or self.name.replace("_", " ")

    @property
    def is_number(self) -> bool:
        """Whether cells are set to the right."""
        return self.kind in {"amount", "quantity"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under columns. Instants are shown to people in `timezone`; machines always get UTC."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse a row of another length: that is a mistake of ours."""
        assert all(len(row) == len(self.columns) for row in self.rows), "a row does not fit its columns"


class Gauge(str):
    """A line for people that a terminal draws with a bar between `label` and `text`; elsewhere it has none.

    `label` comes with its indent, padded so that the texts of a block stand below one another. `part` is how full
    the bar is, from 0 to 1 (what is above is drawn as full); None leaves its place empty.
    """

    __slots__ = ("label", "part", "text")
    label: str
    part: Fraction | None
    text: str

    def __new__(cls, label: str, part: Fraction | None, text: str) -> Gauge:
        """The line `label  text`, which knows how full its bar is."""
        line = super().__new__(cls, f"{label}  {text}")
        line.label, line.part, line.text = label, part, text
        return line


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says: `document` for JSON, `lines` and `sheet` for people, `sheet` for CSV and Markdown.

    A list command gives a sequence as document and its sheet; `show` gives a mapping and lines. Without a
    document JSON is made of the sheet's rows; without a sheet CSV and Markdown are made of the document's
    single values. A line may be a Gauge. `empty` is the sentence for people where a sheet has no rows.
    `sources` are other texts by format name (`yaml`, `github`), for commands that offer them.
    """

    document: Json = None
    lines: tuple[str, ...] = ()
    sheet: Sheet | None = None
    empty: str = ""
    sources: Mapping[str, str] | None = None
