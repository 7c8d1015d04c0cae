"""A connection to a store with its transaction rules, the same for both engines. It knows no table.

One connection, one transaction at a time. A write begins with the lock, so what it reads is what it changes.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection

from planctl.store.url import StoreUrl


class Link(Protocol):
    """What a database must offer. `where` names the store in messages and holds no secret."""

    where: str
    connection: Connection
    writable: bool
    version: int

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; a write waits for its turn, at most the seconds given at opening."""

    def holds_transaction(self) -> bool:
        """Whether the database itself is still in the transaction; it may have rolled back on an error."""

    def commit(self) -> None:
        """Make the transaction's changes durable."""

    def rollback(self) -> None:
        """Undo the transaction; nothing to do is fine."""

    def refresh_version(self) -> int:
        """Read the schema version again, inside the open transaction."""

    def write_version(self, version: int) -> None:
        """Record the schema version, inside the open transaction."""

    def close(self) -> None:
        """Let go of the connection."""


def open_link(url: StoreUrl, *, wait_seconds: int, create: bool = False, allow_older: bool = False) -> Link:
    """Connect to the store and check its schema version; see `sqlite_file.open_file` for what is refused."""
    if url.engine == "sqlite":
        from planctl.store.sqlite_link import SqliteLink

        return SqliteLink(url, wait_seconds=wait_seconds, create=create, allow_older=allow_older)
    from planctl.store.postgres_link import PostgresLink

    return PostgresLink(url, wait_seconds=wait_seconds, create=create, allow_older=allow_older)
