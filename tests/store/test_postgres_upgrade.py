"""Upgrading a store on PostgreSQL while others use it: once, whole, and never in the way of readers for long."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from planctl import clock
from planctl.errors import Busy, Refused
from planctl.store import migrate
from planctl.store.contents import digest
from planctl.store.engine import open_store
from planctl.store.migrate import Upgrade
from planctl.store.rows import METADATA
from planctl.store.upgrading import upgrade
from planctl.store.version import SCHEMA_VERSION
from planctl.workflows.maintain_store import Judging, upgrade_store
from tests import stores
from tests.store.everything import put

pytestmark = pytest.mark.postgres

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store with the schema before the newest, with a customer."""
    url = stores.database(tmp_path / "older.db")

    def up_to(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, f"{SCHEMA_VERSION - 1:04}")

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "run_migrations", up_to)
        patch.setattr(migrate, "settle_in", lambda *_: None)
        patch.setattr(migrate, "SCHEMA_VERSION", SCHEMA_VERSION - 1)
        patch.setattr("planctl.store.version.SCHEMA_VERSION", SCHEMA_VERSION - 1)
        with open_store(url, create=True, at=1, is_test=True) as store, store.write():
            put(store, METADATA.tables["customer"])
    return url


def test_an_older_store_is_refused_until_it_is_upgraded_and_keeps_its_rows(older: str) -> None:
    with pytest.raises(Refused, match="older schema"):
        open_store(older)
    assert upgrade(older) == Upgrade(SCHEMA_VERSION - 1, SCHEMA_VERSION)
    with open_store(older) as store, store.read() as tx:
        assert digest(tx)["customer"].rows == 4


def test_every_law_is_asked_in_the_transaction_of_the_upgrade(older: str) -> None:
    """A store that breaks one is refused with nothing changed, and taken where that is accepted."""
    with psycopg.connect(older, autocommit=True) as server:
        server.execute("INSERT INTO number_series (series, year, first, next) VALUES ('INV', 2026, 1, 7)")
    noted: list[tuple[Upgrade, list[str]]] = []

    def judging(*, keep_broken: bool) -> Judging:
        return Judging(lambda *_: None, lambda _tx, done, broken: noted.append((done, broken)), keep_broken)

    with pytest.raises(Refused, match="breaks") as caught:
        upgrade_store(older, judging(keep_broken=False), wait_seconds=5)
    assert (caught.value.code, noted) == ("upgrade-laws", [])
    with pytest.raises(Refused, match="older schema"):
        open_store(older)
    done = upgrade_store(older, judging(keep_broken=True), wait_seconds=5)
    assert (done.schema, done.kept) == (Upgrade(SCHEMA_VERSION - 1, SCHEMA_VERSION), None)
    assert noted == [(done.schema, ["numbers-consecutive"])]


def test_of_two_upgrades_at_once_one_does_it_and_both_succeed(older: str) -> None:
    meet = threading.Barrier(2, timeout=20)
    done: list[Upgrade] = []

    def one() -> None:
        meet.wait()
        done.append(upgrade(older, wait_seconds=30))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {one.after for one in done} == {SCHEMA_VERSION}
    assert sorted(one.before for one in done)[0] == SCHEMA_VERSION - 1
    assert len(done) == 2


def altering(connection: Connection) -> None:
    """A migration that changes a table that everybody reads."""
    connection.execute(text("ALTER TABLE customer ADD COLUMN shoe_size bigint"))


def test_an_upgrade_lets_readers_through_while_it_waits_for_a_table(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody reads for long; between its tries nobody waits, and at the end of the reading it is done."""
    raw = psycopg.connect(older, autocommit=True)
    raw.execute("BEGIN")
    raw.execute("SELECT count(*) FROM customer")
    waits: list[int] = []

    def pause(_milliseconds: int) -> None:
        with psycopg.connect(older, autocommit=True) as other:
            waiting = other.execute(WAITING).fetchone()
            assert waiting == (0,)
            other.execute("SELECT count(*) FROM customer")
        waits.append(1)
        if len(waits) == 2:
            raw.execute("ROLLBACK")

    monkeypatch.setattr(clock, "pause", pause)
    monkeypatch.setattr("planctl.store.postgres_link.BRIEF_MS", 10)
    monkeypatch.setattr(migrate, "run_migrations", altering)
    assert upgrade(older).after == SCHEMA_VERSION
    assert len(waits) == 2
    raw.close()


def test_an_upgrade_gives_up_where_a_table_stays_in_use(older: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "pause", lambda _milliseconds: None)
    monkeypatch.setattr("planctl.store.postgres_link.BRIEF_MS", 10)
    monkeypatch.setattr(migrate, "run_migrations", altering)
    with psycopg.connect(older, autocommit=True) as raw:
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM customer")
        with pytest.raises(Busy, match="a long command is using a table"):
            upgrade(older)
        raw.execute("ROLLBACK")
    with pytest.raises(Refused, match="older schema"):
        open_store(older)
