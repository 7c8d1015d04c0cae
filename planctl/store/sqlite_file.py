"""The SQLite file: how it is created, found, opened and recognised. It knows no table, imports no SQLAlchemy.

The file is created before SQLite sees it, with mode 0600; after that nothing but SQLite opens it, because
closing it in this process would drop SQLite's locks.
Source: SQLite documentation, "How To Corrupt An SQLite Database File", sections 2.2 and 2.5.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from planctl.errors import InvalidInput, NotPermitted, Refused, StoreFailure
from planctl.store.failures import damaged, translated
from planctl.store.version import check_version, missing
from planctl.values import dataclass

APPLICATION_ID = 0x706C616E
"""`plan` in ASCII: what the header of every planctl store says it is."""

_SETTINGS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA recursive_triggers = ON",
    "PRAGMA synchronous = EXTRA",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
)

_ONLY_READ = "PRAGMA query_only = ON"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open connection and what its header says. `version` 0: an empty file, not a store yet."""

    connection: sqlite3.Connection
    path: Path
    version: int
    writable: bool


def open_file(
    path: Path,
    *,
    wait_seconds: int,
    create: bool = False,
    allow_older: bool = False,
    read_only: bool = False,
) -> Opened:
    """Open the store's file and check that it is ours; every refusal leaves it untouched.

    A missing file is StoreFailure, or is created empty (`version` 0) with `create`. A symbolic link is
    followed; a second hard link, a newer or an older schema are Refused; another program's file is
    InvalidInput. The connection is in autocommit: the caller writes BEGIN and COMMIT.
    """
    path = Path(os.path.realpath(path))
    if create:
        create_file(path)
    writable = _check_file(path) and not read_only
    with translated(str(path)):
        connection = connect(path, wait_seconds=wait_seconds, writable=writable)
        try:
            version = read_version(connection, path)
            check_version(version, str(path), allow_older=allow_older)
            if writable and connection.execute("PRAGMA journal_mode").fetchone()[0] != "delete":
                connection.execute("PRAGMA journal_mode = DELETE")
        except BaseException:
            connection.close()
            raise
    return Opened(connection, path, version, writable)


def create_file(path: Path) -> None:
    """Make sure the file exists: mode 0600, missing directories 0700, whatever the umask is."""
    if os.path.lexists(path):
        return
    try:
        for folder in reversed([parent for parent in path.parents if not parent.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        return  # somebody else was first
    except OSError as error:
        raise _unusable(path, error) from error


def connect(path: Path, *, wait_seconds: int, writable: bool) -> sqlite3.Connection:
    """A connection with planctl's settings; it never creates a file nor begins a transaction by itself."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={'rw' if writable else 'ro'}",
        uri=True,
        isolation_level=None,
        timeout=wait_seconds,
        check_same_thread=False,
    )
    try:
        for setting in (*_SETTINGS, *(() if writable else (_ONLY_READ,))):
            connection.execute(setting)
    except UnicodeDecodeError as error:  # SQLite quotes in its complaint what stands in the schema
        connection.close()
        raise damaged(str(path), "the schema holds bytes that are no text") from error
    return connection


def read_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version in the header; 0 for an empty file, InvalidInput for another program's."""
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID and version > 0:
        return version
    empty = connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None
    if application == 0 and version == 0 and empty:
        return 0
    raise InvalidInput(
        "the file belongs to another program",
        code="not-a-store",
        where=str(path),
        expected="a planctl store",
        got=f"a database with application id {application}",
        hint="check --store: it names another file; nothing was written",
    )


def write_version(connection: sqlite3.Connection, version: int) -> None:
    """Write into the header what the file is; part of the open transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")


def _check_file(path: Path) -> bool:
    """Whether the file may be written; it must exist, be a plain file and have one name only."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise missing(str(path)) from None
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(
            "the store is not a file",
            code="not-a-store",
            where=str(path),
            hint="give the path of a file, such as books.db",
        )
    if found.st_nlink > 1:
        raise Refused(
            f"the store's file has {found.st_nlink} names (hard links)",
            code="store-hard-link",
            where=str(path),
            hint="two names mean two journals and a corrupt store: remove the other name",
        )
    if not os.access(path, os.R_OK):
        raise NotPermitted(
            "the store may not be read by this user", where=str(path), hint="run the command as its owner"
        )
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _unusable(path: Path, error: OSError) -> StoreFailure:
    return StoreFailure(
        "the store's file cannot be used",
        where=str(path),
        got=error.strerror or str(error),
        hint="check the directory and who may write there, or name another place with --store",
    )
