"""Statements over many rows at once: chunks, inserts, and customers by their small numbers. It knows no noun.

Every helper takes many values and sends a fixed number of statements per chunk, never one per row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, select

from planctl.errors import NotFound
from planctl.store.columns import WHOLE
from planctl.store.tables import COLUMNS

if TYPE_CHECKING:
    from planctl.store.engine import Tx

Item = TypeVar("Item")
Key = TypeVar("Key")
Values = Mapping[str, Any]
"""One row to write, by column name."""

CHUNK = 500
"""How many values one statement names: far below the limits of both engines."""


_TYPES: dict[str, Any] = {"whole": WHOLE, "text": Text, "blob": LargeBinary}


@cache
def table(name: str) -> Table:
    """The table of that name with its columns and primary key: what statements need of the schema."""
    return Table(name, MetaData(), *map(_column, COLUMNS[name].split()))


def _column(said: str) -> Column[Any]:
    """A column from its word in `tables.py`, such as `seq*:whole` or `ends_at:whole?`."""
    name, _, kind = said.partition(":")
    return Column(
        name.rstrip("*"),
        _TYPES[kind.rstrip("?")],
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
    """Insert all rows with one executemany; a row whose unique key is taken raises, and none is inserted.

    Every row has the columns of the first.
    """
    if rows:
        _insert(tx, name, tuple(rows[0]), [tuple(row.values()) for row in _alike(rows)])


def put_rows(tx: Tx, name: str, rows: Sequence[Values], replaced: Collection[str] = ()) -> int:
    """Insert rows; where the primary key is taken, overwrite the columns in `replaced`, or leave it as it is.

    The number of rows inserted or overwritten. Every row has the columns of the first.
    """
    if not rows:
        return 0
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in replaced)
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    return _insert(tx, name, tuple(rows[0]), [tuple(row.values()) for row in _alike(rows)], action)


def put_tuples(tx: Tx, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
    """`put_rows` for very many rows, as tuples in the order of `columns`; nothing is overwritten."""
    return _insert(tx, name, columns, rows, "NOTHING") if rows else 0


def _alike(rows: Sequence[Values]) -> Sequence[Values]:
    columns = list(rows[0])
    assert all(list(row) == columns for row in rows), f"rows of different columns, the first: {columns}"
    return rows


def _insert(
    tx: Tx, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], if_taken: str = ""
) -> int:
    """One executemany of tuples that go to the driver as they are: naming their values would cost as much again."""
    mark = "?" if tx.connection.dialect.paramstyle == "qmark" else "%s"
    quoted = ", ".join(f'"{column}"' for column in columns)
    statement = f'INSERT INTO "{name}" ({quoted}) VALUES ({", ".join([mark] * len(columns))})'
    if if_taken:
        keys = ", ".join(f'"{column.name}"' for column in table(name).primary_key)
        statement += f" ON CONFLICT ({keys}) DO {if_taken}"
    return tx.connection.exec_driver_sql(statement, list(rows)).rowcount


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
    customer = table("customer")
    found: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(customer_ids)):
        query = select(customer.c.id, customer.c.seq).where(customer.c.id.in_(chunk))
        found |= {row.id: row.seq for row in tx.connection.execute(query)}
    return found
