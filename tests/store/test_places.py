"""Where stores live, files that are laid down whole, backups under load, and files that are no store."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.errors import Busy, InvalidInput, PlanctlError, Refused, StoreFailure
from planctl.store import audit, maintenance, places
from planctl.store.engine import Store, open_store
from planctl.store.invoices import next_numbers
from planctl.store.laying import laid
from planctl.store.link import open_link
from planctl.store.naming_places import is_same
from planctl.store.settings import identity, put_adoption, put_home
from planctl.store.url import StoreUrl
from tests import stores

AT = Instant(1_767_225_600_000_000)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """The path of a business's own store."""
    with open_store(stores.url(tmp_path / "books.db"), create=True, at=AT):
        return tmp_path / "books.db"


# --- homes


def test_a_store_is_at_home_where_it_was_made(books: Path) -> None:
    with open_store(stores.url(books)) as store, store.read() as tx:
        who = identity(tx)
        assert (who.home, who.generation) == (places.here(tx), 1)
        assert places.is_home(tx)
        places.check_home(tx)


@pytest.mark.sqlite_only
def test_a_file_lives_on_a_machine_under_its_real_path(books: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with open_store(str(tmp_path / "link" / "books.db"), host="billing") as store, store.read() as tx:
        assert places.here(tx) == f"billing:{books}"
        assert identity(tx).home == f"{os.uname().nodename}:{books}"


def test_a_database_lives_on_its_server_under_its_name(tmp_path: Path) -> None:
    with open_store(stores.database(tmp_path / "there.db"), create=True, at=AT) as store, store.read() as tx:
        number, database, schema = identity(tx).home.removeprefix("postgresql:").split("/")
        assert number.isdigit()
        assert (len(number) > 15, schema) == (True, "public")
        assert f"/{database}?" in store.url.address


def test_a_login_that_may_not_ask_for_the_servers_number_is_at_home_all_the_same(tmp_path: Path) -> None:
    with open_store(stores.database(tmp_path / "there.db"), create=True, at=AT) as store, store.write() as tx:
        tx.rollback_only()
        list(tx.rows("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        list(tx.rows("SET LOCAL ROLE pg_read_all_data"))
        assert places.here(tx).startswith("postgresql:?/")
        assert identity(tx).home != places.here(tx)
        assert places.is_home(tx)


@pytest.mark.parametrize(
    ("home", "place", "same"),
    [
        ("berlin:/srv/books.db", "berlin:/srv/books.db", True),
        ("berlin:/srv/books.db", "berlin:/srv/copy.db", False),
        ("", "berlin:/srv/books.db", False),
        ("postgresql:7/books/public", "postgresql:7/books/public", True),
        ("postgresql:7/books/public", "postgresql:8/books/public", False),
        ("postgresql:7/books/public", "postgresql:?/books/public", True),
        ("postgresql:?/books/public", "postgresql:7/books/public", True),
        ("postgresql:?/books/public", "postgresql:7/copy/public", False),
        ("", "postgresql:?/books/public", False),
    ],
)
def test_what_a_login_may_not_ask_is_not_compared(home: str, place: str, same: bool) -> None:
    assert is_same(home, place) is same


def test_a_store_that_is_not_at_home_gives_no_number_but_foresees_it(books: Path) -> None:
    with open_store(stores.url(books)) as store:
        with store.write() as tx:
            put_home(tx, "elsewhere")
        with pytest.raises(Refused, match="not where it lives") as caught, store.write() as tx:
            next_numbers(tx, [AT])
        assert (caught.value.code, caught.value.expected) == ("store-not-adopted", "elsewhere")
        with store.write() as tx:
            tx.rollback_only()
            assert [one.text for one in next_numbers(tx, [AT])] == ["INV-2026-00001"]
        with store.write() as tx:
            assert next_numbers(tx, []) == []


def test_a_copy_lives_nowhere(books: Path, tmp_path: Path) -> None:
    with open_store(stores.url(books)) as store:
        if not stores.ON_POSTGRES:
            maintenance.backup(store, tmp_path / "copy.db")
            with open_store(str(tmp_path / "copy.db")) as copy, copy.read() as tx:
                assert identity(tx).home == ""
                assert not places.is_home(tx)


# --- files that are laid down whole


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new.db"
    with laid(target, "it", "taken") as draft:
        draft.write_text("whole", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "whole"
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with laid(tmp_path / "new.db", "it", "taken") as draft:
            Path(f"{draft}-journal").write_text("half", encoding="utf-8")
            raise KeyError("killed")

    with pytest.raises(KeyError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    for name in ("new.db.tmp", "new.db.tmp-journal"):
        (tmp_path / name).write_text("left over", encoding="utf-8")
    with laid(tmp_path / "new.db", "it", "taken") as draft:
        assert draft.read_bytes() == b""
        assert not Path(f"{draft}-journal").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]


def test_two_that_lay_the_same_file_do_not_mix(tmp_path: Path) -> None:
    with laid(tmp_path / "new.db", "it", "taken") as draft:
        draft.write_text("first", encoding="utf-8")
        with (
            pytest.raises(Busy, match="another command is writing it"),
            laid(tmp_path / "new.db", "it", "taken"),
        ):
            pytest.fail("it went on")
        assert draft.read_text(encoding="utf-8") == "first"


def test_one_that_is_done_while_another_waits_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock came with a file that has its name by then."""
    draft = tmp_path / "new.db.tmp"

    def renamed_meanwhile(_descriptor: int, _kind: int) -> None:
        draft.rename(tmp_path / "new.db")

    draft.write_text("the other's", encoding="utf-8")
    monkeypatch.setattr(fcntl, "flock", renamed_meanwhile)
    with pytest.raises(Busy), laid(tmp_path / "new.db", "it", "taken"):
        pytest.fail("it went on")
    assert (tmp_path / "new.db").read_text(encoding="utf-8") == "the other's"


def test_a_place_that_was_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="over what is there"), laid(tmp_path / "new.db", "it", "taken"):
        (tmp_path / "new.db").write_text("precious", encoding="utf-8")
    assert (tmp_path / "new.db").read_text(encoding="utf-8") == "precious"
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]


def test_a_draft_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious", encoding="utf-8")
    (tmp_path / "new.db.tmp").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreFailure, match="cannot be made"), laid(tmp_path / "new.db", "it", "taken"):
        pytest.fail("it went on")
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "precious"


# --- backups

KILLED_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from planctl.store import maintenance
from planctl.store.engine import open_store

maintenance.finished = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with open_store(sys.argv[1]) as store:
    maintenance.backup(store, Path(sys.argv[2]))
"""


@pytest.mark.sqlite_only
def test_a_backup_that_is_killed_leaves_nothing_under_its_name(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_HALF_WAY, store.where, str(target)], check=False, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    assert [one.name for one in tmp_path.glob("backup*")] == ["backup.db.tmp"]
    maintenance.backup(store, target)
    assert [one.name for one in tmp_path.glob("backup*")] == ["backup.db"]


WRITER = """
import sys
from planctl.core.audit import AuditEntry
from planctl.core.periods import Instant
from planctl.store import audit
from planctl.store.engine import open_store

with open_store(sys.argv[1], wait_seconds=20) as store:
    print("ready", flush=True)
    while True:
        with store.write() as tx:
            audit.append(tx, AuditEntry(Instant(1), "amy", "config set"))
"""


@pytest.mark.sqlite_only
def test_backups_under_load_are_all_whole_and_the_writer_goes_on(store_path: Path, tmp_path: Path) -> None:
    """Of 60 copies made by `cp` of a store that is written to, 2 were corrupt. Source: planctl reliability, F128."""
    tips = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(store_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            with open_store(str(store_path), wait_seconds=20) as store:
                for number in range(12):
                    made = maintenance.backup(store, tmp_path / f"backup-{number}.db")
                    tips.append(made.audit_tip.seq)
                    with open_store(str(made.path)) as copy, copy.read() as tx:
                        assert maintenance.integrity(tx) == []
                        assert (audit.verify(tx), audit.tip(tx)) == ([], made.audit_tip)
        finally:
            writer.kill()
    assert tips == sorted(tips)
    assert tips[-1] > tips[0], "the writer came to nothing"


@pytest.mark.sqlite_only
@pytest.mark.parametrize("disturbed", [False, True])
def test_a_backup_in_portions_is_of_one_state_of_the_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disturbed: bool
) -> None:
    """What is written between two portions is in the whole copy or in none of it."""
    monkeypatch.setattr(maintenance, "PORTION", 3)
    copied, portions = maintenance.copy_pages, []

    def with_a_writer(source: Any, copy: Any, portion: int = -1, watch: Any = None) -> None:
        def watched(*said: int) -> None:
            portions.append(portion)
            if disturbed and len(portions) == 2:
                with open_store(store.where) as other, other.write() as tx:
                    audit.append(tx, AuditEntry(AT, "amy", "config set"))
            watch(*said)

        copied(source, copy, portion, watched if watch else None)

    monkeypatch.setattr(maintenance, "copy_pages", with_a_writer)
    made = maintenance.backup(store, tmp_path / "backup.db")
    assert made.audit_tip.seq == int(disturbed)
    assert (len(portions) > 10) is not disturbed
    with open_store(str(made.path)) as copy, copy.read() as tx:
        assert (maintenance.integrity(tx), audit.verify(tx)) == ([], [])


@pytest.mark.sqlite_only
def test_a_backup_of_a_store_that_is_locked_ends_as_busy(store_path: Path, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(store_path, isolation_level=None)) as other,
        open_store(str(store_path), wait_seconds=0) as store,
    ):
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy):
            maintenance.backup(store, tmp_path / "backup.db")
    assert list(tmp_path.glob("backup*")) == []


# --- files that are no store

NO_STORES = {
    "text": b"plans: {}\n" * 500,
    "random": bytes(range(256)) * 64,
    "zeros": bytes(8192),
    "half a header": b"SQLite format 3\0" + bytes(20),
    "only the magic": b"SQLite format 3\0",
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("what", NO_STORES)
def test_a_file_that_is_no_store_is_refused_and_stays_as_it_is(tmp_path: Path, what: str) -> None:
    path = tmp_path / "strange.db"
    path.write_bytes(NO_STORES[what])
    before = path.stat().st_mtime_ns
    with pytest.raises(PlanctlError) as caught:
        open_store(str(path), create=True)
    assert (caught.value.exit_code, bool(caught.value.hint)) in {(3, True), (74, True)}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (NO_STORES[what], before)
    assert [one.name for one in tmp_path.iterdir()] == ["strange.db"]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "strange.db"
    path.mkdir() if kind == "directory" else os.mkfifo(path)
    with pytest.raises(PlanctlError, match="not a file") as caught:
        open_store(str(path))
    assert (caught.value.code, caught.value.exit_code) == ("not-a-store", 3)


@pytest.mark.sqlite_only
def test_another_programs_database_is_refused_whatever_its_number(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    for number in (0, 1, 0x706C616D):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA application_id = {number}")
            other.execute("CREATE TABLE store_identity (id)")
            other.commit()
        before = path.read_bytes()
        with pytest.raises(PlanctlError) as caught:
            open_store(str(path), create=True)
        assert caught.value.code == "not-a-store"
        assert path.read_bytes() == before


@pytest.mark.sqlite_only
def test_a_truncated_store_is_never_taken_for_whole(store_path: Path) -> None:
    whole = store_path.read_bytes()
    for length in (1, 99, 100, 4096, 8192, len(whole) // 2, len(whole) - 4096):
        store_path.write_bytes(whole[:length])
        assert not seems_whole(store_path), length


def seems_whole(path: Path) -> bool:
    """Whether a file is opened and nothing wrong is found in it; what it is refused with is no mistake of ours."""
    try:
        with open_store(str(path)) as store, store.read() as tx:
            return not maintenance.integrity(tx)
    except (InvalidInput, Refused, StoreFailure, Busy):
        return False


@pytest.mark.sqlite_only
def test_no_flipped_bit_of_the_header_ends_in_a_mistake_of_ours(store_path: Path) -> None:
    """Each of the 800 bits: opened as it is, refused, or found by looking; never an exception of the driver's."""
    whole = store_path.read_bytes()
    for bit in range(800):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        store_path.write_bytes(flipped)
        seems_whole(store_path)


@pytest.mark.sqlite_only
def test_a_store_that_somebody_left_in_wal_mode_is_read_whole_and_set_back(store_path: Path) -> None:
    """What stands in the -wal file is part of the store."""
    with closing(sqlite3.connect(store_path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE setting SET value = 'Europe/Berlin' WHERE key = 'timezone'")
        copies = {suffix: Path(f"{store_path}{suffix}").read_bytes() for suffix in ("", "-wal")}
    for suffix, content in copies.items():
        Path(f"{store_path}{suffix}").write_bytes(content)
    with open_store(str(store_path)) as store, store.read() as tx:
        assert list(tx.rows("SELECT value FROM setting WHERE key = 'timezone'")) == [("Europe/Berlin",)]
        assert maintenance.integrity(tx) == []
        assert list(tx.rows("PRAGMA journal_mode")) == [("delete",)]
    assert not Path(f"{store_path}-wal").exists()


def test_the_version_is_asked_in_every_transaction(store_path: Path) -> None:
    link = open_link(StoreUrl.parse(stores.url(store_path)), wait_seconds=5)
    link.begin("read")
    assert link.stored_version() == link.version
    link.rollback()
    link.close()


def test_entries_of_a_store_that_was_adopted_stay_one_chain(books: Path) -> None:
    with open_store(stores.url(books)) as store, store.write() as tx:
        put_home(tx, places.here(tx))
        put_adoption(tx, 2, "adoption_1")
        audit.append(tx, AuditEntry(AT, "amy", "store adopt"))
        assert audit.verify(tx) == []
