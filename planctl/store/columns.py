"""Column types that mean the same on SQLite (STRICT tables) and PostgreSQL.

Amounts and instants are 64-bit integers, exact decimals and documents are text: neither engine ever sees
a floating-point number.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Text
from sqlalchemy import text as sql
from sqlalchemy.types import TypeEngine

WHOLE: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer: minor units, UTC microseconds, counters, 0/1 flags."""

STRICT = {"sqlite_strict": True}
CLUSTERED = {"sqlite_strict": True, "sqlite_with_rowid": False}
"""Table options: typed columns; with CLUSTERED the table is one b-tree in key order."""


def _reference(target: str) -> list[ForeignKey]:
    return [ForeignKey(target)] if target else []


def whole(
    *,
    primary_key: bool = False,
    index: bool = False,
    unique: bool = False,
    references: str = "",
    default: int | None = None,
) -> Column[int]:
    """A NOT NULL 64-bit integer column; `references` names the `table.column` it points to.

    `default` is what rows from before the column have.
    """
    return Column(
        WHOLE,
        *_reference(references),
        nullable=False,
        primary_key=primary_key,
        index=index,
        unique=unique,
        autoincrement=False,
        server_default=None if default is None else sql(str(default)),
    )


def maybe_whole() -> Column[int]:
    """A 64-bit integer column that may be NULL (never part of a unique key)."""
    return Column(WHOLE, nullable=True)


def text(
    *,
    primary_key: bool = False,
    index: bool = False,
    unique: bool = False,
    references: str = "",
    default: str | None = None,
) -> Column[str]:
    """A NOT NULL text column; `""` means "not said"; `references` names the `table.column` it points to.

    `default` is what rows from before the column have.
    """
    return Column(
        Text,
        *_reference(references),
        nullable=False,
        primary_key=primary_key,
        index=index,
        unique=unique,
        server_default=default,
    )


def blob(*, primary_key: bool = False) -> Column[bytes]:
    """A NOT NULL bytes column."""
    return Column(LargeBinary, nullable=False, primary_key=primary_key)
