"""The months that PostgreSQL keeps usage events in, one partition each; SQLite has one table for all.

A partition is made when its month is first written to. Source: PostgreSQL documentation, "Table Partitioning".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_EPOCH = date(1970, 1, 1)

_IS_THERE = """
    SELECT EXISTS (SELECT FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace)
"""
"""Whether this store has a table, whatever another schema in the search path has."""


def make_months(tx: Tx, days: Iterable[int]) -> None:
    """Make sure that events of these UTC days (counted from 1970-01-01) have a place; nothing to do on SQLite.

    Call it before writing them, in the same write: writes exclude each other, so two never make the same month.
    Nobody who reads has to wait for it. The server makes it in the name of the tables' owner, for whoever imports.
    """
    if tx.store.url.engine == "sqlite":
        return
    months = {(_EPOCH + timedelta(days=day)).replace(day=1) for day in days}
    for first in sorted(months):
        name = f"usage_event_{first:%Y_%m}"
        if not tx.connection.exec_driver_sql(_IS_THERE, (name,)).scalar_one():
            tx.connection.exec_driver_sql("SELECT planctl_usage_month(%s)", (first,))
