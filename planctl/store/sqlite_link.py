"""SQLite's transaction rules: BEGIN IMMEDIATE for every write, and never a statement outside a transaction.

Python's driver would begin a transaction only before the first INSERT, so that the SELECT a decision was
made from would lie outside it; here the driver begins nothing and every BEGIN is ours.
Source: SQLite documentation, "Transactions"; Python issue 54133.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from planctl.core.access import Role
from planctl.errors import NotPermitted, StoreFailure
from planctl.store.failures import translated, viewing
from planctl.store.kind import Kind
from planctl.store.sqlite_file import Opened, open_file, read_version, write_version
from planctl.store.url import StoreUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection


class SqliteLink:
    """A link to a SQLite file; see `planctl.store.link.Link`."""

    def __init__(
        self, url: StoreUrl, *, wait_seconds: int, create: bool, allow_older: bool, read_only: bool = False
    ) -> None:
        opened = open_file(
            url.path,
            wait_seconds=wait_seconds,
            create=create,
            allow_older=allow_older,
            read_only=read_only,
        )
        self.role = Role.VIEWER if read_only else Role.OWNER
        self._adopt(opened)

    def _adopt(self, opened: Opened) -> None:
        self.raw: sqlite3.Connection = opened.connection
        self.path = opened.path
        self.where = str(opened.path)
        self.login = ""
        self.writable = opened.writable
        self.version = opened.version
        self._kind = "DEFERRED"

    @cached_property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, in the transaction that is open. Made when it is first asked for.

        What needs text statements alone does not wait for SQLAlchemy's import, a fifth of a second.
        """
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import StaticPool

        engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        event.listen(engine, "begin", self._begin)
        event.listen(engine, "before_cursor_execute", self._guard)
        with translated(self.where):
            # SQLAlchemy asks a new connection what it can do, and rolls back after that: here something may be open.
            engine.dialect.do_rollback = _nothing  # type: ignore[method-assign, assignment]
            connection = engine.connect()
            del engine.dialect.do_rollback
            if self.raw.in_transaction:
                connection.begin()
        return connection

    @property
    def _is_joined(self) -> bool:
        """Whether SQLAlchemy has a part in what goes on."""
        return "connection" in self.__dict__

    def begin(self, kind: Kind) -> None:
        """BEGIN IMMEDIATE for what writes, BEGIN for a read."""
        writes = kind != "read"
        if writes and not self.writable:
            raise (
                viewing(self.where)
                if self.role is Role.VIEWER
                else NotPermitted(
                    "the store may only be read by this user",
                    where=self.where,
                    hint="run the command as an owner of the store",
                )
            )
        self._kind = "IMMEDIATE" if writes else "DEFERRED"
        if self._is_joined:
            self.connection.begin()
        else:
            self._begin()

    def be_alone(self) -> None:
        """Nothing: who writes is alone from the beginning."""

    def be_brief(self) -> None:
        """Nothing: who writes has the whole file."""

    def holds_transaction(self) -> bool:
        """Whether SQLite is in a transaction: it leaves it by itself when the disk is full."""
        return self.raw.in_transaction

    def commit(self) -> None:
        """COMMIT, refused if SQLite has already rolled back."""
        if not self.holds_transaction():
            raise _rolled_back(self.where)
        if self._is_joined:
            self.connection.commit()
        else:
            self.raw.commit()

    def rollback(self) -> None:
        """ROLLBACK, also after a failed COMMIT, which SQLAlchemy takes for an ended transaction."""
        if self._is_joined:
            self.connection.rollback()
        if self.raw.in_transaction:
            self.raw.rollback()

    def refresh_version(self) -> int:
        """The schema version in the file's header."""
        self.version = read_version(self.raw, self.path)
        return self.version

    def stored_version(self) -> int:
        """The number in the header, which the transaction reads in any case."""
        version: int = self.raw.execute("PRAGMA user_version").fetchone()[0]
        return version

    def write_version(self, version: int) -> None:
        """Write the header's `application_id` and `user_version`."""
        write_version(self.raw, version)
        self.version = version

    def stream(self, query: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows as SQLite comes to them."""
        cursor = self.raw.execute(query)
        while rows := cursor.fetchmany(size):
            yield rows

    def fill(self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """One INSERT, prepared once."""
        self._guard()
        named, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
        self.raw.executemany(f'INSERT INTO "{name}" ({named}) VALUES ({marks})', rows)

    def close(self) -> None:
        """Close the file."""
        if self._is_joined:
            self.connection.close()
            self.connection.engine.dispose()
        self.raw.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """The rows of a statement."""
        self._guard()
        return self.raw.execute(statement, values)

    def change(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """The statement for each row; how many rows it changed."""
        self._guard()
        return self.raw.executemany(statement, rows).rowcount

    def _begin(self, *_connection: object) -> None:
        if not self.raw.in_transaction:  # else SQLAlchemy joins what was begun without it
            self.raw.execute(f"BEGIN {self._kind}")

    def _guard(self, *_arguments: Any) -> None:
        # After SQLITE_FULL the transaction is gone, and the next INSERT would commit by itself.
        if not self.raw.in_transaction:
            raise _rolled_back(self.where)


def _nothing(_connection: object) -> None:
    """No rollback."""


def _rolled_back(where: str) -> StoreFailure:
    return StoreFailure(
        "the database ended the transaction by itself; nothing was written",
        code="rolled-back",
        where=where,
        hint="look at the disk (planctl doctor), then run the command again",
    )
