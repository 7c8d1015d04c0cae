"""The same store on PostgreSQL: made by the same migrations, one writer at a time, final rows guarded.

It starts a server of its own on a socket in a temporary directory, and needs PostgreSQL's programs.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, text

from planctl.core.audit import AuditEntry, Tip
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.errors import Busy, InvalidInput, Refused, StoreFailure
from planctl.store import audit, customers, maintenance, operations
from planctl.store.engine import Store, Tx, open_store
from planctl.store.migrate import Upgrade
from planctl.store.rows import METADATA
from planctl.store.settings import all_settings, identity, put_setting, setting
from planctl.store.upgrading import upgrade
from planctl.store.version import SCHEMA_VERSION
from planctl.workflows import apply_catalog
from tests import stores
from tests.workflows.business import ACME, Business
from tests.workflows.test_money_laws import Bookkeeper

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of an empty database."""
    return stores.database(tmp_path / "empty.db")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, create=True, at=AT, is_test=True, timezone="Europe/Berlin") as opened:
        yield opened


def stopped_half_way(store: Store) -> None:
    with store.write() as tx:
        put_setting(tx, "seller.name", "Nobody")
        raise KeyError("stop")


def test_an_empty_database_is_no_store_until_it_is_made_one(url: str) -> None:
    with pytest.raises(StoreFailure, match="no store yet"):
        open_store(url)
    open_store(url, create=True, at=AT).close()
    with open_store(url) as opened, opened.read() as tx:
        assert identity(tx).created_at == AT
    assert upgrade(url) == Upgrade(SCHEMA_VERSION, SCHEMA_VERSION)


def test_who_reads_waits_no_longer_than_it_was_told_for_a_table_that_somebody_holds(url: str) -> None:
    open_store(url, create=True, at=AT, is_test=True).close()
    with psycopg.connect(url) as other, open_store(url, wait_seconds=1) as reader:
        other.execute("LOCK TABLE setting IN ACCESS EXCLUSIVE MODE")
        other.execute("SET LOCAL idle_in_transaction_session_timeout = 20000")  # so that a defect ends
        with pytest.raises(Busy), reader.read() as tx:
            setting(tx, "timezone", "")
        other.rollback()
        with reader.read() as tx:
            assert setting(tx, "timezone", "") == "UTC"


def test_the_migrations_make_every_table_column_and_key_of_rows(store: Store) -> None:
    found = inspect(store.link.connection)
    assert set(found.get_table_names()) == {*METADATA.tables, "alembic_version"}
    for name, table in METADATA.tables.items():
        columns = {one["name"]: (str(one["type"]), one["nullable"]) for one in found.get_columns(name)}
        kinds = {"BLOB": "BYTEA", "TEXT": 'TEXT COLLATE "C"'}
        assert columns == {
            one.name: (kinds.get(str(one.type), str(one.type)), one.nullable) for one in table.columns
        }
        key = [one.name for one in table.primary_key.columns]
        assert found.get_pk_constraint(name)["constrained_columns"] == key
        assert {one["name"] for one in found.get_indexes(name)} >= {one.name for one in table.indexes}
    store.link.rollback()


def test_a_write_is_kept_whole_or_not_at_all(store: Store) -> None:
    with store.write() as tx:
        customers.add(tx, Customer(id="nova", emails=("a@nova.example",)))
        put_setting(tx, "seller.name", "Acme")
        operations.remember(tx, "k1", "customer add", {"id": "nova"}, {"seq": "1"}, "amy", AT)
    with pytest.raises(KeyError):
        stopped_half_way(store)
    with store.write() as tx:
        tx.rollback_only()
        put_setting(tx, "seller.name", "Nobody")
    with store.read() as tx:
        put_setting(tx, "seller.name", "Nobody")
    with store.read() as tx:
        assert all_settings(tx) == {"seller.name": "Acme", "timezone": "Europe/Berlin"}
        assert customers.customer(tx, "nova") == Customer(id="nova", emails=("a@nova.example",))
        assert operations.recall(tx, "k1", "customer add", {"id": "nova"}) == {"seq": "1"}


def test_no_update_is_lost_between_two_writers(store: Store, url: str) -> None:
    def count_up() -> None:
        with open_store(url, wait_seconds=20) as opened:
            for _ in range(20):
                with opened.write() as tx:
                    put_setting(tx, "count", str(int(setting(tx, "count", "0")) + 1))

    both = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    with store.read() as tx:
        assert setting(tx, "count") == "40"


def test_a_reader_sees_one_state_while_others_write(store: Store, url: str) -> None:
    with store.read() as tx, open_store(url) as other:
        assert setting(tx, "seller.name") == ""
        with other.write() as writing:
            put_setting(writing, "seller.name", "Acme")
        assert setting(tx, "seller.name") == ""


def test_a_writer_that_gets_no_lock_is_told_that_the_store_is_busy(store: Store, url: str) -> None:
    with (
        store.write(),
        open_store(url, wait_seconds=0) as other,
        pytest.raises(Busy, match="busy"),
        other.write(),
    ):
        pass
    with open_store(url, wait_seconds=0) as other, other.write() as tx:
        assert setting(tx, "timezone") == "Europe/Berlin"


def after_waiting(store: Store, url: str, ask: Callable[[Tx], None], let_go: Callable[[], object]) -> bool:
    """Whether a share that waits 0 s at most comes to its end once it has waited and `let_go` was called."""
    done: list[Tx] = []

    def wait() -> None:
        with open_store(url, wait_seconds=0) as other, other.share() as tx:
            ask(tx)
            done.append(tx)

    waiting = threading.Thread(target=wait)
    waiting.start()
    with psycopg.connect(url, autocommit=True) as raw:
        while waiting.is_alive() and raw.execute(WAITING).fetchone() == (0,):
            pass
        raw.execute("SELECT pg_sleep(0.05)")  # much longer than it would wait
    let_go()
    waiting.join(60)
    return bool(done)


def test_a_share_waits_for_its_turn_as_long_as_it_takes(store: Store, url: str) -> None:
    with ExitStack() as held:
        held.enter_context(store.share()).alone()
        assert after_waiting(store, url, Tx.alone, held.close)


def test_a_share_waits_for_a_writer_though_the_command_would_not(store: Store, url: str) -> None:
    with ExitStack() as held:
        held.enter_context(store.write())
        assert after_waiting(store, url, lambda _: None, held.close)


def test_two_commands_that_make_the_store_at_once_make_one(url: str) -> None:
    found = []

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


def test_what_is_final_is_refused(store: Store) -> None:
    with store.write() as tx:
        audit.append(tx, AuditEntry(AT, "amy", "init"))
        assert audit.tip(tx).seq == 1
    for forgery in ("UPDATE audit SET body = '{}'", "DELETE FROM audit", "TRUNCATE audit CASCADE"):
        with pytest.raises(Refused, match="audit is never"), store.write() as tx:
            tx.connection.execute(text(forgery))
    fork = "INSERT INTO audit (seq, prev, hash, body) SELECT 9, prev, 'other', '{}' FROM audit"
    with pytest.raises(Refused, match="audit goes on"), store.write() as tx:
        tx.connection.execute(text(fork))
    with store.read() as tx:
        assert audit.verify(tx) == []


def test_the_books_balance_here_too(store: Store) -> None:
    """Payments, credits, refunds, write-offs and voids, and every law afterwards, in this engine's SQL."""
    with store.write() as tx:
        who = apply_catalog.Who("ci", "a start", AT)
        apply_catalog.apply_changes(tx, apply_catalog.read_catalog(ACME), apply_catalog.Terms(), who, None)
    business = Business(store)
    business.customer("nova", timezone="Europe/Berlin")
    business.subscribe("nova", "metered", "2026-02-01", negotiated={"price.month.USD": "31"})
    keeper = Bookkeeper(business, random.Random(1))
    for _ in range(25):
        keeper.step()
    business.check()


def test_info_says_what_the_store_is(store: Store, url: str) -> None:
    found = maintenance.info(store)
    assert (found.engine, found.schema_version, found.path, found.mode) == (
        "PostgreSQL",
        SCHEMA_VERSION,
        None,
        None,
    )
    assert (found.url, found.audit_tip) == (url, Tip())


def test_another_programs_database_is_left_alone(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bookmarks (url TEXT)"))
    engine.dispose()
    with pytest.raises(InvalidInput, match="another program"):
        open_store(url, create=True)


def test_a_server_that_does_not_answer_is_a_store_failure(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure) as caught:
        open_store(f"postgresql://amy:secret@/books?host={tmp_path}")
    assert "secret" not in f"{caught.value.where} {caught.value.got} {caught.value}"


def test_nothing_of_a_transaction_stays_in_the_connection_so_a_pooler_may_stand_between(store: Store) -> None:
    for _ in range(8):  # the driver would prepare a statement at its sixth time
        with store.write() as tx:
            put_setting(tx, "seller.name", "Acme")
            audit.append(tx, AuditEntry(AT, "amy", "config set"))
        with store.share() as tx:
            put_setting(tx, "seller.name", "Bcme")
        with store.read() as tx:
            assert setting(tx, "seller.name", "") == "Bcme"
    with store.link.connection.begin():
        for kept in (
            "SELECT count(*) FROM pg_prepared_statements",
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
            "SELECT count(*) FROM pg_settings WHERE source = 'session' AND name <> 'transaction_isolation'",
        ):
            assert store.link.connection.execute(text(kept)).scalar_one() == 0, kept


def test_what_a_store_is_is_said_of_its_own_tables(store: Store) -> None:
    before = maintenance.info(store)
    assert (before.engine, before.schema_version, before.writable) == ("PostgreSQL", SCHEMA_VERSION, True)
    assert before.path is None
    with store.write() as tx:
        tx.connection.execute(text("CREATE SCHEMA other"))
        tx.connection.execute(
            text("CREATE TABLE other.big AS SELECT repeat('x', 100) FROM generate_series(1, 9999)")
        )
    assert maintenance.info(store).size_bytes == before.size_bytes
    with store.write() as tx:
        tx.connection.execute(
            text("INSERT INTO setting SELECT 'k' || n, repeat('x', 99) FROM generate_series(1, 9999) n")
        )
    assert maintenance.info(store).size_bytes > before.size_bytes + 9_999 * 99
