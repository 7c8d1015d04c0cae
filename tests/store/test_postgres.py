"""The same store on PostgreSQL: made by the same migrations, one writer at a time, final rows guarded.

It starts a server of its own on a socket in a temporary directory, and needs PostgreSQL's programs.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from planctl.core.audit import AuditEntry, Tip
from planctl.core.customers import Customer
from planctl.core.periods import Instant
from planctl.errors import Busy, Conflict, InvalidInput, Refused, StoreFailure
from planctl.store import audit, customers, maintenance, operations
from planctl.store.engine import Store, open_store
from planctl.store.migrate import Upgrade, upgrade
from planctl.store.rows import METADATA
from planctl.store.settings import all_settings, identity, put_setting, setting
from planctl.store.version import SCHEMA_VERSION
from planctl.workflows import apply_catalog
from tests.workflows.business import ACME, Business
from tests.workflows.test_money_laws import Bookkeeper

pytestmark = pytest.mark.postgres

AT = Instant(1_767_225_600_000_000)
_numbers = count(1)


def run_as(user: str | None, *command: str) -> None:
    """Run a program; the server refuses to run as root, so as somebody else where we are."""
    subprocess.run(command, check=True, capture_output=True, user=user, timeout=300)


def program(name: str) -> str:
    """The path of one of the server's programs, which Debian keeps out of PATH; skip where there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server with no database of ours yet; `/NAME` is to be put before the question mark."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = str(folder / "data")
    options = f"-c listen_addresses='' -k {folder} -F"
    try:
        run_as(
            user, initdb, "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"
        )
        run_as(user, pg_ctl, "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://owner@/postgres?host={folder}"
        finally:
            run_as(user, pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: str) -> str:
    """The address of an empty database."""
    name = f"books{next(_numbers)}"
    engine = create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.replace("/postgres?", f"/{name}?")


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


def test_the_migrations_make_every_table_column_and_key_of_rows(store: Store) -> None:
    found = inspect(store.link.connection)
    assert set(found.get_table_names()) == {*METADATA.tables, "alembic_version"}
    for name, table in METADATA.tables.items():
        columns = {one["name"]: (str(one["type"]), one["nullable"]) for one in found.get_columns(name)}
        kinds = {"BLOB": "BYTEA"}
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
    for forgery in ("UPDATE audit SET body = '{}'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(Refused, match="audit is never"), store.write() as tx:
            tx.connection.execute(text(forgery))
    fork = "INSERT INTO audit (seq, prev, hash, body) SELECT 9, prev, 'other', '{}' FROM audit"
    with pytest.raises(Conflict), store.write() as tx:
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
