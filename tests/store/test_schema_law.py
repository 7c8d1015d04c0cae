"""Whoever takes one of the store's own guards away is found: the law of the schema names it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from planctl.store.engine import Store
from planctl.store.laws.schema import as_made
from planctl.store.schema_objects import objects, objects_as_made
from tests import stores

sqlite_only = pytest.mark.sqlite_only
postgres_only = pytest.mark.postgres_only


def found_after(store: Store, *statements: str) -> list[str]:
    """What the law finds after edits of the schema, which are taken back."""
    with store.write() as tx:
        tx.rollback_only()
        for statement in statements:
            tx.connection.execute(text(statement))
        return [f"{one.object}: {one.what}" for one in as_made(tx)]


def test_a_new_store_is_as_planctl_makes_it(store: Store) -> None:
    assert found_after(store) == []


@pytest.mark.parametrize("table", ["audit", "payment", "invoice_line"])
@pytest.mark.parametrize("event", ["update", "delete"])
def test_a_guard_that_was_dropped_is_named(store: Store, table: str, event: str) -> None:
    name = f"{table}_no_{event}"
    dropped = f"DROP TRIGGER {name}" + (f" ON {table}" if stores.ON_POSTGRES else "")
    assert found_after(store, dropped) == [f"trigger {name}: it is not there; planctl makes it on {table}"]


@pytest.mark.parametrize(
    ("index", "table"), [("invoice_open", "invoice"), ("coupon_holds_once", "coupon_redemption")]
)
def test_an_index_that_was_dropped_is_named(store: Store, index: str, table: str) -> None:
    assert found_after(store, f"DROP INDEX {index}") == [
        f"index {index}: it is not there; planctl makes it on {table}"
    ]


def test_a_table_that_was_dropped_is_named_with_what_was_on_it(store: Store) -> None:
    found = found_after(store, "DROP TABLE number_gap")
    assert "table number_gap: it is not there; planctl makes it on number_gap" in found
    assert "trigger number_gap_no_delete: it is not there; planctl makes it on number_gap" in found
    assert all("number_gap" in one or "gap_forward" in one for one in found)


def test_what_somebody_made_beside_it_is_no_breach(store: Store) -> None:
    assert (
        found_after(
            store,
            "CREATE TABLE report (customer INTEGER)",
            "CREATE INDEX report_customer ON report (customer)",
            "CREATE INDEX by_name ON customer (name)",
            "CREATE VIEW owed AS SELECT number, total - credit - paid AS due FROM invoice",
        )
        == []
    )


# --- a file


@sqlite_only
def test_a_guard_that_guards_nothing_any_more_is_named(store: Store) -> None:
    idle = (
        "CREATE TRIGGER refund_no_update BEFORE UPDATE ON refund WHEN 0"
        " BEGIN SELECT RAISE(ABORT, 'refund is never changed'); END"
    )
    assert found_after(store, "DROP TRIGGER refund_no_update", idle) == [
        "trigger refund_no_update: it is not as planctl makes it"
    ]


@sqlite_only
def test_a_trigger_that_planctl_does_not_make_is_named(store: Store) -> None:
    gift = (
        "CREATE TRIGGER gift AFTER INSERT ON wallet_grant"
        " BEGIN UPDATE setting SET value = value WHERE key = ''; END"
    )
    assert found_after(store, gift) == ["trigger gift: planctl makes no such trigger on wallet_grant"]


@sqlite_only
@pytest.mark.parametrize(
    ("table", "guard", "instead"),
    [
        ("refund", "CHECK (amount > 0)", "CHECK (amount > -9)"),
        ("customer", "UNIQUE (id)", "CHECK (1)"),
        ("payment", "STRICT", ""),
    ],
)
def test_a_table_whose_text_was_edited_is_named(store: Store, table: str, guard: str, instead: str) -> None:
    edit = f"UPDATE sqlite_schema SET sql = replace(sql, '{guard}', '{instead}') WHERE name = '{table}'"
    store.link.connection.exec_driver_sql("PRAGMA writable_schema = ON")
    store.link.rollback()
    assert found_after(store, edit) == [f"table {table}: it is not as planctl makes it"]


@sqlite_only
def test_an_index_that_holds_less_is_named(store: Store) -> None:
    less = "CREATE UNIQUE INDEX coupon_holds_once ON coupon_redemption (subscription, coupon, id)"
    assert found_after(store, "DROP INDEX coupon_holds_once", less) == [
        "index coupon_holds_once: it is not as planctl makes it"
    ]


@sqlite_only
def test_spaces_case_and_quotes_of_names_mean_nothing(store: Store) -> None:
    same = """
        create trigger "refund_no_update"
        before update on refund begin select raise(abort, 'refund is never changed'); end
    """
    assert found_after(store, "DROP TRIGGER refund_no_update", same) == []


@sqlite_only
def test_the_case_of_a_literal_means_something(store: Store) -> None:
    other = (
        "CREATE TRIGGER refund_no_update BEFORE UPDATE ON refund"
        " BEGIN SELECT RAISE(ABORT, 'Refund is never changed'); END"
    )
    assert found_after(store, "DROP TRIGGER refund_no_update", other) == [
        "trigger refund_no_update: it is not as planctl makes it"
    ]


@sqlite_only
def test_what_sqlite_counts_for_itself_is_no_breach(store: Store) -> None:
    assert found_after(store, "ANALYZE") == []


# --- a server


@postgres_only
def test_a_guard_that_was_turned_off_is_named(store: Store) -> None:
    assert found_after(store, "ALTER TABLE payment DISABLE TRIGGER payment_no_update") == [
        "trigger payment_no_update: it is not as planctl makes it"
    ]


@postgres_only
@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("customer", "customer_id_key"),
        ("invoice_line", "invoice_line_invoice_fkey"),
        ("refund", "refund_positive"),
        ("late_usage", "late_usage_pkey"),
    ],
)
def test_a_constraint_that_was_dropped_is_named(store: Store, table: str, name: str) -> None:
    found = found_after(store, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    assert f"constraint {name}: it is not there; planctl makes it on {table}" in found


@postgres_only
def test_every_trigger_and_constraint_of_a_new_store_on_a_server_is_known(store: Store) -> None:
    with store.read() as tx:
        unknown = objects(tx).keys() - objects_as_made(tx).keys()
    assert {one.kind for one in unknown} == {"index"}  # those that keep constraints, under the same names
