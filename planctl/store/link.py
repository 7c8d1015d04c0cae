"""A connection to a store with its transaction rules, the same for both engines. It knows no table.

One connection, one transaction at a time. A write begins with the lock, so what it reads is what it changes.
Shares are writes that may go on beside one another, where the engine can do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from planctl.core.access import Role
from planctl.errors import NotPermitted
from planctl.store.kind import Kind
from planctl.store.url import StoreUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Link(Protocol):
    """What a database must offer. `where` names the store in messages and holds no secret.

    `login` is whom the server takes this connection for; empty where there is no server. `role` is what he may do;
    without a server whoever may write the file may do everything.
    """

    where: str
    login: str
    role: Role
    writable: bool
    version: int

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, in the transaction that is open."""

    def begin(self, kind: Kind) -> None:
        """Begin a transaction; what writes waits for its turn, at most the seconds given at opening."""

    def be_alone(self) -> None:
        """Inside a share: wait until no other share is past this call; it lasts to the end of the transaction."""

    def be_brief(self) -> None:
        """From here to the end of the transaction wait at most a second for a table that somebody else uses.

        Whoever waits to change a table stops all who come to read it after him.
        """

    def holds_transaction(self) -> bool:
        """Whether the database itself is still in the transaction; it may have rolled back on an error."""

    def commit(self) -> None:
        """Make the transaction's changes durable."""

    def rollback(self) -> None:
        """Undo the transaction; nothing to do is fine."""

    def refresh_version(self) -> int:
        """Read the schema version again, inside the open transaction."""

    def stored_version(self) -> int:
        """The schema version as the open transaction sees it, for one short question; `version` stays as it is."""

    def write_version(self, version: int) -> None:
        """Record the schema version, inside the open transaction."""

    def stream(self, query: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """What a query answers, `size` rows at a time and no more of them in memory, inside the open transaction."""

    def fill(self, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert many rows into a table as quickly as the engine can; a taken key raises and ends the transaction."""

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterable[Any]:
        """The rows of a statement with a `?` for each value, as tuples, inside the open transaction."""

    def change(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """The same statement for each of many rows of values; how many rows of the store it changed."""

    def close(self) -> None:
        """Let go of the connection."""


def check_role(link: Link, needed: Role, command: str) -> None:
    """NotPermitted where whoever is connected may not run a command: said before anything of it is done."""
    if not link.role.includes(needed):
        raise NotPermitted(
            f"{link.login or 'whoever reads only'} may not do that; nothing was done: planctl {command}",
            where=link.where,
            expected=f"the role {needed}" + ("" if needed is Role.OWNER else f" or {Role.OWNER}"),
            got=f"{link.login} is {link.role}".strip(),
            hint=f"an owner of the store may grant it: planctl access grant {link.login} --role {needed}",
        )


def open_link(
    url: StoreUrl,
    *,
    wait_seconds: int,
    create: bool = False,
    allow_older: bool = False,
    read_only: bool = False,
) -> Link:
    """Connect to the store and check its schema version; see `sqlite_file.open_file` for what is refused.

    `read_only`: as a viewer, whatever else this user might do; `create` then makes nothing.
    """
    create = create and not read_only
    if url.engine == "sqlite":
        from planctl.store.sqlite_link import SqliteLink

        return SqliteLink(
            url, wait_seconds=wait_seconds, create=create, allow_older=allow_older, read_only=read_only
        )
    from planctl.store.postgres_link import PostgresLink

    return PostgresLink(
        url, wait_seconds=wait_seconds, create=create, allow_older=allow_older, read_only=read_only
    )
