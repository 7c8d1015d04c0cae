"""Closed books: through which local day nothing may be dated any more. It closes nothing itself."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from planctl.core.periods import Instant, local_date, zone
from planctl.errors import Refused
from planctl.store.settings import setting, timezone

if TYPE_CHECKING:
    from planctl.store.engine import Tx

CLOSED_THROUGH = "books.closed_through"


def closed_through(tx: Tx) -> date | None:
    """The last closed day, in the store's timezone; None while the books were never closed."""
    said = setting(tx, CLOSED_THROUGH)
    return date.fromisoformat(said) if said else None


def check_since(tx: Tx, at: Instant, since: Instant, what: str, where: str) -> None:
    """Refused (`before-issue`) where `what` would be dated on a day before `since`, when what it changes began."""
    tz = zone(timezone(tx))
    day, first = local_date(at, tz), local_date(since, tz)
    if day < first:
        raise Refused(
            f"{what} would be dated {day}, and {where} is of {first}",
            code="before-issue",
            where=where,
            expected=f"{first} or later",
            got=str(day),
            hint=f"--as-of {first}",
        )


def check_open(tx: Tx, at: Instant, what: str = "it") -> None:
    """Refused (`books-closed`) where `what` would be dated on a day of closed books.

    Invoices, credit notes, payments, refunds, voids and write-offs ask here, with the instant they bear.
    """
    last = closed_through(tx)
    if last is None:
        return
    day = local_date(at, zone(timezone(tx)))
    if day <= last:
        raise Refused(
            f"{what} would be dated {day}, and the books are closed through {last}",
            code="books-closed",
            where=f"setting {CLOSED_THROUGH}",
            expected=f"a date after {last}",
            got=str(day),
            hint=f"date it later (--as-of), or reopen: planctl config set {CLOSED_THROUGH} DATE --reason TEXT",
        )
