"""Transactions and the file: nothing half-written, nothing unasked, nothing opened that is not ours."""

from __future__ import annotations

import builtins
import io
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from planctl.errors import Busy, Conflict, InvalidInput, NotPermitted, Refused, StoreFailure
from planctl.store.engine import Store, StoreUrl, Tx, open_store
from planctl.store.failures import meaning_of
from planctl.store.settings import all_settings, identity, put_setting, setting
from planctl.store.sqlite_link import SqliteLink
from planctl.store.version import SCHEMA_VERSION
from tests import stores

BORN = 1_767_225_600_000_000


def raw_of(store: Store) -> sqlite3.Connection:
    assert isinstance(store.link, SqliteLink)
    return store.link.raw


def traced(store: Store, work: Callable[[Tx], object], *, write: bool) -> list[str]:
    """Every statement SQLite saw while `work` ran in a transaction."""
    seen: list[str] = []
    raw_of(store).set_trace_callback(seen.append)
    with store.write() if write else store.read() as tx:
        work(tx)
    raw_of(store).set_trace_callback(None)
    return seen


# --- transactions


@pytest.mark.sqlite_only
def test_a_write_takes_the_lock_before_it_reads_and_ends_with_a_commit(store: Store) -> None:
    seen = traced(store, lambda tx: setting(tx, "timezone"), write=True)
    assert seen[:2] == ["BEGIN IMMEDIATE", "PRAGMA user_version"]
    assert seen[2].startswith("SELECT")
    assert seen[-1] == "COMMIT"


@pytest.mark.sqlite_only
def test_a_read_takes_no_write_lock_and_keeps_nothing(store: Store) -> None:
    seen = traced(store, lambda tx: put_setting(tx, "timezone", "UTC"), write=False)
    assert seen[0] == "BEGIN DEFERRED"
    assert seen[-1] == "ROLLBACK"
    with store.read() as tx:
        assert setting(tx, "timezone") == "Europe/Berlin"


def test_an_exception_undoes_the_whole_write(store: Store) -> None:
    def fail() -> None:
        with store.write() as tx:
            put_setting(tx, "seller.name", "Acme")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    with store.read() as tx:
        assert all_settings(tx) == {"timezone": "Europe/Berlin"}


def test_a_dry_run_does_the_work_and_keeps_nothing(store: Store) -> None:
    with store.write() as tx:
        tx.rollback_only()
        put_setting(tx, "seller.name", "Acme")
        assert setting(tx, "seller.name") == "Acme"
    with store.read() as tx:
        assert setting(tx, "seller.name", "nobody") == "nobody"


def test_there_is_one_transaction_at_a_time(store: Store) -> None:
    with store.read(), pytest.raises(AssertionError, match="one transaction at a time"), store.write():
        pass


def test_no_update_is_lost_between_two_writers(store_path: Path) -> None:
    """Reading 40 in one transaction and writing 41 in another would lose every second step."""

    def count_up() -> None:
        with stores.opened(store_path, wait_seconds=20) as opened:
            for _ in range(20):
                with opened.write() as tx:
                    put_setting(tx, "count", str(int(setting(tx, "count", "0")) + 1))

    both = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    with open_store(stores.url(store_path)) as opened, opened.read() as tx:
        assert setting(tx, "count") == "40"


def test_a_writer_that_gets_no_lock_is_told_that_the_store_is_busy(store_path: Path) -> None:
    with (
        stores.busy(store_path),
        open_store(stores.url(store_path), wait_seconds=0) as opened,
        pytest.raises(Busy, match="busy"),
        opened.write(),
    ):
        pass


def test_a_writer_waits_for_its_turn(store_path: Path) -> None:
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with stores.busy(store_path):
            held.set()
            enough.wait()

    other, release = threading.Thread(target=hold), threading.Timer(0.2, enough.set)
    other.start()
    held.wait()
    release.start()
    with open_store(stores.url(store_path), wait_seconds=20) as opened, opened.write() as tx:
        put_setting(tx, "seller.name", "Acme")
    other.join()


@pytest.mark.sqlite_only
def test_a_long_reader_makes_the_commit_busy_and_the_next_write_succeeds(store_path: Path) -> None:
    reader = sqlite3.connect(store_path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM setting").fetchall()
    with open_store(stores.url(store_path), wait_seconds=0) as opened:
        with pytest.raises(Busy), opened.write() as tx:
            put_setting(tx, "seller.name", "first")
        reader.close()
        with opened.write() as tx:
            assert setting(tx, "seller.name", "nothing") == "nothing"
            put_setting(tx, "seller.name", "second")


# --- what the database refuses


def test_a_row_that_is_already_there_is_a_conflict(store: Store) -> None:
    row = text("INSERT INTO meter (id, name) VALUES (1, 'minutes')")
    with store.write() as tx:
        tx.connection.execute(row)
    with pytest.raises(Conflict, match="already holds") as caught, store.write() as tx:
        tx.connection.execute(row)
    assert "meter" in str(caught.value.got)


def test_what_is_final_is_refused_with_the_tables_name(store: Store) -> None:
    with store.write() as tx:
        tx.connection.execute(text("INSERT INTO terms (hash, document) VALUES ('ab', '{}')"))
    with pytest.raises(Refused, match="terms is never deleted"), store.write() as tx:
        tx.connection.execute(text("DELETE FROM terms"))


def test_a_mistake_of_ours_is_not_dressed_up(store: Store) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)not.null"), store.write() as tx:
        tx.connection.execute(text("INSERT INTO meter (id, name) VALUES (1, NULL)"))


# --- the disk


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes; Python ignores the signal, the write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.sqlite_only
def test_a_full_disk_is_one_clear_error_and_nothing_is_written(store: Store, store_path: Path) -> None:
    def fill() -> None:
        with store.write() as tx:
            put_setting(tx, "seller.name", "x" * 2_000_000)

    with files_up_to(store_path.stat().st_size + 8192), pytest.raises(StoreFailure, match="no space left"):
        fill()
    with store.read() as tx:
        assert all_settings(tx) == {"timezone": "Europe/Berlin"}
    fill()
    with store.read() as tx:
        assert len(setting(tx, "seller.name")) == 2_000_000


@pytest.mark.sqlite_only
def test_after_the_database_rolled_back_no_statement_commits_by_itself(store: Store) -> None:
    """SQLite leaves the transaction when the disk is full; what follows would be committed one by one."""

    def go_on_regardless() -> None:
        with store.write() as tx:
            put_setting(tx, "first", "1")
            raw_of(store).execute("ROLLBACK")  # what SQLite does on SQLITE_FULL
            with suppress(StoreFailure):
                put_setting(tx, "second", "2")

    with pytest.raises(StoreFailure, match="ended the transaction by itself"):
        go_on_regardless()
    with store.read() as tx:
        assert all_settings(tx) == {"timezone": "Europe/Berlin"}


# --- the file


@pytest.mark.sqlite_only
def test_a_new_store_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "books.db"
    before = os.umask(0)
    try:
        with open_store(str(path), create=True, at=BORN) as opened, opened.write() as tx:
            put_setting(tx, "seller.name", "Acme")
            journal = path.with_name("books.db-journal")
            modes = [
                stat.S_IMODE(one.stat().st_mode) for one in (path, journal, path.parent, path.parents[1])
            ]
    finally:
        os.umask(before)
    assert [f"{mode:o}" for mode in modes] == ["600", "600", "700", "700"]


def test_a_new_store_knows_who_it_is(store: Store) -> None:
    with store.read() as tx:
        found = identity(tx)
        assert all_settings(tx) == {"timezone": "Europe/Berlin"}
    assert found.store_id.startswith("store_")
    assert (found.created_at, found.is_test, found.high_water_at) == (BORN, True, None)


def test_two_commands_that_make_the_store_at_once_make_one(tmp_path: Path) -> None:
    url, found = stores.url(tmp_path / "books.db"), []

    def make() -> None:
        with open_store(url, create=True, wait_seconds=20) as opened, opened.read() as tx:
            found.append(identity(tx).store_id)

    both = [threading.Thread(target=make) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1


@pytest.mark.sqlite_only
def test_a_missing_store_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    with pytest.raises(StoreFailure, match="no store yet") as caught:
        open_store(str(path))
    assert (caught.value.exit_code, caught.value.code, caught.value.where) == (74, "no-store", str(path))
    assert not path.exists()


@pytest.mark.sqlite_only
def test_a_creation_that_was_killed_is_finished_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    path.touch(0o600)  # the file is there, its tables are not
    with pytest.raises(StoreFailure, match="no store yet"):
        open_store(str(path))
    with open_store(str(path), create=True, at=BORN) as opened, opened.read() as tx:
        assert identity(tx).created_at == BORN


def foreign_text(path: Path) -> None:
    path.write_text("this is not a database, but long enough to have a header of one hundred bytes" * 3)


def foreign_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


def foreign_application(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1196444487")  # a GeoPackage
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def foreign_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.sqlite_only
@pytest.mark.parametrize("make", [foreign_text, foreign_tables, foreign_application, foreign_folder])
@pytest.mark.parametrize("create", [False, True])
def test_another_programs_file_is_left_alone(
    tmp_path: Path, make: Callable[[Path], None], create: bool
) -> None:
    path = tmp_path / "theirs.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(InvalidInput) as caught:
        open_store(str(path), create=create)
    assert caught.value.code == "not-a-store"
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.sqlite_only
def test_a_newer_store_is_refused_and_not_touched(store_path: Path) -> None:
    with sqlite3.connect(store_path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (store_path.read_bytes(), store_path.stat().st_mtime_ns)
    with pytest.raises(Refused, match="newer planctl") as caught:
        open_store(stores.url(store_path))
    assert (caught.value.exit_code, caught.value.got) == (4, "schema 99")
    assert (store_path.read_bytes(), store_path.stat().st_mtime_ns) == before


@pytest.mark.sqlite_only
def test_an_older_store_is_refused_until_it_is_upgraded(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planctl.store.version.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(Refused, match="older schema") as caught:
        open_store(stores.url(store_path))
    assert "planctl store upgrade" in caught.value.hint


@pytest.mark.sqlite_only
def test_a_symbolic_link_leads_to_the_file_itself(store_path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(store_path)
    with open_store(str(link)) as opened, opened.write() as tx:
        put_setting(tx, "seller.name", "Acme")
        assert opened.where == str(store_path)
        assert (tmp_path / "books.db-journal").exists()
        assert not (tmp_path / "link.db-journal").exists()


@pytest.mark.sqlite_only
def test_a_file_with_two_names_is_refused(store_path: Path, tmp_path: Path) -> None:
    os.link(store_path, tmp_path / "second.db")
    with pytest.raises(Refused, match="2 names"):
        open_store(stores.url(store_path))


@pytest.mark.sqlite_only
def test_a_viewer_reads_and_cannot_write(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: mode == os.R_OK)
    with open_store(stores.url(store_path)) as opened:
        assert not opened.writable
        with opened.read() as tx:
            assert setting(tx, "timezone") == "Europe/Berlin"
        with pytest.raises(NotPermitted) as caught, opened.write():
            pass
        assert caught.value.exit_code == 77
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            raw_of(opened).execute("DELETE FROM setting")


@pytest.mark.sqlite_only
def test_only_sqlite_opens_the_file(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the file in this process drops SQLite's locks, so planctl itself never opens it."""
    opened_paths: list[str] = []

    def watch(module: object, name: str) -> None:
        real = getattr(module, name)

        def opening(path: object, *arguments: object, **named: object) -> object:
            opened_paths.append(str(path))
            return real(path, *arguments, **named)

        monkeypatch.setattr(module, name, opening)

    watch(builtins, "open")
    watch(io, "open")
    watch(os, "open")
    with open_store(stores.url(store_path), create=True) as opened, opened.write() as tx:
        put_setting(tx, "seller.name", "Acme")
    assert [path for path in opened_paths if path.startswith(str(store_path))] == []


SETTINGS = {
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "recursive_triggers": 1,
    "synchronous": 3,  # EXTRA
    "journal_mode": "delete",
    "application_id": 0x706C616E,
    "user_version": SCHEMA_VERSION,
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", SETTINGS)
def test_the_connection_is_set_up_for_safety(store_path: Path, name: str) -> None:
    with open_store(stores.url(store_path)) as opened:
        assert raw_of(opened).execute(f"PRAGMA {name}").fetchone() == (SETTINGS[name],)


@pytest.mark.sqlite_only
def test_a_store_left_in_another_journal_mode_is_brought_back(store_path: Path) -> None:
    connection = sqlite3.connect(store_path)
    assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()
    with open_store(stores.url(store_path)) as opened:
        assert raw_of(opened).execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.sqlite_only
def test_odd_characters_in_the_path_are_only_characters(template: Path, tmp_path: Path) -> None:
    path = tmp_path / "Bücher 100%41?mode=memory#x.db"
    shutil.copy(template, path)
    with open_store(str(path)) as opened, opened.read() as tx:
        assert setting(tx, "timezone") == "Europe/Berlin"
    assert sorted(one.name for one in tmp_path.iterdir()) == [path.name]


@pytest.mark.sqlite_only
def test_opening_a_store_loads_neither_models_nor_migrations(store_path: Path) -> None:
    program = (
        "import sys; from planctl.store.engine import open_store; open_store(sys.argv[1]).close();"
        "print(sorted({'sqlmodel', 'pydantic', 'alembic', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(store_path)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# --- addresses

ADDRESSES = {
    "books.db": "sqlite:///books.db",
    "/srv/books.db": "sqlite:////srv/books.db",
    "sqlite:///books.db": "sqlite:///books.db",
    "sqlite:////srv/books.db": "sqlite:////srv/books.db",
    "postgresql://amy:secret@db.example.com/books": "postgresql://amy:***@db.example.com/books",
    "postgres://db.example.com/books?password=secret": "postgresql://db.example.com/books?password=***",
    "postgresql:///books?sslpassword=secret&user=amy": "postgresql:///books?sslpassword=***&user=amy",
    "postgresql://amy:sec/r?e#t@db.example.com/books": "postgresql://amy:***@db.example.com/books",
    "postgresql://amy:s@cret@db.example.com/books": "postgresql://amy:***@db.example.com/books",
    "postgresql://amy@corp:secret@db.example.com/books": "postgresql://amy@corp:***@db.example.com/books",
    "postgresql://db.example.com:5432/books?sslmode=require": "postgresql://db.example.com:5432/books?sslmode=require",
}


@pytest.mark.parametrize("written", ADDRESSES)
def test_an_address_is_shown_without_its_password(written: str) -> None:
    assert str(StoreUrl.parse(written)) == ADDRESSES[written]


@pytest.mark.parametrize("written", ["", "sqlite://books.db", "mysql://host/books", ":memory:", "sqlite:///"])
def test_an_address_that_is_not_understood_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        StoreUrl.parse(written)
    assert caught.value.code == "store-url"


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(InvalidInput) as caught:
        StoreUrl.parse("mysql://amy:secret@host/books")
    assert caught.value.got == "mysql://amy:***@host/books"


BROKEN = {
    "postgresql://amy:secret@127.0.0.1:1/books?nonsense=1": ': invalid connection option "nonsense"',
    "postgresql://amy:secret@127.0.0.1:1/books?autocommit=1": ': invalid connection option "autocommit"',
    "postgresql://amy:secret@127.0.0.1:1/books?conninfo=host%3Dx": ': invalid connection option "conninfo"',
    "postgresql://amy:secret@127.0.0.1:1/books?connect_timeout=abc": ": bad value for connect_timeout: 'abc'",
    "postgresql://amy:secret@127.0.0.1:1/books?port=2,3": "",
    "postgresql://amy:secret@127.0.0.1:abc/books": "",
    "postgresql://amy:sec ret@[::1/books": "",
    "postgresql://amy:s@cret@127.0.0.1:1/books": "",
    "postgresql://amy:secret@127.0.0.1:1/books%00": "",
    "postgresql://amy:secret@127.0.0.1:1/\udcff": "",
}
"""Addresses that name no server and database, and what is said of them."""


@pytest.mark.parametrize("written", BROKEN)
def test_a_postgresql_address_that_is_malformed_is_refused_before_anybody_connects(written: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(InvalidInput) as caught:
        open_store(written)
    error = caught.value
    assert (error.code, error.message) == (
        "store-url",
        f"the store's address is not understood{BROKEN[written]}",
    )
    assert "ret" not in f"{error.message}{error.got}{error.where}"


PLACE = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '

REASONS = {
    PLACE + "Connection refused\n\tIs the server running on that host?": "Connection refused",
    PLACE
    + 'FATAL:  password authentication failed for user "amy"': 'password authentication failed for user "amy"',
    PLACE + 'FATAL:  database "books" does not exist': 'database "books" does not exist',
    'connection is bad: connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory': (
        "No such file or directory"
    ),
    'connection is bad: invalid sslmode value: "bogus"': 'invalid sslmode value: "bogus"',
    "failed to resolve host 'db': [Errno -2] Name or service not known": (
        "failed to resolve host 'db': [Errno -2] Name or service not known"
    ),
}
"""What psycopg 3.3 says where no connection comes to be, and what of it is told."""


@pytest.mark.parametrize("said", REASONS)
def test_a_connection_that_fails_tells_the_reason_first(said: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    meaning = meaning_of(psycopg.OperationalError(said), "the store")
    assert isinstance(meaning, StoreFailure)
    assert (meaning.code, meaning.got) == ("connection", REASONS[said])


def test_what_the_driver_warns_of_is_not_printed() -> None:
    program = """
import logging
from planctl.store.engine import StoreUrl
from planctl.store.postgres_address import engine_of
engine_of(StoreUrl.parse("postgresql://db.example.com/books"))
logging.getLogger("psycopg").warning("error ignored terminating a pipeline: the connection is lost")
"""
    pytest.importorskip("psycopg")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_hint_names_a_command_that_is_still_to_come() -> None:
    from planctl.store import failures

    makers = {*failures._SQLITE.values(), *failures._POSTGRES.values()}
    hints = [make("store.db", "why").hint for make in makers]
    assert [hint for hint in hints if "store restore" in hint or "credit note" in hint] == []
