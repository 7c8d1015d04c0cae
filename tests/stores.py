"""Stores for tests, on SQLite or on PostgreSQL: where they are, copies of them, and edits past planctl.

A test names its store by a path on both engines. With PLANCTL_TEST_STORE=postgresql nothing lies there: the path
names a database on a server that this process starts when it is first asked for, and stops at its end.
It knows no table.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from planctl.store.engine import Store, open_store
from planctl.store.link import open_link
from planctl.store.sqlite_link import SqliteLink

if TYPE_CHECKING:
    import psycopg

ENGINE = "PLANCTL_TEST_STORE"
"""Set to `postgresql` to keep every test's store there; SQLite otherwise."""

ON_POSTGRES = os.environ.get(ENGINE) == "postgresql"

SUFFIXES = ("", "-wal", "-shm", "-journal")
"""What lies beside a SQLite file while it is used."""

MEMORY = Path("/dev/shm")
"""A folder in memory: databases are copied there four times as fast as on a disk."""

ROOM = 2 << 30
"""As many bytes must be free in it; a container may have only 64 MiB."""

_made: dict[str, Path] = {}
"""The databases of this process, and the path that each is named after."""


# --- stores, by path


def address(path: Path | str) -> str:
    """How a store is named for `open_store`, `--store` and PLANCTL_STORE; nothing is made."""
    return _of_database(_name(Path(path))) if ON_POSTGRES else str(path)


def url(path: Path | str) -> str:
    """`address`, and on PostgreSQL the database is there: an empty one, if nobody made it before."""
    if ON_POSTGRES and _name(Path(path)) not in _made:
        _create(Path(path))
    return address(path)


def copy(source: Path, target: Path) -> Path:
    """Copy a store that nobody has open over whatever is at `target`, where it is at home too; `target` again."""
    remove(target)
    if ON_POSTGRES:
        _create(target, _name(source))
    else:
        shutil.copyfile(source, target)
        target.chmod(0o600)
    let_live(target)
    return target


def let_live(path: Path) -> None:
    """Let a store live where it is, as if it had been made there; a test store lives nowhere, nor does an older one."""
    place = _HERE if ON_POSTGRES else f"'{os.uname().nodename}:{os.path.realpath(path)}'"
    with raw(path) as connection:
        columns = [one[0] for one in connection.execute("SELECT * FROM store_identity").description]
        if "home" in columns:
            connection.execute(f"UPDATE store_identity SET home = {place} WHERE is_test = 0 AND home <> ''")


_HERE = """
    (SELECT 'postgresql:' || system_identifier || '/' || current_database() || '/' || current_schema()
       FROM pg_control_system())
"""


def copy_open(source: Store, target: Path) -> None:
    """Copy a store that is open, between two of its transactions; the copy is at home too."""
    if isinstance(source.link, SqliteLink):
        target.touch(mode=0o600)
        with closing(sqlite3.connect(target)) as file:
            source.link.raw.backup(file)
        let_live(target)
        return
    source.link.close()  # PostgreSQL copies no database to which somebody is connected
    _create(target, urlsplit(source.url.address).path.lstrip("/"))
    source.link = open_link(source.url, wait_seconds=5)
    let_live(target)


def remove(path: Path) -> None:
    """Remove a store; nothing if there is none."""
    if ON_POSTGRES:
        if _made.pop(_name(path), None):
            _admin().execute(f'DROP DATABASE "{_name(path)}" WITH (FORCE)'.encode())
        return
    for suffix in SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def sweep(folder: Path | None) -> None:
    """Drop what is not needed any more: databases named after a path in `folder`, or in one that is gone."""
    for path in tuple(_made.values()):
        if (folder and path.is_relative_to(folder)) or not path.parent.is_dir():
            remove(path)


@contextmanager
def opened(path: Path, wait_seconds: int = 5) -> Iterator[Store]:
    """A store that does not wait for the disk, open: no test that uses it cuts the power."""
    with open_store(url(path), wait_seconds=wait_seconds) as store:
        if isinstance(store.link, SqliteLink):
            store.link.raw.execute("PRAGMA synchronous = OFF")
        yield store


@contextmanager
def busy(path: Path) -> Iterator[None]:
    """Somebody else writes to the store meanwhile, and keeps nothing."""
    with open_store(url(path)) as store, store.write() as tx:
        tx.rollback_only()
        yield


# --- past planctl


@dataclass(frozen=True, slots=True)
class Raw:
    """The driver's connection; each statement is kept at once."""

    connection: Any

    def execute(self, statement: str, values: Sequence[object] = ()) -> Any:
        """The driver's cursor after a statement, whose values stand as `?` in it."""
        if ON_POSTGRES and values:
            statement = statement.replace("%", "%%").replace("?", "%s")
        return self.connection.execute(statement, *[values] if values else [])


def driver() -> Any:
    """The driver's module, for its exceptions."""
    if not ON_POSTGRES:
        return sqlite3
    import psycopg

    return psycopg


@contextmanager
def raw(path: Path) -> Iterator[Raw]:
    """A connection past planctl, for which the store's own guards stand."""
    settings: dict[str, Any] = {"autocommit": True} if ON_POSTGRES else {"isolation_level": None}
    with closing(driver().connect(url(path), **settings)) as connection:
        yield Raw(connection)


@contextmanager
def unguarded(path: Path) -> Iterator[Raw]:
    """`raw` with neither triggers nor references; they are back at the end."""
    with raw(path) as connection:
        if ON_POSTGRES:
            connection.execute("SET session_replication_role = replica")
            yield connection
            return
        # SQLite cannot be told to pass over its triggers, and does not look at references by itself.
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        yield connection
        for _, sql in triggers:
            connection.execute(sql)


def lift_guards(store: Store) -> None:
    """Let this open store take any row of the right types: neither triggers nor checks are looked at.

    PostgreSQL still looks at references, which nobody gets round without being its administrator.
    """
    if isinstance(store.link, SqliteLink):
        file = store.link.raw
        for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        file.execute("PRAGMA foreign_keys = OFF")
        file.execute("PRAGMA ignore_check_constraints = ON")
        return
    with store.write() as tx:
        for statement in tx.connection.execute(text(_LIFTED)).scalars().all():
            tx.connection.execute(text(statement))


_LIFTED = """
    SELECT format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) FROM pg_trigger
    WHERE NOT tgisinternal AND tgparentid = 0
    UNION ALL
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint
    WHERE contype = 'c' AND conislocal AND connamespace = current_schema()::regnamespace
"""


def edited(path: Path, *statements: str) -> None:
    """Run SQL past planctl and past the store's own guards; every statement must change something."""
    with unguarded(path) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement


def content(path: Path) -> object:
    """All that a store holds, to compare with what it holds later."""
    if not ON_POSTGRES:
        return path.read_bytes()
    with raw(path) as connection:
        names = connection.execute("SELECT relname FROM pg_stat_user_tables ORDER BY 1").fetchall()
        return {
            name: connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()
            for (name,) in names
        }


# --- databases


def database(path: Path) -> str:
    """The address of an empty database on PostgreSQL, whichever engine the other tests use."""
    _create(path)
    return _of_database(_name(path))


def _name(path: Path) -> str:
    return f"t{hashlib.sha256(bytes(path)).hexdigest()[:20]}"


def _of_database(name: str) -> str:
    return server().replace("/postgres?", f"/{name}?")


def _create(path: Path, template: str = "template1") -> None:
    """Copying the files is three times as fast as the server's default, which logs every page."""
    name = _name(path)
    _admin().execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'.encode())
    _made[name] = path


@cache
def _admin() -> psycopg.Connection:
    import psycopg

    return psycopg.connect(server(), autocommit=True)


# --- the server

PREFIX = "planctl-test-"
"""How a server's folder is named, with the number of the process whose tests it serves."""

_running: list[Path] = []
"""The folder of this process's server, once it runs."""


@cache
def server() -> str:
    """The address of this process's server, which is started first; its `/postgres` is a database to connect to.

    Its text sorts as English does, unlike SQLite's: an order that planctl promises may not depend on that.
    """
    place = MEMORY if _has_room(MEMORY) else Path(tempfile.gettempdir())
    _end_orphans(place)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    if user := _user():
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    _running.append(folder)
    _run("initdb", "-D", f"{folder}/data", "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync",
         "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")  # fmt: skip
    quick = "-F -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c shared_buffers=32MB -c jit=off"
    options = f"-c listen_addresses='' -k {folder} {quick}"
    _run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    return f"postgresql://owner@/postgres?host={folder}"


def stop() -> None:
    """Stop this process's server, if it runs, and remove everything of it."""
    if _admin.cache_info().currsize:
        _admin().close()
    while _running:
        _end(_running.pop())
    server.cache_clear()
    _admin.cache_clear()
    _made.clear()


def _end(folder: Path) -> None:
    with suppress(subprocess.CalledProcessError):
        _run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


def _end_orphans(place: Path) -> None:
    """End the servers of test processes that were killed, and could not do it."""
    for folder in place.glob(f"{PREFIX}*"):
        owner = int(folder.name.removeprefix(PREFIX).partition("-")[0])
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            _end(folder)
        except PermissionError:
            continue  # another person's, who is at it


def into_memory() -> None:
    """Let this process and its children make their temporary files in memory, unless TMPDIR says where.

    Every commit waits for the disk, which is right for a store and takes half of the time of the tests.
    """
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(folder: Path) -> bool:
    """Whether files may be written and run there, and enough of them."""
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free > ROOM


def _user() -> str | None:
    """Who runs the server, which refuses to be root."""
    return "nobody" if os.geteuid() == 0 else None


def _run(name: str, *words: str) -> None:
    subprocess.run([program(name), *words], check=True, capture_output=True, user=_user(), timeout=300)


def program(name: str) -> str:
    """The path of one of the server's programs, which Debian keeps out of PATH; skip where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found:
        return found
    missing = f"{name} is not installed"
    if ON_POSTGRES:
        raise pytest.fail.Exception(missing)
    raise pytest.skip.Exception(missing)
