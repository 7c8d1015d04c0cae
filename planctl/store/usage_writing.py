"""Writes rows of usage events in each engine's quick way, and finds what is stored under the same identities.

It decides nothing. SQLite takes rows in the order of the table; PostgreSQL takes them by COPY into a temporary table,
which goes with the transaction, and from there into the months' partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from planctl.store.mapping import whole
from planctl.store.usage_mapping import Columns
from planctl.store.usage_months import make_months

if TYPE_CHECKING:
    from planctl.store.engine import Tx

FEW = 100
"""PostgreSQL takes fewer rows sooner one by one than by way of a temporary table."""

_KEY = ("day", "customer", "meter", "event_key")
_COLUMNS = (*_KEY, "at", "quantity", "fraction", "payload_hash", "child")
_NAMED = ", ".join(_COLUMNS)
_INSERT = f"INSERT INTO usage_event ({_NAMED}, batch)"
_IF_NEW = f"ON CONFLICT ({', '.join(_KEY)}) DO NOTHING"
_BY_DAY, _BY_CUSTOMER = itemgetter(0), itemgetter(1)

_INCOMING = "CREATE TEMPORARY TABLE IF NOT EXISTS usage_incoming ({columns}) {ends}"
"""Rows on their way into the table, or identities that are looked up; it lives in the connection, not in the store."""


class Stored(NamedTuple):
    """The event that an identity stands for: the hash of its content, quantity, instant, and the import it came by."""

    payload: int
    whole: int
    part: int
    at: int
    batch: int


CACHE_KIB = 40_000
"""What SQLite may keep of the store in memory during an import; it works on the days that the file is about."""


def prepare_import(tx: Tx) -> None:
    """Let go of memory that an import has no use for; it may hold many customers and rows itself."""
    if _is_sqlite(tx):
        tx.rows(f"PRAGMA cache_size = -{CACHE_KIB}")


def insert_events(tx: Tx, rows: Sequence[Columns], batch_id: int) -> int:
    """Insert those events whose identity is not there yet; how many that were. No identity may come twice."""
    if not rows:
        return 0
    batch = whole(batch_id)  # in the statement itself: beside every row it would cost as much as a column
    make_months(tx, {row[0] for row in rows})
    if _is_sqlite(tx) or len(rows) < FEW:
        ordered = sorted(rows, key=_BY_CUSTOMER)
        ordered.sort(key=_BY_DAY)  # twice by one number each is half the work of once by two
        marks = ", ".join("?" * len(_COLUMNS))
        return tx.change(f"{_INSERT} VALUES ({marks}, {batch}) {_IF_NEW}", ordered)
    _begin_incoming(tx)
    tx.store.link.fill("usage_incoming", _COLUMNS, rows)
    return tx.change(f"{_INSERT} SELECT {_NAMED}, {batch} FROM usage_incoming {_IF_NEW}", [()])


_FOUND = """
SELECT i.position, e.payload_hash, e.quantity, e.fraction, e.at, e.batch
  FROM usage_incoming i
  JOIN usage_event e
    ON e.day = i.day AND e.customer = i.customer AND e.meter = i.meter AND e.event_key = i.event_key
"""

_FOUND_ANY_DAY = """
SELECT i.position, e.payload_hash, e.quantity, e.fraction, e.at, e.batch
  FROM usage_incoming i
  JOIN usage_identity u ON u.customer = i.customer AND u.meter = i.meter AND u.event_key = i.event_key
  JOIN usage_event e
    ON e.day = u.day AND e.customer = u.customer AND e.meter = u.meter AND e.event_key = u.event_key
"""


def stored_events(
    tx: Tx, rows: Sequence[Columns], places: Sequence[int], *, any_day: bool
) -> dict[int, Stored]:
    """What is stored under the identities of the rows at these places, by place; nothing for a new one.

    With `any_day` also under an identity of another day, as far as identities are kept beside the events.
    """
    if not places:
        return {}
    _begin_incoming(tx)
    tx.store.link.fill("usage_incoming", ("position", *_KEY), [(place, *rows[place][:4]) for place in places])
    if not _is_sqlite(tx):
        # Without figures for the temporary table the planner would read the whole of the large one.
        tx.connection.exec_driver_sql("SET LOCAL enable_hashjoin = off")
        tx.connection.exec_driver_sql("SET LOCAL enable_mergejoin = off")
    found = {
        row[0]: Stored(*row[1:])
        # Also with strict identities the day itself counts: ids from before that setting have none.
        for query in ((_FOUND, _FOUND_ANY_DAY) if any_day else (_FOUND,))
        for row in tx.rows(query)
    }
    if not _is_sqlite(tx):
        tx.connection.exec_driver_sql("RESET enable_hashjoin")
        tx.connection.exec_driver_sql("RESET enable_mergejoin")
    return found


def _begin_incoming(tx: Tx) -> None:
    """Make the temporary table, or empty it; on a server it goes with the transaction."""
    blob, ends = ("BLOB", "") if _is_sqlite(tx) else ("BYTEA", "ON COMMIT DROP")
    types = {"event_key": blob}
    columns = ", ".join(f"{name} {types.get(name, 'BIGINT')}" for name in ("position", *_COLUMNS))
    tx.rows(_INCOMING.format(columns=columns, ends=ends))
    tx.change("DELETE FROM usage_incoming", [()])


def _is_sqlite(tx: Tx) -> bool:
    return tx.store.url.engine == "sqlite"
