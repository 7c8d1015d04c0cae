"""Usage events recorded once each; reading, summing and import batches are offered from here too.

An event's identity is its customer, meter, UTC day and id, and the child of the customer that used it; with the
setting `dedup` = `strict` the day does not count. The same content again is a duplicate, other content a conflict,
and neither is kept.
Source: planctl billing rules, usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, FromClause, LargeBinary, MetaData, Select, Table, select
from sqlalchemy.schema import CreateTable

from planctl.core.instants import DAY_MICROSECONDS
from planctl.store.columns import WHOLE
from planctl.store.mapping import said
from planctl.store.sets import insert_rows, put_tuples, table
from planctl.store.settings import setting
from planctl.store.usage_amounts import amounts
from planctl.store.usage_batches import Batch, batch, put_batch
from planctl.store.usage_mapping import EventRow, decimal_of, event_row, parts_of
from planctl.store.usage_meters import meter_ids
from planctl.store.usage_reading import (
    LateEvent,
    clear_late,
    clear_marks,
    corrected,
    events,
    late_events,
    late_marks,
    recorded,
)
from planctl.store.usage_totals import UsageRequest, totals

if TYPE_CHECKING:
    from planctl.store.engine import Tx

__all__ = [
    "AppendResult",
    "Batch",
    "Conflicting",
    "EventRow",
    "LateEvent",
    "UsageRequest",
    "amounts",
    "append",
    "batch",
    "clear_late",
    "clear_marks",
    "corrected",
    "event_row",
    "events",
    "late_events",
    "late_marks",
    "meter_ids",
    "put_batch",
    "recorded",
    "totals",
]

_E = table("usage_event")

_INCOMING = Table(
    "usage_incoming",
    MetaData(),
    Column("position", WHOLE, primary_key=True, autoincrement=False),
    Column("day", WHOLE),
    Column("customer", WHOLE),
    Column("meter", WHOLE),
    Column("event_key", LargeBinary),
    prefixes=["TEMPORARY"],
)
"""Identities that are looked up among those stored; it lives in the connection, not in the store."""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """An event that was not kept: the one under its id says something else.

    `position` is its index in the rows given. `quantity`, `at` and `batch` are those of the event kept; batch
    -1 means that it came earlier in the same call.
    """

    position: int
    row: EventRow
    quantity: Decimal
    at: int
    batch: int


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of the rows: each was accepted, a duplicate or a conflict. `late` counts accepted ones."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: tuple[Conflicting, ...] = ()
    late: int = 0


def append(tx: Tx, rows: Sequence[EventRow], batch_id: int = 0) -> AppendResult:
    """Record events of one batch (0: no file), each at most once; give at most some 50,000 at a time.

    What is new is inserted at once; only if something was there already are the rows looked up one by one.
    """
    strict = setting(tx, "dedup") == "strict"
    sent = list(enumerate(rows))
    fresh, duplicates, conflicts = _first_of_each(sent, strict)
    with tx.connection.begin_nested() as savepoint:
        all_new = _insert(tx, [row for _, row in fresh], batch_id, strict)
        if not all_new:
            savepoint.rollback()
    if not all_new:
        unknown, known, contradicting = _not_stored(tx, sent, strict)
        fresh, duplicates, conflicts = _first_of_each(unknown, strict)
        inserted = _insert(tx, [row for _, row in fresh], batch_id, strict)
        assert inserted, "events that were not stored a moment ago are stored"
        duplicates, conflicts = duplicates + known, conflicts + contradicting
    late = _insert_companions(tx, [row for _, row in fresh])
    in_order = sorted(conflicts, key=lambda conflict: conflict.position)
    return AppendResult(len(fresh), duplicates, tuple(in_order), late)


Positioned = tuple[int, EventRow]


def _first_of_each(
    rows: Sequence[Positioned], strict: bool
) -> tuple[list[Positioned], int, list[Conflicting]]:
    """The first row of each identity, how many repeat it, and those that contradict it."""
    kept: dict[tuple[int, int, bytes, int], Positioned] = {}
    conflicts = []
    for position, row in rows:
        day = 0 if strict else row.at // DAY_MICROSECONDS
        _, first = kept.setdefault((row.customer, row.meter, row.key, day), (position, row))
        if first.payload != row.payload:
            conflicts.append(Conflicting(position, row, first.quantity, first.at, -1))
    return list(kept.values()), len(rows) - len(kept) - len(conflicts), conflicts


_IDENTITY = ("customer", "meter", "event_key", "day")
_EVENT = (
    *("day", "customer", "meter", "event_key", "at"),
    *("quantity", "fraction", "payload_hash", "batch", "child"),
)


def _insert(tx: Tx, rows: Sequence[EventRow], batch_id: int, strict: bool) -> bool:
    """Insert events in key order; whether every one of them was new."""
    if strict:
        identities = [(row.customer, row.meter, row.key, row.day) for row in rows]
        if put_tuples(tx, "usage_identity", _IDENTITY, sorted(identities)) != len(rows):
            return False
    values = [
        (
            row.day,
            row.customer,
            row.meter,
            row.key,
            row.at,
            *parts_of(row.quantity),
            row.payload,
            batch_id,
            row.child,
        )
        for row in rows
    ]
    values.sort()
    return put_tuples(tx, "usage_event", _EVENT, values) == len(rows)


def _insert_companions(tx: Tx, rows: list[EventRow]) -> int:
    """Insert what new events carry beyond their quantity, and mark the late ones; how many are late."""
    details = [
        _identity(row)
        | {"event_id": said(row.event_id), "properties": said(row.properties), "corrects": said(row.corrects)}
        for row in rows
        if row.has_detail
    ]
    late = [_identity(row) | {"at": row.at} for row in rows if row.late]
    insert_rows(tx, "usage_detail", details)
    insert_rows(tx, "late_usage", late)
    return len(late)


def _identity(row: EventRow) -> dict[str, Any]:
    return {"day": row.day, "customer": row.customer, "meter": row.meter, "event_key": row.key}


def _not_stored(
    tx: Tx, rows: list[Positioned], strict: bool
) -> tuple[list[Positioned], int, list[Conflicting]]:
    """The rows that are not stored yet, how many are stored just so, and those stored with other content."""
    tx.connection.execute(CreateTable(_INCOMING, if_not_exists=True))
    tx.connection.execute(_INCOMING.delete())
    if rows:
        tx.connection.execute(
            _INCOMING.insert(), [{"position": position} | _identity(row) for position, row in rows]
        )
    stored = {row.position: row for row in tx.connection.execute(_stored_query(any_day=False))}
    if strict:  # besides the day itself: ids from before the setting have no row among the identities
        stored |= {row.position: row for row in tx.connection.execute(_stored_query(any_day=True))}
    tx.connection.execute(_INCOMING.delete())
    fresh = [(position, row) for position, row in rows if position not in stored]
    conflicts = [
        Conflicting(position, row, decimal_of(old.quantity, old.fraction), old.at, old.batch)
        for position, row in rows
        if (old := stored.get(position)) is not None and old.payload_hash != row.payload
    ]
    return fresh, len(rows) - len(fresh) - len(conflicts), conflicts


def _stored_query(any_day: bool) -> Select[Any]:
    """Incoming identities joined to the events stored under them, on their day or on whatever day."""
    incoming = _INCOMING.c
    joined: FromClause = _INCOMING
    day: Any = incoming.day
    if any_day:
        identity = table("usage_identity")
        day = identity.c.day
        joined = _INCOMING.join(
            identity,
            (identity.c.customer == incoming.customer)
            & (identity.c.meter == incoming.meter)
            & (identity.c.event_key == incoming.event_key),
        )
    joined = joined.join(
        _E,
        (_E.c.day == day)
        & (_E.c.customer == incoming.customer)
        & (_E.c.meter == incoming.meter)
        & (_E.c.event_key == incoming.event_key),
    )
    return select(
        incoming.position, _E.c.payload_hash, _E.c.quantity, _E.c.fraction, _E.c.at, _E.c.batch
    ).select_from(joined)
