"""Copying a store to another place, SQLite or PostgreSQL, proven equal before it counts. It knows no noun.

The copy is one transaction, schema and rows: whatever fails, and whenever, there is no half store. The guards of
the schema stay in force: rows come in the order that they ask for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import text

from planctl.core.audit import Tip
from planctl.errors import Refused, StoreFailure
from planctl.store import audit
from planctl.store.contents import Content, Digesting, columns_of, content, pages, table_names
from planctl.store.engine import Store, Tx
from planctl.store.failures import translated
from planctl.store.link import Link, open_link
from planctl.store.migrate import lay_schema
from planctl.store.settings import put_home
from planctl.store.url import StoreUrl
from planctl.store.usage_months import make_months

Told = Callable[[str, int], None]
"""Told how far the copy is: which table, and how many of its rows are written."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made and compared: both places as they may be shown, what each table holds, the audit's tip."""

    source: str
    target: str
    tables: dict[str, Content]
    audit_tip: Tip

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(one.rows for one in self.tables.values())


def copy_store(
    source: Store, target: str, *, told: Told, judge: Callable[[Tx], None], wait_seconds: int = 5
) -> Copied:
    """Copy a store, as it is at one instant, to a place where none is; the copy lives nowhere until it is adopted.

    `judge` sees the copy before it counts and raises where it will not have it. Refused where something is at
    `target` already; StoreFailure where the copy does not hold the same. Nothing is left of what fails.
    """
    with source.read() as tx, new_store(target, wait_seconds=wait_seconds) as copy:
        with _entries_of_others(copy):
            tables = {name: _copy_table(tx, copy, name, told) for name in table_names()}
        _prepare_to_read(copy)
        for name, expected in tables.items():
            _compare(copy, name, expected)
        put_home(copy, "")
        judge(copy)
        return Copied(source.where, copy.store.where, tables, audit.tip(copy))


def check_place(target: str, *, wait_seconds: int = 5) -> str:
    """The target as it may be shown, if a copy could be made there: Refused where something is; nothing is made."""
    url = StoreUrl.parse(target)
    if url.engine == "sqlite" and not url.path.exists():
        return str(url)
    link = open_link(url, wait_seconds=wait_seconds, allow_older=True)
    try:
        _check_empty(link)
        return link.where
    finally:
        link.close()


@contextmanager
def new_store(target: str, *, wait_seconds: int) -> Iterator[Tx]:
    """A transaction in which a store is made: schema now, rows by the block, nothing at all where that fails."""
    url = StoreUrl.parse(target)
    is_new = url.engine == "sqlite" and not os.path.lexists(url.path)
    link = open_link(url, wait_seconds=wait_seconds, create=True, allow_older=True)
    kept = False
    try:
        with _all_or_nothing(link):
            yield Tx(Store(url, link))
        kept = True
    finally:
        link.close()
        # Rolled back, the file is empty again; one that is not is a store that somebody else has just made.
        if is_new and not kept and os.path.getsize(link.where) == 0:
            os.unlink(link.where)


@contextmanager
def _all_or_nothing(link: Link) -> Iterator[None]:
    with translated(link.where):
        try:
            _check_empty(link)
            link.begin("write")
            link.refresh_version()
            _check_empty(link)
            lay_schema(link)
            yield
            link.commit()
        except BaseException:
            link.rollback()
            raise


def _check_empty(link: Link) -> None:
    if link.version:
        raise Refused(
            "there is a store already",
            code="copy-exists",
            where=link.where,
            expected="a new file or an empty database",
            hint="give another place; a copy never overwrites anything",
        )


@contextmanager
def _entries_of_others(copy: Tx) -> Iterator[None]:
    """Let audit entries in that were written elsewhere, by other logins than this one."""
    guarded = copy.connection.dialect.name == "postgresql"
    if guarded:
        copy.connection.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_login"))
    yield
    if guarded:
        copy.connection.execute(text("ALTER TABLE audit ENABLE TRIGGER audit_login"))


def _copy_table(source: Tx, copy: Tx, name: str, told: Told) -> Content:
    """Write all rows of a table; what was read of them."""
    digesting, columns = Digesting(), columns_of(name)
    for page in pages(source, name):
        digesting.add(page)
        if name == "usage_event":
            make_months(copy, {row[columns.index("day")] for row in page})
        copy.store.link.fill(name, columns, page)
        told(name, digesting.rows)
    return digesting.content()


def _prepare_to_read(copy: Tx) -> None:
    """Let PostgreSQL count what it has: without that it reads as if every table were empty."""
    if copy.connection.dialect.name == "postgresql":
        copy.connection.execute(text("ANALYZE"))


def _compare(copy: Tx, name: str, expected: Content) -> None:
    """Read a table back: StoreFailure where it does not hold what was written."""
    found = content(copy, name)
    if found != expected:
        raise StoreFailure(
            "the copy is not the same as the store, and was removed",
            code="copy-differs",
            where=f"{copy.store.where}, table {name}",
            expected=f"{expected.rows:,} rows, digest {expected.digest[:12]}",
            got=f"{found.rows:,} rows, digest {found.digest[:12]}",
            hint="check both disks and the store (planctl doctor), then copy again",
        )
