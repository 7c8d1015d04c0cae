"""Which rows of audited tables a transaction changes, with the hash of each before. It writes nothing.

Audited are the tables of what people set by hand, and what no law can work out again from other rows. What runs write
in masses - periods, invoices, claims, usage - is left to the laws that recompute it.
Source: docs/decisions/043-what-the-audit-proves.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from planctl.core.audit import row_hash
from planctl.store.tables import COLUMNS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table

    from planctl.store.engine import Tx

Key = tuple[Any, ...]
"""The values of a row's key columns."""

AUDITED: dict[str, tuple[str, ...]] = {
    "store_identity": ("home",),
    "setting": (),
    "operation": (),
    "run": (),
    "catalog_revision": (),
    "catalog_object": (),
    "change_note": (),
    "plan_version": (),
    "allow_entry": (),
    "customer": (),
    "hold": (),
    "assignment": (),
    "subscription": ("status", "settled_at", "next_action_at"),
    "subscription_transition": (),
    "subscription_change": (),
    "trial_use": (),
    "number_series": ("next",),
    "number_gap": (),
    "invoice": ("status", "credit", "paid", "paid_at"),
    "payment": (),
    "refund": (),
    "credit_note": (),
    "balance_entry": (),
    "coupon_redemption": (),
    "coupon_use": (),
    "wallet_grant": (),
    "wallet_entry": (),
    "meter": (),
    "stripe_account": ("cursor",),
    "stripe_operation": (),
    "stripe_link": (),
    "stripe_event": (),
    "stripe_checkout": (),
    "migration": (),
    "migration_batch": (),
    "migration_member": (),
}
"""The audited tables; of each the columns that a run or a pull moves on by itself, which are left out of its hashes."""

_NAMED_BY = {"customer": ("id",)}
"""By what a row is named where that is not its primary key."""

DISCREET = {"allow_entry": "entry", "trial_use": "who"}
"""Columns that name a row and may be about a person: an e-mail address on a list, a fingerprint that took a trial."""

_CHUNK = 200


@cache
def key_columns(name: str) -> tuple[str, ...]:
    """The columns that name a row in the audit."""
    words = COLUMNS[name].split()
    return _NAMED_BY.get(name) or tuple(word.partition("*")[0] for word in words if "*" in word)


@cache
def hashed_columns(name: str) -> tuple[str, ...]:
    """The columns that a row's hash covers, in their order."""
    named = (word.partition(":")[0].rstrip("*") for word in COLUMNS[name].split())
    return tuple(column for column in named if column not in AUDITED[name])


@cache
def whole_columns(name: str) -> frozenset[str]:
    """Those of a table's columns that hold whole numbers."""
    words = (word.partition(":") for word in COLUMNS[name].split())
    return frozenset(column.rstrip("*") for column, _, kind in words if kind.startswith("whole"))


def added(tx: Tx, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Note rows, as tuples in the order of `columns`, that were inserted; what they hold need not be read again."""
    if name not in AUDITED:
        return
    noted, keys = tx.touched.setdefault(name, {}), list(_keys(name, columns, rows))
    if noted.keys().isdisjoint(keys) and set(columns).issuperset(hashed_columns(name)):
        chosen = itemgetter(*(columns.index(column) for column in hashed_columns(name)))
        tx.fresh.setdefault(name, {}).update(
            (key, row_hash(name, chosen(row))) for key, row in zip(keys, rows, strict=True)
        )
    for key in keys:
        noted.setdefault(key, "")


def will_put(tx: Tx, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Note rows that are about to be put, and may be there already."""
    if name in AUDITED:
        will_change(tx, name, _keys(name, columns, rows))


def will_change(tx: Tx, name: str, keys: Iterable[Key]) -> None:
    """Note the rows with these keys, there or not, that are about to be changed, removed or put; each is read once."""
    noted, fresh = tx.touched.setdefault(name, {}), tx.fresh.get(name, {})
    asked = dict.fromkeys(keys)
    for key in asked if fresh else ():
        fresh.pop(key, None)
    noted.update(hashes(tx, name, [key for key in asked if key not in noted]))


def will_change_where(tx: Tx, source: Table, *conditions: ColumnElement[bool]) -> None:
    """Note the rows that a statement with these conditions is about to change or remove."""
    from sqlalchemy import select

    query = select(*(source.c[column] for column in key_columns(source.name))).where(*conditions)
    will_change(tx, source.name, [tuple(row) for row in tx.connection.execute(query)])


def hashes(tx: Tx, name: str, keys: Iterable[Key]) -> Iterator[tuple[Key, str]]:
    """Each key with the hash of its row as it is now; empty where there is none. In the order of the keys."""
    columns, named = hashed_columns(name), key_columns(name)
    places = [columns.index(column) for column in named]
    quoted = ", ".join(f'"{column}"' for column in columns)
    one = "(" + " AND ".join(f'"{column}" = ?' for column in named) + ")"
    rest = iter(keys)
    while chunk := list(islice(rest, _CHUNK)):
        if len(named) == 1:
            asked = f'"{named[0]}" IN ({", ".join("?" * len(chunk))})'
        else:
            asked = " OR ".join([one] * len(chunk))
        values = [value for key in chunk for value in key]
        rows = tx.rows(f'SELECT {quoted} FROM "{name}" WHERE {asked}', values)
        found = {tuple(row[place] for place in places): row_hash(name, row) for row in rows}
        for key in chunk:
            yield key, found.get(key, "")


def _keys(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Key]:
    places = [columns.index(column) for column in key_columns(name)]
    for row in rows:
        yield tuple(row[place] for place in places)
