"""Statements over many rows at once: chunks, inserts, and customers by their small numbers. It knows no noun.

Every helper takes many values and sends a fixed number of statements per chunk, never one per row.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from planctl.errors import NotFound
from planctl.store import hot
from planctl.store.tables import COLUMNS
from planctl.store.touching import added, will_put

if TYPE_CHECKING:
    from sqlalchemy import Column, Select, Table

    from planctl.store.engine import Tx

Item = TypeVar("Item")
Key = TypeVar("Key")
Values = Mapping[str, Any]
"""One row to write, by column name."""

CHUNK = 500
"""How many values one statement names: far below the limits of both engines."""


@cache
def table(name: str) -> Table:
    """The table of that name with its columns and primary key: what statements need of the schema."""
    from sqlalchemy import MetaData, Table

    return Table(name, MetaData(), *map(_column, COLUMNS[name].split()))


def _column(said: str) -> Column[Any]:
    """A column from its word in `tables.py`, such as `seq*:whole` or `ends_at:whole?`."""
    from sqlalchemy import Column, LargeBinary, Text

    from planctl.store.columns import WHOLE

    types: dict[str, Any] = {"whole": WHOLE, "text": Text, "blob": LargeBinary}
    name, _, kind = said.partition(":")
    return Column(
        name.rstrip("*"),
        types[kind.rstrip("?")],
        primary_key=name.endswith("*"),
        nullable=kind.endswith("?"),
        autoincrement=False,
    )


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Cut items into lists of at most `size`, in order; nothing for no items."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def grouped(items: Iterable[Item], keys: Iterable[Key], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by key, in their order; every one of `keys` is there, with an empty list where it has none."""
    found: dict[Key, list[Item]] = {name: [] for name in keys}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def insert_rows(tx: Tx, name: str, rows: Sequence[Values]) -> None:
    """Insert all rows at once; a row whose unique key is taken raises, and none is inserted.

    Every row has the columns of the first.
    """
    if rows:
        columns, tuples = tuple(rows[0]), _tuples(rows)
        tx.store.link.fill(name, columns, tuples)
        added(tx, name, columns, tuples)


def put_rows(tx: Tx, name: str, rows: Sequence[Values], replaced: Collection[str] = ()) -> int:
    """Insert rows; where the primary key is taken, overwrite the columns in `replaced`, or leave it as it is.

    The number of rows inserted or overwritten. Every row has the columns of the first.
    """
    if not rows:
        return 0
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in replaced)
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    columns, tuples = tuple(rows[0]), _tuples(rows)
    will_put(tx, name, columns, tuples)
    return _put(tx, name, columns, tuples, action)


def put_tuples(tx: Tx, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
    """`put_rows` for very many rows, as tuples in the order of `columns`; nothing is overwritten."""
    return _put(tx, name, columns, rows, "NOTHING") if rows else 0


def _tuples(rows: Sequence[Values]) -> list[tuple[Any, ...]]:
    columns = tuple(rows[0])
    assert all(tuple(row) == columns for row in rows), f"rows of different columns, the first: {columns}"
    return [tuple(row.values()) for row in rows]


def _put(tx: Tx, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], if_taken: str) -> int:
    """One executemany of tuples that go to the driver as they are: naming their values would cost as much again."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    keys = ", ".join(f'"{column.partition("*")[0]}"' for column in COLUMNS[name].split() if "*" in column)
    statement = (
        f'INSERT INTO "{name}" ({quoted}) VALUES ({", ".join("?" * len(columns))})'
        f" ON CONFLICT ({keys}) DO {if_taken}"
    )
    return tx.change(statement, rows)


def records(tx: Tx, query: Select[Any]) -> list[Any]:
    """All rows of a query over numbers and texts, by name: for very many, which SQLAlchemy's own rows are slow for."""
    result = tx.connection.execute(query)
    assert result.cursor is not None, "the query answers with no rows"
    make = _record(tuple(result.keys()))
    found = [make(row) for row in result.cursor.fetchall()]
    result.close()
    return found


@lru_cache(maxsize=64)
def _record(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """What makes rows with these columns: one class for every list of columns that is ever asked for."""
    made: Any = namedtuple("Record", names)  # type: ignore[misc] # the names are known at run time
    make: Callable[[Iterable[Any]], Any] = made._make
    return make


def sequences(tx: Tx, customer_ids: Iterable[str]) -> dict[str, int]:
    """The small number of each customer; NotFound names the first customer that does not exist."""
    wanted = dict.fromkeys(customer_ids)
    found = known_sequences(tx, wanted)
    for customer in wanted:
        if customer not in found:
            raise NotFound(
                f"there is no customer {customer!r}",
                where=f"customer {customer}",
                hint="planctl customer list shows them all",
            )
    return found


def known_sequences(tx: Tx, customer_ids: Iterable[str]) -> dict[str, int]:
    """The small numbers of those customers that exist."""
    return numbers(tx, hot.NUMBERS, customer_ids)


def numbers(tx: Tx, statement: str, names: Iterable[str]) -> dict[str, int]:
    """The numbers of those names that a statement knows, which has `{}` for a chunk of them."""
    found: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(names)):
        rows = tx.rows(statement.format(", ".join("?" * len(chunk))), chunk)
        found |= {row[0]: row[1] for row in rows}
    return found
