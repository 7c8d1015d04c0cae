"""All that a store holds, table by table, as it is on both engines: rows in the order of their keys, and digests.

It gives no row a meaning and changes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from planctl.store.sets import table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

PAGE = 5_000
"""How many rows are in memory at once."""

PAGE_OF_DOCUMENTS = 100
"""The same for tables whose rows may be long: a whole catalog, all numbers of a run."""

DOCUMENTS = {"body", "changes", "document", "result", "summary"}
"""Columns that may be long."""

Row = tuple[Any, ...]
"""The values of one row in the order of the table's columns: whole numbers, texts, bytes, None."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds: how many rows, and the SHA-256 of all of them in the order of the key."""

    rows: int
    digest: str


class Digesting:
    """Takes the rows of a table in the order of its key, page by page, and gives its content."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = sha256()

    def add(self, rows: list[Row]) -> None:
        """The next rows, in MessagePack, in which equal values are equal bytes and no two rows look alike."""
        self.rows += len(rows)
        self._hash.update(b"".join(map(msgpack.encode, rows)))

    def content(self) -> Content:
        """What was added so far."""
        return Content(self.rows, self._hash.hexdigest())


def table_names() -> tuple[str, ...]:
    """Every table of the schema, each after those that it refers to."""
    from planctl.store.rows import METADATA

    return tuple(one.name for one in METADATA.sorted_tables)


def columns_of(name: str) -> tuple[str, ...]:
    """The columns of a table, in the order of its rows here."""
    return tuple(table(name).columns.keys())


def pages(tx: Tx, name: str) -> Iterator[list[Row]]:
    """The rows of a table, a page at a time, in the order of its key, which is the same on both engines.

    Whole numbers by size, texts by the bytes of their UTF-8, bytes by themselves.
    """
    size = PAGE_OF_DOCUMENTS if DOCUMENTS & {*columns_of(name)} else PAGE
    columns = ", ".join(f'"{column}"' for column in columns_of(name))
    key = ", ".join(f'"{column.name}"' for column in table(name).primary_key.columns)
    return tx.store.link.stream(f'SELECT {columns} FROM "{name}" ORDER BY {key}', size)


def content(tx: Tx, name: str) -> Content:
    """What a table holds, in bounded memory."""
    digesting = Digesting()
    for page in pages(tx, name):
        digesting.add(page)
    return digesting.content()


def digest(tx: Tx) -> dict[str, Content]:
    """What every table holds: equal for two stores with the same rows, on whichever engine."""
    return {name: content(tx, name) for name in table_names()}
