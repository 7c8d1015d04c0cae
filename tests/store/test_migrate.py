"""The migrations make the schema of rows.py, whole or not at all, and never twice."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from planctl.errors import Refused, StoreFailure
from planctl.store import migrate, upgrading
from planctl.store.engine import open_store
from planctl.store.rows import METADATA
from planctl.store.version import SCHEMA_VERSION

pytestmark = pytest.mark.sqlite_only

Schema = dict[tuple[str, str], str]
NEXT = SCHEMA_VERSION + 1


def schema_of(path: Path) -> Schema:
    """Every table and index of a database with the statement that made it, in one way of writing it.

    A column that a later migration added stands behind the constraints, so a table's entries are sorted.
    """
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {(kind, name): _normal(re.sub(r"\s+", " ", sql).replace(" ,", ",")) for kind, name, sql in found}


def _normal(statement: str) -> str:
    if not statement.startswith("CREATE TABLE"):
        return statement
    start, _, rest = statement.partition("(")
    body, _, options = rest.rpartition(")")
    entries = re.split(r", (?![^()]*\))", body)
    return f"{start}({', '.join(sorted(entry.strip() for entry in entries))}){options}"


def test_the_migrations_make_exactly_the_schema_of_rows(store_path: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    METADATA.create_all(engine)
    engine.dispose()
    migrated = schema_of(store_path)
    assert migrated.pop(("table", "alembic_version")).startswith("CREATE TABLE alembic_version")
    assert migrated == schema_of(tmp_path / "rows.db")


def test_the_last_migration_has_the_number_that_stores_carry() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [f"{SCHEMA_VERSION:04}"]
    numbers = sorted(int(script.revision) for script in scripts.walk_revisions())
    assert numbers == list(range(1, SCHEMA_VERSION + 1))


def test_migrations_stand_alone(tmp_path: Path) -> None:
    """A migration that imported today's tables would make another schema tomorrow."""
    for file in (migrate.MIGRATIONS / "versions").glob("[0-9]*.py"):
        assert (
            re.findall(r"^\s*(?:from|import) planctl.*$", file.read_text(encoding="utf-8"), re.MULTILINE)
            == []
        )


def test_a_store_with_the_newest_schema_has_nothing_to_upgrade(store_path: Path) -> None:
    before = (store_path.read_bytes(), store_path.stat().st_mtime_ns)
    done = upgrading.upgrade(str(store_path))
    assert done == migrate.Upgrade(SCHEMA_VERSION, SCHEMA_VERSION)
    assert done.before == done.after
    assert (store_path.read_bytes(), store_path.stat().st_mtime_ns) == before


def test_a_missing_store_is_not_upgraded_into_being(tmp_path: Path) -> None:
    with pytest.raises(StoreFailure, match="no store yet"):
        upgrading.upgrade(str(tmp_path / "books.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_newer_store_is_not_taken_back(store_path: Path) -> None:
    with sqlite3.connect(store_path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(Refused, match="newer planctl"):
        upgrading.upgrade(str(store_path))


@pytest.fixture
def next_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were one more migration, which adds one table."""

    def add_a_table(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"))

    monkeypatch.setattr("planctl.store.version.SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(migrate, "SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(upgrading, "SCHEMA_VERSION", NEXT)
    monkeypatch.setattr(migrate, "run_migrations", add_a_table)


@pytest.mark.usefixtures("next_schema")
def test_an_older_store_is_brought_up_to_date(store_path: Path) -> None:
    assert upgrading.upgrade(str(store_path)) == migrate.Upgrade(SCHEMA_VERSION, NEXT)
    assert ("table", "later") in schema_of(store_path)
    open_store(str(store_path)).close()
    assert upgrading.upgrade(str(store_path)) == migrate.Upgrade(NEXT, NEXT)


@pytest.mark.usefixtures("next_schema")
def test_an_upgrade_that_fails_leaves_the_store_as_it_was(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"))
        raise KeyError("killed")

    before = schema_of(store_path)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "run_migrations", half)
        with pytest.raises(KeyError):
            upgrading.upgrade(str(store_path))
    assert schema_of(store_path) == before
    assert upgrading.upgrade(str(store_path)) == migrate.Upgrade(SCHEMA_VERSION, NEXT)


def test_a_creation_that_fails_leaves_nothing_that_looks_like_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, run = tmp_path / "books.db", migrate.run_migrations

    def half(connection: Connection) -> None:
        run(connection)
        raise KeyError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "run_migrations", half)
        with pytest.raises(KeyError):
            open_store(str(path), create=True)
    assert path.read_bytes() == b""
    open_store(str(path), create=True).close()


def test_migrations_are_found_in_a_directory_with_odd_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "100%s of it"
    shutil.copytree(migrate.MIGRATIONS, odd, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "MIGRATIONS", odd)
    open_store(str(tmp_path / "books.db"), create=True).close()


# --- from a released schema to today's


def of_schema(path: Path, number: int) -> None:
    """A store as a release with that schema made it: its migrations alone, its identity and its settings."""

    def up_to(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, f"{number:04}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("planctl.store.version.SCHEMA_VERSION", number)
        patch.setattr(migrate, "SCHEMA_VERSION", number)
        patch.setattr(migrate, "run_migrations", up_to)
        patch.setattr(migrate, "settle_in", lambda *_: None)
        open_store(str(path), create=True).close()


Rows = list[tuple[str, dict[str, Any]]]


def with_rows(path: Path, rows: Rows) -> None:
    """Rows of a store, of which only what matters is said: the rest is 0 or empty."""
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA foreign_keys = OFF")
    for name, said in rows:
        columns = {row[1]: row[2] for row in raw.execute(f"SELECT * FROM pragma_table_info('{name}')")}
        plain = {"INTEGER": 0, "TEXT": "", "BLOB": b""}
        row = {column: plain[kind] for column, kind in columns.items()} | said
        assert set(row) == set(columns), f"{name} had no such column: {set(row) - set(columns)}"
        marks = ", ".join("?" * len(row))
        raw.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})", [*row.values()])
    raw.close()


@pytest.fixture
def first_books(tmp_path: Path) -> Path:
    """A store of schema 1 with a customer, a running subscription, an invoice that was paid, a credit and a wallet."""
    path = tmp_path / "first.db"
    of_schema(path, 1)
    with_rows(path, FIRST_ROWS)
    return path


FIRST_ROWS: Rows = [
    ("customer", {"seq": 1, "id": "nova"}),
    (
        "subscription",
        {
            "id": "sub_1",
            "customer": 1,
            "plan": "pro",
            "status": "active",
            "settled_at": 1_700_000_000_000_000,
        },
    ),
    (
        "subscription",
        {"id": "sub_2", "customer": 1, "plan": "extra", "status": "canceled", "settled_at": None},
    ),
    (
        "invoice",
        {
            "id": "inv_1",
            "number": "INV-1",
            "series": "INV",
            "sequence": 1,
            "customer": 1,
            "subscription": "sub_1",
            "kind": "renewal",
            "status": "paid",
            "currency": "USD",
            "decimals": 2,
            "subtotal": 1990,
            "total": 1990,
            "paid": 1990,
            "paid_at": 5,
            "content_hash": "kept",
        },
    ),
    ("invoice_line", {"invoice": "inv_1", "position": 1, "subscription": "sub_1", "amount": 1990}),
    ("payment", {"id": "pay_1", "customer": 1, "invoice": "inv_1", "amount": 1990, "currency": "USD"}),
    ("usage_claim", {"subscription": "sub_1", "feature": "minutes", "quantity": "5"}),
    ("balance_entry", {"customer": 1, "currency": "USD", "seq": 1, "key": "k", "amount": 5, "balance": 5}),
    ("wallet_grant", {"id": "grant_1", "customer": 1, "feature": "minutes", "amount": "10"}),
]


def test_a_store_of_the_first_release_is_refused_until_it_is_upgraded(first_books: Path) -> None:
    with pytest.raises(Refused, match="older schema"):
        open_store(str(first_books))
    assert upgrading.upgrade(str(first_books)) == migrate.Upgrade(1, SCHEMA_VERSION)
    open_store(str(first_books)).close()


def test_upgrading_from_the_first_release_makes_the_schema_that_new_stores_have(
    first_books: Path, store_path: Path
) -> None:
    upgrading.upgrade(str(first_books))
    assert schema_of(first_books) == schema_of(store_path)
    assert triggers_of(first_books) == triggers_of(store_path)


def triggers_of(path: Path) -> set[str]:
    with sqlite3.connect(path) as raw:
        found = {row[0] for row in raw.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")}
    raw.close()
    return found


def test_upgrading_keeps_every_row_and_fills_the_new_columns_with_what_was_true(first_books: Path) -> None:
    upgrading.upgrade(str(first_books))
    raw = sqlite3.connect(first_books)

    def only(statement: str) -> list[Any]:
        return raw.execute(statement).fetchall()

    assert only("SELECT number, total, paid, discounts, written_off_at FROM invoice") == [
        ("INV-1", 1990, 1990, "[]", None)
    ]
    assert only("SELECT amount, discount, taxes FROM invoice_line") == [(1990, 0, "[]")]
    assert only("SELECT amount, to_balance FROM payment") == [(1990, 0)]
    assert only("SELECT quantity, rolled, carried FROM usage_claim") == [("5", "0", "0")]
    assert only("SELECT amount, balance, invoice FROM balance_entry") == [(5, 5, "")]
    assert only("SELECT amount, priority, reason FROM wallet_grant") == [("10", 0, "")]
    assert only("SELECT id, base, pools_from FROM subscription ORDER BY id") == [
        ("sub_1", "", 1_700_000_000_000_000),
        ("sub_2", "", 0),
    ]
    raw.close()


@pytest.fixture
def second_books(tmp_path: Path) -> Path:
    """A store of schema 2: a subscription that was blocked, its open invoice, usage of yesterday, money given back."""
    path = tmp_path / "second.db"
    of_schema(path, 2)
    with_rows(path, SECOND_ROWS)
    return path


SECOND_ROWS: Rows = [
    ("customer", {"seq": 1, "id": "nova"}),
    ("subscription", {"id": "sub_1", "customer": 1, "plan": "pro", "status": "active", "base": "sub_0"}),
    ("blocked_span", {"subscription": "sub_1", "starts_at": 5, "ends_at": 9, "payment": "pay_1"}),
    ("subscription_change", {"subscription": "sub_1", "seq": 1, "kind": "quantity", "document": "{}"}),
    ("trial_use", {"who_kind": "customer", "who": "nova", "scope": "main", "subscription": "sub_1"}),
    (
        "invoice",
        {
            "id": "inv_1",
            "number": "INV-1",
            "series": "INV",
            "sequence": 1,
            "customer": 1,
            "subscription": "sub_1",
            "kind": "renewal",
            "status": "open",
            "currency": "USD",
            "decimals": 2,
            "subtotal": 1990,
            "total": 1990,
            "due_at": 700,
            "grace_ends_at": 900,
            "content_hash": "kept",
        },
    ),
    ("invoice_line", {"invoice": "inv_1", "position": 1, "subscription": "sub_1", "amount": 1990}),
    ("usage_event", {"day": 20_454, "customer": 1, "meter": 1, "event_key": b"one", "quantity": 7}),
    ("refund", {"id": "ref_1", "customer": 1, "payment": "pay_1", "amount": 5, "currency": "USD"}),
]


def test_upgrading_from_the_second_schema_makes_the_schema_that_new_stores_have(
    second_books: Path, store_path: Path
) -> None:
    assert upgrading.upgrade(str(second_books)) == migrate.Upgrade(2, SCHEMA_VERSION)
    assert schema_of(second_books) == schema_of(store_path)
    assert triggers_of(second_books) == triggers_of(store_path)
    open_store(str(second_books)).close()


def test_what_was_there_before_trials_and_pauses_had_none_and_every_time_without_service_was_a_block(
    second_books: Path,
) -> None:
    upgrading.upgrade(str(second_books))
    raw = sqlite3.connect(second_books)

    def only(statement: str) -> list[Any]:
        return raw.execute(statement).fetchall()

    never = (None, None, "[]", "", "")
    assert only("SELECT id, base, status FROM subscription") == [("sub_1", "sub_0", "active")]
    assert only("SELECT trial_ends_at, expires_at, anchors, follows, locked FROM subscription") == [never]
    assert only("SELECT starts_at, ends_at, payment, kind FROM blocked_span") == [(5, 9, "pay_1", "blocked")]
    assert only("SELECT kind, document FROM subscription_change") == [("quantity", "{}")]
    assert only("SELECT who, scope, subscription FROM trial_use") == [("nova", "main", "sub_1")]
    # The dates that stand on the invoice hold, and its content is what it was.
    assert only("SELECT due_at, grace_ends_at, content_hash FROM invoice") == [(700, 900, "kept")]
    assert only("SELECT extended_due_at, extended_grace_at FROM invoice") == [(None, None)]
    # Who used it was the customer itself, so its key is the one it came under.
    assert only("SELECT event_key, quantity, child FROM usage_event") == [(b"one", 7, 0)]
    assert only("SELECT id, amount FROM refund") == [("ref_1", 5)]
    raw.close()


def test_upgrading_from_the_third_schema_makes_room_for_migrations_and_keeps_what_is_there(
    tmp_path: Path, store_path: Path
) -> None:
    path = tmp_path / "third.db"
    of_schema(path, 3)
    customer, subscription = (
        ("customer", {"seq": 1, "id": "nova"}),
        {"id": "sub_1", "customer": 1, "plan": "pro"},
    )
    with_rows(path, [customer, ("subscription", subscription | {"status": "active", "locked": "talks"})])
    assert upgrading.upgrade(str(path)) == migrate.Upgrade(3, SCHEMA_VERSION)
    assert schema_of(path) == schema_of(store_path)
    assert triggers_of(path) == triggers_of(store_path)
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT id, status, locked FROM subscription").fetchall() == [
        ("sub_1", "active", "talks")
    ]
    for name in ("migration", "migration_batch", "migration_member"):
        assert raw.execute(f"SELECT count(*) FROM {name}").fetchall() == [(0,)]
    raw.close()
