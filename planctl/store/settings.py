"""Who a store is, and the business's settings it keeps: seller, numbering, timezone. It checks no value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.business import SETTINGS
from planctl.core.periods import Instant
from planctl.store.sets import put_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_I = table("store_identity")
_S = table("setting")


@dataclass(frozen=True, slots=True)
class Identity:
    """A store's id, birth and kind. `high_water_at`: the latest instant a whole run believed it was."""

    store_id: str
    created_at: Instant
    is_test: bool
    high_water_at: Instant | None


def identity(tx: Tx) -> Identity:
    """Who this store is."""
    row = tx.connection.execute(select(_I)).one()
    high_water = None if row.high_water_at is None else Instant(row.high_water_at)
    return Identity(row.store_id, Instant(row.created_at), bool(row.is_test), high_water)


def set_high_water(tx: Tx, at: int | None) -> None:
    """Remember the latest instant that a whole run believed it was; None forgets it."""
    tx.connection.execute(_I.update().values(high_water_at=at))


def setting(tx: Tx, key: str, default: str = "") -> str:
    """A setting's value, or `default` where nobody set it or its default was asked for again (kept empty)."""
    found: str | None = tx.connection.execute(select(_S.c.value).where(_S.c.key == key)).scalar_one_or_none()
    return found or default


def timezone(tx: Tx) -> str:
    """Where the business's days begin."""
    return setting(tx, "timezone", SETTINGS["timezone"].default)


def put_setting(tx: Tx, key: str, value: str) -> None:
    """Set a setting, whatever it was."""
    put_rows(tx, "setting", [{"key": key, "value": value}], replaced=("value",))


def all_settings(tx: Tx) -> dict[str, str]:
    """Every setting that was set, by key in order."""
    rows = tx.connection.execute(select(_S.c.key, _S.c.value).order_by(_S.c.key))
    return {row.key: row.value for row in rows}
