"""Opening a store, and the kinds of transaction: when to begin, commit and undo. It knows no table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from planctl.store.failures import translated
from planctl.store.kind import Kind
from planctl.store.link import Link, open_link
from planctl.store.url import StoreUrl
from planctl.store.version import check_unchanged, missing

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Store", "StoreUrl", "Tx", "open_store"]


@dataclass(slots=True, eq=False)
class Tx:
    """One open transaction: what every function of the store takes first.

    `touched` are the rows it changes of tables that are audited, with the hash of each before, `fresh` those of them
    that it added whole, with the hash of each as it was added; see `touching`.
    """

    store: Store
    shared: bool = field(default=False)
    discards: bool = field(default=False)
    touched: dict[str, dict[tuple[Any, ...], str]] = field(default_factory=dict)
    fresh: dict[str, dict[tuple[Any, ...], str]] = field(default_factory=dict)

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, in this transaction."""
        return self.store.link.connection

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterable[Any]:
        """The rows of a text statement, as tuples; every value is a `?`. It does not wait for SQLAlchemy."""
        return self.store.link.rows(statement, values)

    def change(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """A text statement for each of many rows of values; how many rows of the store it changed."""
        return self.store.link.change(statement, rows)

    def alone(self) -> None:
        """From here to the end no other share goes on: numbers have no gaps, and the audit is one chain.

        A share calls it as late as it can. Nothing in any other transaction, and nothing the second time.
        """
        if self.shared:
            self.store.link.be_alone()
            self.shared = False

    @contextmanager
    def part(self) -> Iterator[Callable[[], None]]:
        """What is done in this block can be undone without the rest: by calling what it gives, or by an error."""
        with self.connection.begin_nested() as savepoint:

            def undo() -> None:
                savepoint.rollback()
                self.fresh.clear()  # what was added is read again, where it still is

            try:
                yield undo
            except BaseException:
                self.fresh.clear()
                raise

    def rollback_only(self) -> None:
        """Let the write block end without keeping anything: `--dry-run` does all the work, writes nothing."""
        self.discards = True


class Store:
    """An open store. One transaction at a time; close it, or use it in a `with` block.

    `host` is what the machine is called, empty for its own name; `place` is where the store is, once that was asked.
    """

    def __init__(self, url: StoreUrl, link: Link, host: str = "") -> None:
        self.url = url
        self.link = link
        self.host = host
        self.place = ""

    @property
    def where(self) -> str:
        """The store's place as it may be shown."""
        return self.link.where

    @property
    def writable(self) -> bool:
        """Whether this user may write; `write` raises NotPermitted otherwise."""
        return self.link.writable

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that sees one state of the store and keeps nothing: it always ends in a rollback."""
        with self._begun("read") as tx:
            yield tx
            self.link.rollback()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that is kept whole or not at all; nobody else writes while it is open.

        It takes the write lock before its first read. An exception undoes it; so does `tx.rollback_only()`.
        Busy if the lock does not come in time, StoreFailure if the disk is full, Conflict if a unique key
        already holds a row.
        """
        with self._writing("write") as tx:
            yield tx

    @contextmanager
    def share(self) -> Iterator[Tx]:
        """A write beside other shares where the engine has several writers (PostgreSQL), else the same as `write`.

        No `write` goes on meanwhile. Shares do not exclude each other: each locks the rows of the customers it
        changes, and takes numbers and appends to the audit only after `tx.alone()`.
        """
        with self._writing("share") as tx:
            yield tx

    @contextmanager
    def _writing(self, kind: Kind) -> Iterator[Tx]:
        with self._begun(kind) as tx:
            yield tx
            if tx.discards:
                self.link.rollback()
            else:
                self.link.commit()

    @contextmanager
    def _begun(self, kind: Kind) -> Iterator[Tx]:
        assert not self.link.holds_transaction(), "one transaction at a time"
        with translated(self.where):
            try:
                self.link.begin(kind)
                check_unchanged(self.link.version, self.link.stored_version(), self.where)
                yield Tx(self, shared=kind == "share")
            except BaseException:
                self.link.rollback()
                raise

    def close(self) -> None:
        """Let go of the file or the server."""
        self.link.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(  # noqa: PLR0913 - the last three only matter to a new store, all by name
    url: str,
    *,
    wait_seconds: int = 5,
    host: str = "",
    create: bool = False,
    at: int | None = None,
    is_test: bool = False,
    timezone: str = "UTC",
    read_only: bool = False,
) -> Store:
    """Open a store; with `create`, make it first where there is none.

    `host` is what this machine is called in the name of a store's home, empty for its own name. `at` (UTC microseconds,
    default: now), `is_test` and `timezone` are written into a new store only.
    No store and no `create`: StoreFailure. Another program's file: InvalidInput. An older or newer schema:
    Refused. A file that this user may not write is opened for reading; with `read_only` every store is.
    """
    parsed = StoreUrl.parse(url)
    link = open_link(parsed, wait_seconds=wait_seconds, create=create, read_only=read_only)
    store = Store(parsed, link, host)
    try:
        if store.link.version == 0:
            if not create or read_only:
                raise missing(store.where)
            from planctl.store.migrate import NewStore, create_schema

            create_schema(store.link, NewStore(at, is_test, timezone, host))
    except BaseException:
        store.close()
        raise
    return store
