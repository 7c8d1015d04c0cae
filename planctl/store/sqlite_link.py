"""SQLite's transaction rules: BEGIN IMMEDIATE for every write, and never a statement outside a transaction.

Python's driver would begin a transaction only before the first INSERT, so that the SELECT a decision was
made from would lie outside it; here the driver begins nothing and every BEGIN is ours.
Source: SQLite documentation, "Transactions"; Python issue 54133.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from planctl.errors import NotPermitted, StoreFailure
from planctl.store.failures import translated
from planctl.store.sqlite_file import Opened, open_file, read_version, write_version
from planctl.store.url import StoreUrl


class SqliteLink:
    """A link to a SQLite file; see `planctl.store.link.Link`."""

    def __init__(self, url: StoreUrl, *, wait_seconds: int, create: bool, allow_older: bool) -> None:
        opened = open_file(url.path, wait_seconds=wait_seconds, create=create, allow_older=allow_older)
        self._adopt(opened)

    def _adopt(self, opened: Opened) -> None:
        self.raw: sqlite3.Connection = opened.connection
        self.path = opened.path
        self.where = str(opened.path)
        self.writable = opened.writable
        self.version = opened.version
        self._engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        event.listen(self._engine, "begin", self._begin)
        event.listen(self._engine, "before_cursor_execute", self._guard)
        self._kind = "DEFERRED"
        with translated(self.where):
            self.connection = self._engine.connect()

    def begin(self, *, write: bool) -> None:
        """BEGIN IMMEDIATE for a write, BEGIN for a read."""
        if write and not self.writable:
            raise NotPermitted(
                "the store may only be read by this user",
                where=self.where,
                hint="run the command as an owner of the store",
            )
        self._kind = "IMMEDIATE" if write else "DEFERRED"
        self.connection.begin()

    def holds_transaction(self) -> bool:
        """Whether SQLite is in a transaction: it leaves it by itself when the disk is full."""
        return self.raw.in_transaction

    def commit(self) -> None:
        """COMMIT, refused if SQLite has already rolled back."""
        if not self.holds_transaction():
            raise _rolled_back(self.where)
        self.connection.commit()

    def rollback(self) -> None:
        """ROLLBACK, also after a failed COMMIT, which SQLAlchemy takes for an ended transaction."""
        self.connection.rollback()
        if self.raw.in_transaction:
            self.raw.rollback()

    def refresh_version(self) -> int:
        """The schema version in the file's header."""
        self.version = read_version(self.raw, self.path)
        return self.version

    def write_version(self, version: int) -> None:
        """Write the header's `application_id` and `user_version`."""
        write_version(self.raw, version)
        self.version = version

    def close(self) -> None:
        """Close the file."""
        self.connection.close()
        self._engine.dispose()
        self.raw.close()

    def _begin(self, _connection: object) -> None:
        self.raw.execute(f"BEGIN {self._kind}")

    def _guard(self, *_arguments: Any) -> None:
        # After SQLITE_FULL the transaction is gone, and the next INSERT would commit by itself.
        if not self.raw.in_transaction:
            raise _rolled_back(self.where)


def _rolled_back(where: str) -> StoreFailure:
    return StoreFailure(
        "the database ended the transaction by itself; nothing was written",
        code="rolled-back",
        where=where,
        hint="look at the disk (planctl doctor), then run the command again",
    )
