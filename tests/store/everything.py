"""A store with rows in every table of the schema, of values that the engines could keep differently.

The rows mean nothing together: no law holds for them, only the schema's own checks.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table

from planctl.store.engine import Store, Tx, open_store
from planctl.store.rows import METADATA
from planctl.store.usage_months import make_months

ODD = ("a tab\t, a line\n, a quote ', a \\N, \\x41, é, e\u0301 and 😀", "B", "ä", "")
"""Texts that sort and are quoted otherwise elsewhere; in a key each comes with the column's name before it."""

WHOLE = (-(2**63), 0, 7, 2**63 - 1)
DAYS = (0, 20_484, 20_485, 47_482)
"""1970-01-01, 2026-01-31, 2026-02-01 and 2100-01-01: events are kept by the month."""

BLOBS = (b"\x00\xff", b"", b"\\x41", b"\n")

DAY = 20_454
"""2026-01-01 as events count days: on PostgreSQL they need a month that they are kept in."""

CHOSEN: dict[str, dict[str, Any]] = {
    "billing_period": {"idx": 1, "starts_at": 1, "ends_at": 2},
    "number_series": {"first": 1, "next": 2},
    "invoice": {"subtotal": 7, "discount": 3, "tax": 1, "total": 5, "credit": 1, "paid": 2},
    "payment": {"amount": 2**63 - 1},
    "refund": {"amount": 1},
    "credit_note": {"total": 1},
    "balance_entry": {"amount": -1, "balance": 0},
    "wallet_entry": {"amount": "-0.000000000001", "balance": "0"},
    "stripe_operation": {"state": "unknown"},
    "stripe_event": {"state": "parked"},
    "stripe_checkout": {"state": "expired"},
    "migration_member": {"state": "moved", "successor": ""},
    "usage_event": {"day": DAY},
}
"""What the schema's checks ask for."""

ONE_ROW = {"store_identity", "stripe_account"}


def filled(path: str) -> None:
    """Make a store and give every table four rows, or the one that it may have."""
    with open_store(path, create=True, at=1, is_test=True) as store, store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM setting")
        tx.connection.exec_driver_sql("DELETE FROM store_identity")
        for table in METADATA.sorted_tables:
            put(store, table)


def put(store: Store, table: Table) -> None:
    if table.name == "usage_event":
        make_months(Tx(store), [DAY])
    rows = [tuple(value(table, one, number) for one in table.columns) for number in range(4)]
    store.link.fill(table.name, list(table.columns.keys()), rows[:1] if table.name in ONE_ROW else rows)


def value(table: Table, column: Column[Any], number: int) -> Any:
    """The value of a column in row `number`; a column that refers to another has the other's."""
    for key in column.foreign_keys:
        return value(key.column.table, key.column, number)
    chosen = CHOSEN.get(table.name, {})
    kind = column.type.python_type
    if column.name in chosen:
        needs_more = table.name == "migration_member" and column.name == "successor"
        return f"next {number}" if needs_more else chosen[column.name]
    if table.name in ONE_ROW and column.name == "id":
        return 1
    if table.name == "audit" and column.name in {"seq", "prev", "hash"}:
        return {"seq": number + 1, "prev": f"{number:064}", "hash": f"{number + 1:064}"}[column.name]
    if table.name == "catalog_revision" and column.name in {"number", "parent"}:
        return number + (column.name == "number")
    if table.name == "usage_event" and column.name == "day":
        return DAYS[number]
    if column.nullable and number == 1:
        return None
    is_key = column.primary_key or column.unique or kind is str
    return {
        str: f"{column.name} {ODD[number]}" if is_key else ODD[number],
        int: WHOLE[number],
        bytes: BLOBS[number],
    }[kind]
