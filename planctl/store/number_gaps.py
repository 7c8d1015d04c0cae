"""Numbers that a store must not give, since its original gave them after the copy was made. It takes none itself.

A store that was put back lacks what was issued since. Its counters are moved on past the last number that was given
elsewhere; what is left out is kept, so that the law of consecutive numbers still holds and can name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planctl.errors import InvalidInput
from planctl.store.numbering import (
    CREDIT_NOTES,
    DEFAULT_FORMAT,
    INVOICES,
    NumberFormat,
    for_credit_notes,
)
from planctl.store.sets import insert_rows, put_rows
from planctl.store.settings import setting
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

LARGEST = 10**15
"""A sequence beyond it is a mistyped one."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A series, by year where its format has one, with the last number given, empty where none was, and the next."""

    series: str
    year: int
    last: str
    next: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a series that are never given, from the first to the last, as they would be printed."""

    first: str
    last: str
    count: int


def counters(tx: Tx) -> list[Counter]:
    """Every series that today's format goes on with, by name and year."""
    formats = _formats(tx)
    found = []
    for series, year, first, upcoming in tx.rows(
        "SELECT series, year, first, next FROM number_series ORDER BY series, year"
    ):
        written = formats.get(series, formats[INVOICES])
        if bool(year) is not written.yearly:
            continue  # of a format that was left
        last = written.text(series, year, upcoming - 1) if upcoming > first else ""
        found.append(Counter(series, year, last, written.text(series, year, upcoming)))
    return found


def gaps(tx: Tx) -> list[Gap]:
    """Everything that was left out, by series and number."""
    formats = _formats(tx)
    return [
        _gap(formats.get(series, formats[INVOICES]), series, year, first, last)
        for series, year, first, last in tx.rows(
            "SELECT series, year, first, last FROM number_gap ORDER BY series, year, first"
        )
    ]


def leave_out_to(tx: Tx, number: str) -> Gap:
    """Give no number of a series any more up to this one, which was given elsewhere; what is left out by that.

    InvalidInput where it is no number of a series as they are written now, or one that was given here.
    """
    series, year, sequence = _read(tx, number)
    found = tx.rows("SELECT next FROM number_series WHERE series = ? AND year = ?", (series, year))
    upcoming = next((row[0] for row in found), 1)
    written = _formats(tx)[series]
    if sequence < upcoming:
        raise InvalidInput(
            f"{number} was given by this store already, or is left out",
            code="adopt-after",
            where="--after",
            expected=f"{written.text(series, year, upcoming)} or a later one",
            got=number,
            hint="name the last number that was given elsewhere; leave --after out where there is none",
        )
    row = {"series": series, "year": year, "first": 1, "next": sequence + 1}
    put_rows(tx, "number_series", [row], replaced=("next",))
    insert_rows(tx, "number_gap", [{"series": series, "year": year, "first": upcoming, "last": sequence}])
    return _gap(written, series, year, upcoming, sequence)


def _read(tx: Tx, number: str) -> tuple[str, int, int]:
    """A number's series, year and sequence."""
    formats = _formats(tx)
    for series, written in formats.items():
        parts = written.parts(series, number)
        if parts is not None and 0 < parts[1] < LARGEST:
            return series, *parts
    raise InvalidInput(
        "that is no number of this store's series",
        code="adopt-after",
        where="--after",
        expected=" or ".join(one.text(series, 2026, 17) for series, one in formats.items()),
        got=number,
        hint="write it as it is printed on the invoice; planctl config get numbering.format says how",
    )


def _formats(tx: Tx) -> dict[str, NumberFormat]:
    invoices = NumberFormat(setting(tx, "numbering.format", DEFAULT_FORMAT))
    return {INVOICES: invoices, CREDIT_NOTES: for_credit_notes(invoices)}


def _gap(written: NumberFormat, series: str, year: int, first: int, last: int) -> Gap:
    return Gap(written.text(series, year, first), written.text(series, year, last), last - first + 1)
