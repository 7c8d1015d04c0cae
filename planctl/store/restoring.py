"""Puts a backup in the place of a store that is gone: copied, checked, and only then named. It knows no law.

A backup is never written to, and what was restored lives nowhere until somebody adopts it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from planctl.core.audit import Tip
from planctl.errors import PlanctlError, StoreFailure
from planctl.store import audit
from planctl.store.engine import open_store
from planctl.store.exposure import BESIDE
from planctl.store.failures import translated_copy
from planctl.store.laying import check_free, laid
from planctl.store.maintenance import check_room, check_whole, copy_pages
from planctl.store.settings import Identity, identity, put_home
from planctl.store.sqlite_file import Opened, open_file
from planctl.store.upgrading import upgrade
from planctl.store.version import SCHEMA_VERSION, missing
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx
    from planctl.store.migrate import Upgrade

WHAT, TAKEN = "the restored store", "restore-exists"

MORE_ROOM = "free some space there, or name another place; nothing was restored, and the backup is as it was"


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that was put back: where, how large, from which schema to which, and the audit's last entry."""

    path: Path
    size_bytes: int
    schema: Upgrade
    store: Identity
    audit_tip: Tip


def check_place(target: Path) -> Path:
    """The place as it is, links followed: Refused where a store, or what is left of one, is there.

    A journal that was left behind belongs to the store that was there; SQLite would play it into the new one.
    """
    for suffix in ("", *BESIDE):
        check_free(Path(f"{target}{suffix}"), WHAT, TAKEN)
    return Path(os.path.realpath(target))


def check_backup(source: Path, *, wait_seconds: int = 5) -> int:
    """A backup's schema version; what is no backup of a store, or of a newer planctl, is refused as a store is."""
    with closing(_opened(source, wait_seconds).connection) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version


def restore(
    source: Path, target: Path, *, judge: Callable[[Tx, Upgrade], None], wait_seconds: int = 5
) -> Restored:
    """Copy a backup to a place where no store is, bring the copy to the newest schema and check it.

    `judge` sees it before it counts, may write to it, and raises where it will not have it. StoreFailure where the
    backup is not whole, or there is no room where it is put (`disk`, which names that place). Nothing is left of what
    fails, not even a folder that was made for it.
    """
    target = check_place(target)
    is_older = check_backup(source, wait_seconds=wait_seconds) < SCHEMA_VERSION
    needed = source.stat().st_size * (1 + is_older)  # an upgrade writes it once more
    with _folder_for(target), _blamed_on(target), laid(target, WHAT, TAKEN) as draft:
        check_room(target.parent, needed, WHAT, MORE_ROOM)
        _copy(source, draft, wait_seconds)
        done = upgrade(str(draft), wait_seconds=wait_seconds)
        with open_store(str(draft), wait_seconds=wait_seconds) as store, store.write() as tx:
            put_home(tx, "")
            judge(tx, done)
            who, tip = identity(tx), audit.tip(tx)
    return Restored(target, target.stat().st_size, done, who, tip)


def _copy(source: Path, draft: Path, wait_seconds: int) -> None:
    """The pages of a backup, read in one transaction, and read again in the copy."""
    with (
        translated_copy(str(source), str(draft)),
        closing(_opened(source, wait_seconds).connection) as backup,
        closing(sqlite3.connect(draft, isolation_level=None)) as copy,
    ):
        backup.execute("BEGIN")
        backup.execute("SELECT 1 FROM sqlite_schema").fetchone()
        copy_pages(backup, copy)
        check_whole(copy, source)


def _opened(source: Path, wait_seconds: int) -> Opened:
    try:
        opened = open_file(source, wait_seconds=wait_seconds, allow_older=True, read_only=True)
        if opened.version == 0:
            opened.connection.close()
            raise missing(str(opened.path))
    except PlanctlError as error:
        if error.code in {"no-store", "not-a-store", "damaged"}:  # what helps a store helps no backup
            error.hint = "name a file that planctl store backup made"
        raise
    return opened


@contextmanager
def _folder_for(target: Path) -> Iterator[None]:
    """Make the folders of a place that are missing; what was made goes again where the rest fails."""
    missing_ones = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFailure(
            "the store's directory cannot be made",
            where=str(target.parent),
            got=error.strerror or str(error),
            hint="name another place for the store",
        ) from error
    try:
        yield
    except BaseException:
        for folder in missing_ones:
            with suppress(OSError):  # somebody else put something there meanwhile
                folder.rmdir()
        raise


@contextmanager
def _blamed_on(target: Path) -> Iterator[None]:
    """Let a disk that is full name the place that was asked for, neither the backup nor the file that is gone again."""
    try:
        yield
    except StoreFailure as error:
        if error.code == "disk":
            error.where, error.hint = str(target), MORE_ROOM
        raise
