"""Gapless numbers: the format they are written in and the counter they are taken from.

A number taken in a transaction that is undone is given back by that, so a series has no gaps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select, union_all

from planctl.core.business import NUMBERING
from planctl.core.periods import Instant, local_date, zone
from planctl.errors import InvalidInput
from planctl.store.invoice_mapping import Number
from planctl.store.places import check_home
from planctl.store.sets import put_rows, table
from planctl.store.settings import setting
from planctl.values import dataclass

if TYPE_CHECKING:
    from planctl.store.engine import Tx

DEFAULT_FORMAT = NUMBERING
INVOICES = "INV"
"""The series of invoices."""

CREDIT_NOTES = "CN"
"""The series of credit notes."""

_FIELD = re.compile(r"\{(?:(series|year)|(seq)(?::0([1-9]|1[0-8]))?)\}", re.ASCII)
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A number's pattern: `{seq}` once (`{seq:05}` fills with zeros), `{series}` and `{year}` as wanted.

    With `{year}` the sequence begins again every year of issue. `prefix` stands before every number.
    """

    pattern: str = DEFAULT_FORMAT
    prefix: str = ""

    def __post_init__(self) -> None:
        rest = _FIELD.sub("", self.pattern)
        seqs = sum(match[2] is not None for match in _FIELD.finditer(self.pattern))
        if seqs == 1 and rest.isprintable() and not set("{}") & set(rest) and len(self.pattern) <= _LONGEST:
            return
        raise InvalidInput(
            "the number format is not usable",
            code="numbering-format",
            where="setting numbering.format",
            expected="text with {seq} once, and {series} and {year} as wanted",
            got=self.pattern[:_LONGEST],
            hint=f"planctl config set numbering.format '{DEFAULT_FORMAT}'",
        )

    @property
    def yearly(self) -> bool:
        """Whether the sequence begins again every year."""
        return "{year}" in self.pattern

    def text(self, series: str, year: int, sequence: int) -> str:
        """The number as it is printed."""
        words = {"series": series, "year": f"{year:04}"}

        def filled(match: re.Match[str]) -> str:
            return words[match[1]] if match[1] else str(sequence).rjust(int(match[3] or 0), "0")

        return self.prefix + _FIELD.sub(filled, self.pattern)

    def parts(self, series: str, text: str) -> tuple[int, int] | None:
        """The year (0 where the format has none) and the sequence of a number of a series; None for another text."""
        groups = {"series": re.escape(series), "year": "(?P<year>[0-9]{4,})", "seq": "(?P<seq>[0-9]+)"}
        pattern, at = re.escape(self.prefix), 0
        for match in _FIELD.finditer(self.pattern):
            name = match[1] or match[2]
            again = name == "year" and "(?P<year>" in pattern
            pattern += re.escape(self.pattern[at : match.start()]) + ("(?P=year)" if again else groups[name])
            at = match.end()
        found = re.fullmatch(pattern + re.escape(self.pattern[at:]), text, re.ASCII)
        if found is None:
            return None
        year, sequence = int(found["year"]) if self.yearly else 0, int(found["seq"])
        return (year, sequence) if self.text(series, year, sequence) == text else None


def for_credit_notes(invoices: NumberFormat) -> NumberFormat:
    """How credit notes are numbered: as invoices, with their series before it where the format has no `{series}`."""
    pattern = invoices.pattern
    return NumberFormat(pattern, prefix="" if "{series}" in pattern else f"{CREDIT_NOTES}-")


def credit_format(tx: Tx) -> NumberFormat:
    """How credit notes are numbered now."""
    return for_credit_notes(NumberFormat(setting(tx, "numbering.format", DEFAULT_FORMAT)))


@dataclass(frozen=True, slots=True)
class SeriesState:
    """One counter and what was numbered from it, for the law that numbers are consecutive."""

    series: str
    year: int
    first: int
    next: int
    used: int
    lowest: int
    highest: int


def take_numbers(
    tx: Tx, series: str, number_format: NumberFormat, issued_at: Sequence[Instant], timezone: str
) -> list[Number]:
    """The next number for every instant of issue, in order: one counter update per year in the whole list.

    The year is that of the instant in `timezone`, the store's. Take them last: from here on others wait. Refused where
    the store is not at home; a transaction that keeps nothing may foresee them there too.
    """
    if issued_at and not tx.discards:
        check_home(tx)
    tx.alone()
    tz = zone(timezone)
    days = {at: local_date(at, tz).year for at in dict.fromkeys(issued_at)} if number_format.yearly else {}
    years = [days.get(at, 0) for at in issued_at]
    upcoming = {year: _advance(tx, series, year, years.count(year)) for year in dict.fromkeys(years)}
    numbers = []
    for year in years:
        sequence, upcoming[year] = upcoming[year], upcoming[year] + 1
        numbers.append(Number(number_format.text(series, year, sequence), series, year, sequence))
    return numbers


def series_states(tx: Tx) -> list[SeriesState]:
    """Every counter with how many numbers were used and the lowest and highest of them."""
    counter = table("number_series")
    numbered = union_all(
        *(
            select(one.c.id, one.c.series, one.c.series_year, one.c.sequence)
            for one in (table("invoice"), table("credit_note"))
        )
    ).subquery()
    query = (
        select(
            counter.c.series,
            counter.c.year,
            counter.c.first,
            counter.c.next,
            func.count(numbered.c.id),
            func.coalesce(func.min(numbered.c.sequence), 0),
            func.coalesce(func.max(numbered.c.sequence), 0),
        )
        .outerjoin(
            numbered, (numbered.c.series == counter.c.series) & (numbered.c.series_year == counter.c.year)
        )
        .group_by(counter.c.series, counter.c.year, counter.c.first, counter.c.next)
        .order_by(counter.c.series, counter.c.year)
    )
    return [SeriesState(*row) for row in tx.connection.execute(query)]


def _advance(tx: Tx, series: str, year: int, how_many: int) -> int:
    """Move a counter on, made at 1 where it is missing, and return the first of the numbers taken."""
    counter = table("number_series")
    put_rows(tx, "number_series", [{"series": series, "year": year, "first": 1, "next": 1}])
    statement = (
        counter.update()
        .where(counter.c.series == series, counter.c.year == year)
        .values(next=counter.c.next + how_many)
        .returning(counter.c.next)
    )
    after: int = tx.connection.execute(statement).scalar_one()
    return after - how_many
