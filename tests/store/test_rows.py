"""The schema's promises, asked of the database itself: typed columns, no floats, keys that nothing passes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Index, Table, UniqueConstraint

from planctl.store import rows
from tests import stores

TABLES = rows.METADATA.tables
WRONG = stores.driver().DatabaseError


@pytest.fixture
def raw(store_path: Path) -> Iterator[stores.Raw]:
    """The store as somebody with the engine's shell makes it: no references, no triggers, only tables."""
    with stores.unguarded(store_path) as connection:
        connection.execute("DELETE FROM store_identity")
        if stores.ON_POSTGRES:  # for the days of rows that only a test has
            connection.execute("CREATE TABLE other_days PARTITION OF usage_event DEFAULT")
        yield connection


@pytest.fixture
def guarded(store_path: Path) -> Iterator[stores.Raw]:
    """The store as such a shell has it: triggers, but none of planctl's own settings, and no references."""
    with stores.raw(store_path) as connection:
        if stores.ON_POSTGRES:
            keys = "SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'f'"
            for table, name in connection.execute(keys).fetchall():
                connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        yield connection


# --- columns


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_table_is_strict(raw: stores.Raw, name: str) -> None:
    assert raw.execute("SELECT strict FROM pragma_table_list WHERE name = ?", [name]).fetchall() == [(1,)]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_column_can_hold_a_floating_point_number(raw: stores.Raw, name: str) -> None:
    types = {row[0] for row in raw.execute("SELECT type FROM pragma_table_info(?)", [name])}
    assert types <= {"INTEGER", "TEXT", "BLOB"}


@pytest.mark.sqlite_only
def test_a_floating_point_amount_is_refused_by_the_table_itself(raw: stores.Raw) -> None:
    row = values_of(TABLES["payment"], 1) | {"amount": 1.5}
    with pytest.raises(WRONG, match="cannot store REAL value in INTEGER column"):
        insert(raw, "payment", row)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ["usage_event", "usage_detail", "usage_identity", "late_usage"])
def test_usage_is_one_tree_in_key_order(raw: stores.Raw, name: str) -> None:
    assert raw.execute("SELECT wr FROM pragma_table_list WHERE name = ?", [name]).fetchall() == [(1,)]


# --- keys

KEYS = {
    "one store identity": ("store_identity", "id"),
    "an operation's key is used once": ("operation", "key"),
    "the audit cannot fork": ("audit", "prev"),
    "an audit entry's number is used once": ("audit", "seq"),
    "an audit entry names a row once": ("audit_object", "name, id, seq"),
    "a catalog revision has one successor": ("catalog_revision", "parent"),
    "a catalog revision's number is used once": ("catalog_revision", "number"),
    "an address is one object": ("catalog_object", "address"),
    "a plan's version is written once": ("plan_version", "plan, version"),
    "terms are kept once": ("terms", "hash"),
    "a customer's id is used once": ("customer", "id"),
    "a customer is held once for a reason": ("hold", "customer, reason"),
    "a plan waits once per customer": ("assignment", "customer, plan"),
    "one live subscription per exclusive group": ("subscription", "customer, exclusive_group"),
    "a change of a subscription has one successor": ("subscription_change", "subscription, seq"),
    "a transition has one successor": ("subscription_transition", "subscription, seq"),
    "a trial is taken once": ("trial_use", "who_kind, who, scope"),
    "a period's number is used once": ("billing_period", "subscription, idx"),
    "a period begins once": ("billing_period", "subscription, starts_at"),
    "a period begins once on a day": ("billing_period", "subscription, starts_on"),
    "a period ends once": ("billing_period", "subscription, ends_at"),
    "what falls due is settled once": ("settlement", "subscription, part, idx, occasion, revision"),
    "usage is claimed once": ("usage_claim", "subscription, feature, allowance_idx, occasion, revision"),
    "an invoice is issued once": ("invoice", "subscription, period_idx, kind, occasion, revision"),
    "an invoice's number is used once": ("invoice", "number"),
    "a sequence has no double": ("invoice", "series, series_year, sequence"),
    "a series counts once": ("number_series", "series, year"),
    "numbers given elsewhere are left out once": ("number_gap", "series, year, first"),
    "a charge is billed once": (
        "invoice_line",
        "subscription, charge_key, service_idx, occasion, revision",
    ),
    "a payment's id is used once": ("payment", "id"),
    "a credit note's number is used once": ("credit_note", "number"),
    "a credit note's sequence has no double": ("credit_note", "series, series_year, sequence"),
    "an invoice is credited once per occasion": ("credit_note", "invoice, occasion"),
    "a coupon holds once per subscription": ("coupon_redemption", "subscription, coupon"),
    "a coupon is used once per invoice": ("coupon_use", "redemption, invoice"),
    "a balance has one history": ("balance_entry", "customer, currency, seq"),
    "a balance moves once for a key": ("balance_entry", "customer, currency, key"),
    "units are granted once for a key": ("wallet_grant", "customer, feature, grant_key"),
    "a wallet has one history": ("wallet_entry", "customer, feature, seq"),
    "a wallet moves once for a key": ("wallet_entry", "customer, feature, entry_key"),
    "a wallet entry is reversed once": ("wallet_entry", "customer, feature, reverses"),
    "a meter's name is used once": ("meter", "name"),
    "an event is counted once a day": ("usage_event", "day, customer, meter, event_key"),
    "an event's details are kept once": ("usage_detail", "day, customer, meter, event_key"),
    "an event is late once": ("late_usage", "customer, meter, day, event_key"),
    "an event is counted once for ever": ("usage_identity", "customer, meter, event_key"),
    "a file is imported once": ("import_batch", "digest"),
    "a call to Stripe is made once": (
        "stripe_operation",
        "account, livemode, object, local_id, action, revision",
    ),
    "Stripe's key is used once": ("stripe_operation", "idempotency_key"),
    "a Stripe object is linked once": ("stripe_link", "account, stripe_id"),
    "one of ours is linked once": ("stripe_link", "account, object, local_id"),
    "an event of Stripe is taken once": ("stripe_event", "event_id"),
    "a store has one account at Stripe": ("stripe_account", "id"),
    "a page of Stripe's is opened once": ("stripe_checkout", "session"),
    "a migration's name is used once": ("migration", "name"),
    "a batch is begun once": ("migration_batch", "migration, batch"),
    "a migration moves a subscription once": ("migration_member", "migration, subscription"),
    "a subscription is what one migration made": ("migration_member", "successor"),
}
"""What may never be there twice, by table and columns. Source: planctl billing rules, exactly once."""

FITTING: dict[str, dict[str, Any]] = {
    "assignment": {"status": "waiting"},
    "subscription": {"status": "active"},
    "invoice": {"total": 0, "subtotal": 0, "discount": 0, "tax": 0, "credit": 0, "paid": 0},
    "number_series": {"first": 1, "next": 2},
    "number_gap": {"first": 1, "last": 2},
    "store_identity": {"id": 1},
    "coupon_redemption": {"removed_at": 0},
    "stripe_account": {"id": 1},
    "stripe_operation": {"state": "pending"},
    "stripe_event": {"state": "done"},
    "stripe_checkout": {"state": "open"},
}
"""What a table's checks want of a row, or what brings it under a partial index."""

_unused = itertools.count(1)


def values_of(table: Table, number: int) -> dict[str, Any]:
    """A row that the table's checks take and that no other row has a value of."""
    row: dict[str, Any] = {}
    for column in table.columns:
        fresh = 1_000 * number + next(_unused)
        row[column.name] = {"BIGINT": fresh, "TEXT": f"text {fresh}", "BLOB": b"%d" % fresh}[str(column.type)]
    row |= FITTING.get(table.name, {})
    if table.name == "catalog_revision":
        row["parent"] = row["number"] - 1
    if table.name == "billing_period":
        row["ends_at"] = row["starts_at"] + 500_000
    return row


def insert(raw: stores.Raw, table: str, row: dict[str, Any]) -> None:
    columns = ", ".join(f'"{column}"' for column in row)
    raw.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", [*row.values()])


@pytest.mark.parametrize("promise", KEYS)
def test_a_raw_insert_of_a_duplicate_is_refused(raw: stores.Raw, promise: str) -> None:
    name, key = KEYS[promise]
    first, second = values_of(TABLES[name], 1), values_of(TABLES[name], 2)
    second |= {column: first[column] for column in key.split(", ")}
    if name == "catalog_revision":
        second |= {column: first[column] for column in ("number", "parent")}  # a check ties them together
    insert(raw, name, first)
    with pytest.raises(WRONG, match=r"(?i)unique"):
        insert(raw, name, second)


@pytest.mark.parametrize("promise", KEYS)
def test_the_same_row_with_another_key_is_taken(raw: stores.Raw, promise: str) -> None:
    """So that the refusal above is the key's and not something else's."""
    name, _ = KEYS[promise]
    if name in {"store_identity", "stripe_account"}:
        return  # there is only one
    insert(raw, name, values_of(TABLES[name], 1))
    insert(raw, name, values_of(TABLES[name], 2))


def unique_keys(table: Table) -> Iterator[list[str]]:
    """The columns of every unique key of a table."""
    yield [column.name for column in table.primary_key.columns]
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield [column.name for column in constraint.columns]
    for index in table.indexes:
        if index.unique:
            yield [column.name for column in index.columns]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_no_unique_key_holds_a_column_that_may_be_null(name: str) -> None:
    """Both engines take (1, NULL) twice."""
    nullable = {column.name for column in TABLES[name].columns if column.nullable}
    assert [key for key in unique_keys(TABLES[name]) if nullable & set(key)] == []


def test_a_table_has_a_test_for_every_key_that_is_not_its_plain_id() -> None:
    tested = {(name, frozenset(key.split(", "))) for name, key in KEYS.values()}
    plain = {"id", "key", "seq", "hash", "position", "list_name", "entry", "invoice", "subscription"}
    missing = [
        (name, key)
        for name, table in TABLES.items()
        for key in unique_keys(table)
        if (name, frozenset(key)) not in tested and not set(key) <= plain | {"starts_at"}
    ]
    assert missing == []


# --- what is no duplicate


def test_after_a_subscription_ended_the_next_one_of_its_group_is_taken(raw: stores.Raw) -> None:
    first, second = values_of(TABLES["subscription"], 1), values_of(TABLES["subscription"], 2)
    second |= {"customer": first["customer"], "exclusive_group": first["exclusive_group"]}
    insert(raw, "subscription", first | {"status": "canceled"})
    insert(raw, "subscription", second)


def test_groups_that_are_not_exclusive_take_any_number(raw: stores.Raw) -> None:
    first, second = values_of(TABLES["subscription"], 1), values_of(TABLES["subscription"], 2)
    insert(raw, "subscription", first | {"exclusive_group": ""})
    insert(raw, "subscription", second | {"customer": first["customer"], "exclusive_group": ""})


def test_a_coupon_that_was_removed_can_be_applied_again(raw: stores.Raw) -> None:
    first, second = values_of(TABLES["coupon_redemption"], 1), values_of(TABLES["coupon_redemption"], 2)
    insert(raw, "coupon_redemption", first | {"removed_at": 5})
    insert(raw, "coupon_redemption", second | {name: first[name] for name in ("subscription", "coupon")})


def test_many_wallet_entries_reverse_nothing(raw: stores.Raw) -> None:
    first, second = values_of(TABLES["wallet_entry"], 1), values_of(TABLES["wallet_entry"], 2)
    same = {"customer": first["customer"], "feature": first["feature"], "reverses": ""}
    insert(raw, "wallet_entry", first | same)
    insert(raw, "wallet_entry", second | same)


# --- checks

IMPOSSIBLE: dict[str, tuple[str, dict[str, Any]]] = {
    "an invoice whose lines are not its total": ("invoice", {"total": 5}),
    "an invoice below zero": ("invoice", {"total": -5, "subtotal": -5}),
    "more paid than asked": ("invoice", {"paid": 1}),
    "a payment of nothing": ("payment", {"amount": 0}),
    "a credit note of nothing": ("credit_note", {"total": 0}),
    "a refund of nothing": ("refund", {"amount": 0}),
    "a balance below zero": ("balance_entry", {"balance": -1}),
    "a balance that does not move": ("balance_entry", {"amount": 0}),
    "a wallet below zero": ("wallet_entry", {"balance": "-0.5"}),
    "a wallet that does not move": ("wallet_entry", {"amount": "0"}),
    "a period without time": ("billing_period", {"starts_at": 5, "ends_at": 5}),
    "a series that counts backwards": ("number_series", {"first": 2, "next": 1}),
    "a revision that skips one": ("catalog_revision", {"number": 7, "parent": 5}),
    "a second identity": ("store_identity", {"id": 2}),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_an_impossible_row_is_refused_by_the_table_itself(raw: stores.Raw, what: str) -> None:
    name, wrong = IMPOSSIBLE[what]
    with pytest.raises(WRONG, match=r"(?i)check"):
        insert(raw, name, values_of(TABLES[name], 1) | wrong)


# --- guards


FINAL = [
    "balance_entry",
    "catalog_revision",
    "credit_note",
    "invoice_line",
    "subscription_transition",
    "terms",
    "wallet_entry",
    "wallet_grant",
    "refund",
    "coupon_use",
    "invoice",
    "payment",
    "number_gap",
]


@pytest.mark.parametrize("name", FINAL)
def test_what_is_final_is_neither_changed_nor_deleted(guarded: stores.Raw, name: str) -> None:
    row = values_of(TABLES[name], 1)
    insert(guarded, name, row)
    column = next(column for column in row if column not in {"id"})
    with pytest.raises(WRONG, match=f"{name} is never changed"):
        guarded.execute(f'UPDATE {name} SET "{column}" = "{column}"')
    with pytest.raises(WRONG, match=f"{name} is never deleted"):
        guarded.execute(f"DELETE FROM {name}")


def test_an_invoice_is_paid_and_voided_but_not_rewritten(guarded: stores.Raw) -> None:
    insert(guarded, "invoice", values_of(TABLES["invoice"], 1) | {"total": 5, "subtotal": 5})
    guarded.execute("UPDATE invoice SET status = 'paid', paid = 5, paid_at = 1")
    guarded.execute("UPDATE invoice SET status = 'void', voided_at = 2")
    guarded.execute("UPDATE invoice SET written_off_at = 3")
    for column in ("total", "number", "content_hash", "buyer", "due_at", "discounts"):
        with pytest.raises(WRONG, match="invoice is never changed"):
            guarded.execute(f"UPDATE invoice SET {column} = {column}")


def test_billing_periods_never_overlap_their_neighbours(guarded: stores.Raw) -> None:
    first = values_of(TABLES["billing_period"], 1)
    first |= {"idx": 3, "starts_at": 100, "ends_at": 200}
    insert(guarded, "billing_period", first)
    follows = first | {"idx": 4, "starts_on": "b", "starts_at": 200, "ends_at": 300}
    with pytest.raises(WRONG, match="never overlap"):
        insert(guarded, "billing_period", follows | {"starts_at": 199})
    with pytest.raises(WRONG, match="never overlap"):
        insert(
            guarded, "billing_period", first | {"idx": 2, "starts_on": "a", "starts_at": 50, "ends_at": 101}
        )
    insert(guarded, "billing_period", follows)


def test_a_plan_version_is_fixed_and_stays_while_anybody_has_the_plan(guarded: stores.Raw) -> None:
    insert(guarded, "plan_version", values_of(TABLES["plan_version"], 1) | {"plan": "pro", "version": 1})
    insert(guarded, "subscription", values_of(TABLES["subscription"], 1) | {"plan": "pro"})
    with pytest.raises(WRONG, match="plan_version is never changed"):
        guarded.execute("UPDATE plan_version SET terms_hash = 'other'")
    with pytest.raises(WRONG, match="in use by subscriptions"):
        guarded.execute("DELETE FROM plan_version")
    guarded.execute("UPDATE plan_version SET plan = 'team'")  # a rename
    guarded.execute("DELETE FROM plan_version")


INDEXES = "SELECT name FROM sqlite_schema WHERE type = 'index'"


def test_every_index_that_keeps_a_promise_is_in_the_database(raw: stores.Raw) -> None:
    declared = {
        index.name for table in TABLES.values() for index in table.indexes if isinstance(index, Index)
    }
    kept = "SELECT indexname FROM pg_indexes" if stores.ON_POSTGRES else INDEXES
    found = {row[0] for row in raw.execute(kept).fetchall()}
    assert declared - found == set()
