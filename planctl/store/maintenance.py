"""Looking after a store: what it is, whether it is whole, and backups that are checked before they count.

It knows no law of billing; those are the business's and live elsewhere. A copy of the file is no backup.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from planctl.core.audit import Tip
from planctl.errors import NotYet, Refused, StoreFailure
from planctl.store import audit
from planctl.store.failures import translated
from planctl.store.settings import Identity, identity
from planctl.store.sqlite_file import read_version
from planctl.store.sqlite_link import SqliteLink
from planctl.store.version import SCHEMA_VERSION
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Store, Tx

OWNER_ONLY = 0o600

_SIZE = """
    SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS bigint) FROM pg_class
    WHERE relnamespace = to_regnamespace(current_schema()) AND relkind = 'r'
"""
"""The store's tables on PostgreSQL with their indexes; parts of a table are tables. A schema may be one of several."""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store is. `path` and `mode` (permission bits) are of the SQLite file; None for a server."""

    url: str
    engine: str
    engine_version: str
    schema_version: int
    newest_schema: int
    identity: Identity
    size_bytes: int
    writable: bool
    audit_tip: Tip
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
        if isinstance(store.link, SqliteLink):
            path = store.link.path
            found = path.stat()
            return StoreInfo(
                str(store.url), "SQLite", sqlite3.sqlite_version, store.link.version, SCHEMA_VERSION, who,
                found.st_size, store.writable, tip, path, stat.S_IMODE(found.st_mode),
            )  # fmt: skip
        size = tx.connection.execute(text(_SIZE)).scalar_one()
        version = tx.connection.execute(text("SHOW server_version")).scalar_one()
        return StoreInfo(
            str(store.url), "PostgreSQL", version, store.link.version, SCHEMA_VERSION, who,
            size, store.writable, tip,
        )  # fmt: skip


def integrity(tx: Tx) -> list[str]:
    """A sentence for everything wrong with the database itself; nothing where it is whole.

    Pages, indexes and references (SQLite); the header; who else may read or write the file.
    """
    link = tx.store.link
    if not isinstance(link, SqliteLink):
        return []
    with translated(link.where):
        return [*_problems(link.raw, link.path), *_exposed(link.path)]


def backup(store: Store, target: Path) -> Backup:
    """Copy the store to a new file with mode 0600 while others use it, and check the copy.

    The target must not exist: Refused. It is removed again if the copy fails or is not equal to the store
    in schema, references and audit: StoreFailure. Only SQLite; a server has tools of its own: NotYet.
    """
    link = store.link
    if not isinstance(link, SqliteLink):
        raise NotYet("backup of PostgreSQL", where=store.where, hint="use pg_dump")
    target = Path(os.path.abspath(target))
    _create(target)
    try:
        with translated(str(target)):
            tip = _copy(link.raw, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    _sync(target)
    return Backup(target, target.stat().st_size, tip)


def _copy(source: sqlite3.Connection, target: Path) -> Tip:
    """Copy all pages in one step, then read the copy back; its audit tip."""
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        source.backup(copy)
        wrong = _problems(copy, target)
        if wrong:
            raise StoreFailure(
                "the backup is not whole and was removed",
                code="backup-damaged",
                where=str(target),
                got=wrong[0],
                hint="check the store: planctl doctor",
            )
        return _tip(copy)
    finally:
        copy.close()


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


def _tip(connection: sqlite3.Connection) -> Tip:
    row = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Tip(*row) if row else Tip()


def _exposed(path: Path) -> list[str]:
    """Who besides the owner may read or write the file, or replace it."""
    mode, folder = stat.S_IMODE(path.stat().st_mode), path.parent.stat()
    problems = []
    if mode & 0o077:
        problems.append(
            f"{path} has mode {mode:04o}, expected {OWNER_ONLY:04o}: others may read it (chmod 600)"
        )
    if path.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        problems.append(f"{path} belongs to another user")
    if folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX:
        problems.append(f"{path.parent} may be written by others, who could replace the store (chmod 700)")
    return problems


def _create(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, OWNER_ONLY))
    except FileExistsError:
        raise Refused(
            "the backup's file is already there",
            code="backup-exists",
            where=str(target),
            hint="give a new name; a backup never overwrites anything",
        ) from None
    except OSError as error:
        raise StoreFailure(
            "the backup's file cannot be made",
            where=str(target),
            got=error.strerror or str(error),
            hint="check the directory",
        ) from error


def _sync(target: Path) -> None:
    """Make the backup durable: the file's bytes and its name."""
    for path in (target, target.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
