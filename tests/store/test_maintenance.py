"""Backups that were checked, and what can be wrong with a store's file."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from planctl.core.audit import AuditEntry, Tip
from planctl.core.periods import Instant
from planctl.errors import Refused, StoreFailure
from planctl.store import audit, maintenance
from planctl.store.engine import Store, open_store
from planctl.store.settings import identity, put_setting, setting
from planctl.store.version import SCHEMA_VERSION
from tests import stores

AT = Instant(1_767_225_600_000_000)


def problems(store: Store) -> list[str]:
    with store.read() as tx:
        return maintenance.integrity(tx)


@pytest.mark.sqlite_only
def test_a_backup_is_a_store_of_its_own_that_only_its_owner_reads(store: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        put_setting(tx, "seller.name", "Acme")
        audit.append(tx, AuditEntry(AT, "amy", "config set"))
    with store.read() as tx:
        who, tip = identity(tx), audit.tip(tx)
    target = tmp_path / "backup.db"
    made = maintenance.backup(store, target)
    assert made == maintenance.Backup(target, target.stat().st_size, tip)
    assert f"{stat.S_IMODE(target.stat().st_mode):o}" == "600"
    with open_store(stores.url(target)) as copy, copy.read() as tx:
        assert (identity(tx), setting(tx, "seller.name")) == (who, "Acme")
        assert audit.verify(tx, [tip]) == []


@pytest.mark.sqlite_only
def test_a_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("precious")
    with pytest.raises(Refused, match="over what is there"):
        maintenance.backup(store, target)
    assert target.read_text() == "precious"
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(Refused, match="over what is there"):
        maintenance.backup(store, link)


@pytest.mark.sqlite_only
def test_a_backup_in_a_directory_that_does_not_exist_fails_clearly(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="cannot be made"):
        maintenance.backup(store, tmp_path / "nowhere" / "backup.db")


@pytest.mark.sqlite_only
def test_a_backup_that_is_not_whole_is_removed(store: Store, tmp_path: Path) -> None:
    raw = sqlite3.connect(store.where)
    raw.execute("INSERT INTO hold (customer, reason, detail, since) VALUES (99, 'r', '', 1)")
    raw.commit()
    raw.close()
    target = tmp_path / "backup.db"
    with pytest.raises(StoreFailure, match="not whole") as caught:
        maintenance.backup(store, target)
    assert caught.value.got == "hold row 1 refers to a row of customer that does not exist"
    assert not target.exists()


@pytest.mark.sqlite_only
def test_backups_made_while_others_write_are_whole(store_path: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write_on() -> None:
        with open_store(stores.url(store_path), wait_seconds=20) as writer:
            while not stop.is_set():
                with writer.write() as tx:
                    audit.append(tx, AuditEntry(AT, "amy", "config set"))

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        with open_store(stores.url(store_path), wait_seconds=20) as store:
            made = [maintenance.backup(store, tmp_path / f"backup-{number}.db") for number in range(5)]
    finally:
        stop.set()
        thread.join()
    for one in made:
        with open_store(stores.url(one.path)) as copy, copy.read() as tx:
            assert audit.verify(tx, [one.audit_tip]) == []
            assert maintenance.integrity(tx) == []


def test_a_fresh_store_has_no_problem(store: Store) -> None:
    assert problems(store) == []


@pytest.mark.sqlite_only
def test_a_file_that_others_may_read_is_a_problem(store: Store, store_path: Path) -> None:
    store_path.chmod(0o644)
    assert problems(store) == [f"{store_path} has mode 0644, expected 0600: others may read it (chmod 600)"]


@pytest.mark.sqlite_only
def test_a_directory_that_others_may_write_is_a_problem(store: Store, store_path: Path) -> None:
    store_path.parent.chmod(0o777)
    assert problems(store) == [
        f"{store_path.parent} may be written by others, who could replace the store (chmod 700)"
    ]


@pytest.mark.sqlite_only
def test_a_header_that_disagrees_with_the_migrations_is_a_problem(store: Store) -> None:
    raw = sqlite3.connect(store.where)
    raw.execute("UPDATE alembic_version SET version_num = '0099'")
    raw.commit()
    raw.close()
    assert problems(store) == [f"the header says schema {SCHEMA_VERSION}, the migrations say [('0099',)]"]


@pytest.mark.sqlite_only
def test_flipped_bits_are_found_or_refused(store_path: Path) -> None:
    """Every page of the file in turn loses its first bytes; the store is never quietly taken for whole."""
    whole = store_path.read_bytes()
    for page in range(0, len(whole) // 4096, 16):
        damaged = bytearray(whole)
        damaged[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        store_path.write_bytes(damaged)
        try:
            with open_store(stores.url(store_path)) as store:
                found = problems(store)
        except Exception as error:
            found = [str(error)]
        assert found, f"page {page}"


@pytest.mark.sqlite_only
def test_info_says_what_the_store_is(store: Store, store_path: Path) -> None:
    found = maintenance.info(store)
    assert (found.engine, found.engine_version) == ("SQLite", sqlite3.sqlite_version)
    assert (found.schema_version, found.newest_schema) == (SCHEMA_VERSION, SCHEMA_VERSION)
    assert found.writable
    assert (found.path, found.mode, found.size_bytes) == (store_path, 0o600, store_path.stat().st_size)
    assert found.url == f"sqlite:///{store_path}"
    assert found.identity.is_test
    assert found.audit_tip == Tip()
