"""Looking after a store: what it is, whether it is whole, and backups that are checked before they count.

It knows no law of billing; those are the business's and live elsewhere. A copy of the file is no backup.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from sqlalchemy import text

from planctl.core.audit import Tip
from planctl.errors import Refused, StoreFailure
from planctl.store import audit
from planctl.store.exposure import exposed
from planctl.store.failures import translated, translated_copy
from planctl.store.laying import check_free, laid
from planctl.store.places import here, is_home
from planctl.store.settings import Identity, identity
from planctl.store.sqlite_file import connect, read_version
from planctl.store.sqlite_link import SqliteLink
from planctl.store.version import SCHEMA_VERSION
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Store, Tx

BACKUP, TAKEN = "the backup", "backup-exists"

PORTION = 4_096
"""How many pages are copied at a time while others may write: 16 MiB."""

_MARGIN = 1 << 20
"""How many bytes an upgrade or a restore may need besides."""

_SIZE = """
    SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) FROM pg_class
    WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r'
"""
"""The store's tables on PostgreSQL with their indexes; parts of a table are tables. A schema may be one of several."""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store is. `here` is where it is, `at_home` whether it may bill there.

    `path` and `mode` (permission bits) are of the SQLite file; None for a server.
    """

    url: str
    engine: str
    engine_version: str
    schema_version: int
    newest_schema: int
    identity: Identity
    size_bytes: int
    writable: bool
    audit_tip: Tip
    here: str
    at_home: bool
    path: Path | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made and checked: where, how large, and the audit's last entry in it."""

    path: Path
    size_bytes: int
    audit_tip: Tip


def info(store: Store) -> StoreInfo:
    """What the store is."""
    with store.read() as tx:
        who, tip = identity(tx), audit.tip(tx)
        place, at_home = here(tx), is_home(tx, who)
        if isinstance(store.link, SqliteLink):
            path = store.link.path
            found = path.stat()
            return StoreInfo(
                str(store.url), "SQLite", sqlite3.sqlite_version, store.link.version, SCHEMA_VERSION, who,
                found.st_size, store.writable, tip, place, at_home, path, stat.S_IMODE(found.st_mode),
            )  # fmt: skip
        size = tx.connection.execute(text(_SIZE)).scalar_one()
        version = tx.connection.execute(text("SHOW server_version")).scalar_one()
        return StoreInfo(
            str(store.url), "PostgreSQL", version, store.link.version, SCHEMA_VERSION, who,
            size, store.writable, tip, place, at_home,
        )  # fmt: skip


def integrity(tx: Tx) -> list[str]:
    """A sentence for everything wrong with the database itself; nothing where it is whole.

    Pages, indexes and references (SQLite); the header; who else may read or write the file.
    """
    link = tx.store.link
    if not isinstance(link, SqliteLink):
        return []
    with translated(link.where):
        return [*_problems(link.raw, link.path), *exposed(link.path)]


def check_target(store: Store, target: Path) -> Path:
    """Where a backup is put: Refused where something is, and for a server's store (`backup-by-server`)."""
    if not isinstance(store.link, SqliteLink):
        address = store.where.replace(":***@", "@")  # the program asks for it, or finds it where planctl does
        raise by_server(store.where, f"pg_dump --format=custom --file=FILE --dbname={quote(address)}")
    target = Path(os.path.abspath(target))
    check_free(target, BACKUP, TAKEN)
    return target


def backup(store: Store, target: Path) -> Backup:
    """Copy the store to a new file with mode 0600 while others use it, and check the copy.

    The target must not exist: Refused. It gets its name when it was checked and is durable; nothing is left of a copy
    that fails or is not whole: StoreFailure. The copy lives nowhere. Refused (`backup-by-server`) for a server's.
    """
    target = check_target(store, target)
    with laid(target, BACKUP, TAKEN) as draft, translated_copy(store.where, str(target)):
        tip = checked_copy(store, draft)
    return Backup(target, target.stat().st_size, tip)


def by_server(where: str, hint: str) -> Refused:
    """The error for a backup of a store on PostgreSQL, which its own programs make and put back."""
    return Refused(
        "a store on PostgreSQL is backed up, and put back, by the server's own programs",
        code="backup-by-server",
        where=where,
        hint=hint,
    )


def checked_copy(store: Store, draft: Path) -> Tip:
    """Copy a SQLite store into an empty file and check the copy, which lives nowhere; its audit tip.

    It is copied in portions, between which others write; once somebody did, it begins again and nobody else writes
    until the pages are copied. The copy is not durable yet.
    """
    assert isinstance(store.link, SqliteLink), "a server has no file"
    source = store.link.raw
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        if _copied_in_portions(source, copy):
            return finished(copy, draft)
    os.truncate(draft, 0)
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        with store.read():  # waits for its turn; the copying itself would wait for ever
            copy_pages(source, copy)
        return finished(copy, draft)


class _Disturbed(Exception):
    """Somebody writes to the store meanwhile."""


def _copied_in_portions(source: sqlite3.Connection, copy: sqlite3.Connection) -> bool:
    """Copy while others may write between two portions; False, and half a copy, where somebody did."""
    least: list[int] = []

    def watch(status: int, remaining: int, _of: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or (least and remaining > least[0]):
            raise _Disturbed
        least[:] = [remaining]

    try:
        copy_pages(source, copy, PORTION, watch)
    except _Disturbed:
        return False
    return True


def keep_from_before(link: SqliteLink) -> Path:
    """Keep a checked copy of a store that is about to be upgraded: FILE.before-schema-N, in the place of an older one.

    In the transaction of the upgrade, before it changes anything. StoreFailure (`disk`) where there is no room for the
    copy and for what the upgrade writes beside the store.
    """
    target = Path(f"{link.path}.before-schema-{link.version}")
    check_room(
        link.path.parent,
        2 * link.path.stat().st_size,
        "an upgrade, which keeps a copy of the store as it was",
        "free some space and run planctl store upgrade again; nothing was done",
    )
    with (
        laid(target, "the copy from before the upgrade") as draft,
        translated_copy(str(link.path), str(target)),
        closing(sqlite3.connect(draft, isolation_level=None)) as copy,
        closing(connect(link.path, wait_seconds=0, writable=False)) as reader,
    ):
        # A connection that writes cannot be copied from; another one reads beside it, and sees what was.
        copy_pages(reader, copy)
        finished(copy, draft)
    return target


def check_room(folder: Path, size_bytes: int, what: str, hint: str) -> None:
    """StoreFailure (`disk`) where a folder has no room for so many bytes of `what`, and for a margin."""
    disk = os.statvfs(folder)
    needed, free = size_bytes + _MARGIN, disk.f_bavail * disk.f_frsize
    if free < needed:
        raise StoreFailure(
            f"there is no room for {what}",
            code="disk",
            where=str(folder),
            expected=f"{needed:,} bytes",
            got=f"{free:,} bytes",
            hint=hint,
        )


def copy_pages(
    source: sqlite3.Connection,
    copy: sqlite3.Connection,
    portion: int = -1,
    watch: Callable[[int, int, int], None] | None = None,
) -> None:
    """Copy all pages into a file that nobody uses yet, in portions of so many pages, -1: all at once.

    It would wait for a lock for ever: somebody must hold the source, or watch how it goes on and raise.
    """
    copy.execute("PRAGMA journal_mode = OFF")
    copy.execute("PRAGMA synchronous = OFF")
    source.backup(copy, pages=portion, progress=watch)


def finished(copy: sqlite3.Connection, path: Path) -> Tip:
    """Make a fresh copy homeless and read it whole: StoreFailure where it is damaged; its audit tip."""
    if "home" in {row[1] for row in copy.execute("PRAGMA table_info(store_identity)")}:
        copy.execute("UPDATE store_identity SET home = ''")
    check_whole(copy, path)
    row = copy.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Tip(*row) if row else Tip()


def check_whole(copy: sqlite3.Connection, path: Path) -> None:
    """StoreFailure (`backup-damaged`) where a copy's pages, indexes, references or header are not sound."""
    wrong = _problems(copy, path)
    if wrong:
        raise StoreFailure(
            "the copy is not whole and was removed",
            code="backup-damaged",
            where=str(path),
            got=wrong[0],
            hint="check what was copied: planctl doctor",
        )


def _problems(connection: sqlite3.Connection, path: Path) -> list[str]:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    problems = [f"integrity check: {line}" for line in found if line != "ok"]
    problems += [
        f"{table} row {row} refers to a row of {parent} that does not exist"
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check")
    ]
    version = read_version(connection, path)
    migrated = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if migrated != [(f"{version:04}",)]:
        problems.append(f"the header says schema {version}, the migrations say {migrated}")
    return problems
