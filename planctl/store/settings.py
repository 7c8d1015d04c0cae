"""Who a store is, and the business's settings it keeps: seller, numbering, timezone. It checks no value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.core.periods import Instant
from planctl.store import hot
from planctl.store.sets import put_rows
from planctl.store.touching import will_change
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_IDENTITY = (
    "SELECT store_id, created_at, is_test, high_water_at, generation, home, adoption FROM store_identity"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A store's id, birth and kind. `high_water_at`: the latest instant a whole run believed it was.

    `home` is the place where it may bill, empty for a test store and for a copy; `generation` counts from 1 how often
    it was adopted, and `adoption` is the last one's own mark, empty before the first.
    """

    store_id: str
    created_at: Instant
    is_test: bool
    high_water_at: Instant | None
    generation: int = 1
    home: str = ""
    adoption: str = ""


def identity(tx: Tx) -> Identity:
    """Who this store is."""
    ((store_id, created_at, is_test, high_water_at, generation, home, adoption),) = tx.rows(_IDENTITY)
    high_water = None if high_water_at is None else Instant(high_water_at)
    return Identity(store_id, Instant(created_at), bool(is_test), high_water, generation, home, adoption)


def set_high_water(tx: Tx, at: int | None) -> None:
    """Remember the latest instant that a whole run believed it was; None forgets it."""
    will_change(tx, "store_identity", [(1,)])
    tx.change("UPDATE store_identity SET high_water_at = ?", [(at,)])


def put_home(tx: Tx, home: str) -> None:
    """Say where the store lives from now on; empty: nowhere, before it is adopted."""
    will_change(tx, "store_identity", [(1,)])
    tx.change("UPDATE store_identity SET home = ?", [(home,)])


def put_adoption(tx: Tx, generation: int, adoption: str) -> None:
    """Begin another generation of the store, with the mark of the adoption that began it."""
    will_change(tx, "store_identity", [(1,)])
    tx.change("UPDATE store_identity SET generation = ?, adoption = ?", [(generation, adoption)])


def setting(tx: Tx, key: str, default: str = "") -> str:
    """A setting's value, or `default` where nobody set it or its default was asked for again (kept empty)."""
    row = hot.one(tx, hot.SETTING, (key,))
    return (row[0] if row is not None else "") or default


def timezone(tx: Tx) -> str:
    """Where the business's days begin."""
    found = setting(tx, "timezone")
    if not found:
        from planctl.core.business import SETTINGS

        found = SETTINGS["timezone"].default
    return found


def put_setting(tx: Tx, key: str, value: str) -> None:
    """Set a setting, whatever it was."""
    put_rows(tx, "setting", [{"key": key, "value": value}], replaced=("value",))


def all_settings(tx: Tx) -> dict[str, str]:
    """Every setting that was set, by key in order."""
    return {row[0]: row[1] for row in tx.rows("SELECT key, value FROM setting ORDER BY key")}
