"""Where a series of invoice numbers begins, for businesses that move in with numbers used elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from planctl.core.instants import Instant, local_date, zone
from planctl.errors import Refused
from planctl.store.numbering import INVOICES, NumberFormat
from planctl.store.sets import put_rows, table

if TYPE_CHECKING:
    from planctl.store.engine import Tx

_N = table("number_series")
_V = table("invoice")


def next_number(tx: Tx, number_format: NumberFormat, at: Instant, timezone: str) -> int:
    """The number that the next invoice issued at `at` would take; takes nothing."""
    query = select(_N.c.next).where(_N.c.series == INVOICES, _N.c.year == _year(number_format, at, timezone))
    found: int | None = tx.connection.execute(query).scalar_one_or_none()
    return 1 if found is None else found


def begin_series(tx: Tx, number_format: NumberFormat, at: Instant, timezone: str, first: int) -> None:
    """Let the series in use at `at` begin with `first`; Refused once it has an invoice."""
    year = _year(number_format, at, timezone)
    used = select(_V.c.id).where(_V.c.series == INVOICES, _V.c.series_year == year).limit(1)
    if tx.connection.execute(used).first() is not None:
        raise Refused(
            "the series has invoices already",
            code="numbering-begun",
            where="setting numbering.next",
            got=str(first),
            hint="numbers are consecutive; only a new series, or a new year, can begin anew",
        )
    row = {"series": INVOICES, "year": year, "first": first, "next": first}
    put_rows(tx, "number_series", [row], replaced=("first", "next"))


def _year(number_format: NumberFormat, at: Instant, timezone: str) -> int:
    return local_date(at, zone(timezone)).year if number_format.yearly else 0
